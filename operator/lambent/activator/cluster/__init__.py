"""The activator's edges in a Kubernetes cluster: what it watches, whom it believes, how pods are started, what it reports."""
