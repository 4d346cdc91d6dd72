"""What a reconcile writes: plans, drift from what was written, and their execution."""
