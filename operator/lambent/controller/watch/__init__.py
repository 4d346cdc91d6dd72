"""What happened in the cluster: watches, and which of their events ask for a reconcile."""
