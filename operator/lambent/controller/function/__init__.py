"""Functions: their reconcile, from what is observed through the decision to the status."""
