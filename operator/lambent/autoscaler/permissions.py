"""What the autoscaler does in the Kubernetes API, as data: (API group, resource, verbs). A test holds the chart's RBAC equal to it."""

from __future__ import annotations

from typing import Final

PERMISSIONS: Final = (
    ("lambent.dev", "functions", ("list", "watch")),  # spec.scaling, concurrency
    ("lambent.dev", "functions/status", ("patch",)),  # lastInvoked
    ("apps", "deployments", ("list", "watch")),  # replicas, ready
    ("apps", "deployments/scale", ("get", "patch")),  # the decision
    ("authentication.k8s.io", "tokenreviews", ("create",)),  # who pushes statistics
)
"""In the whole cluster."""

NAMESPACE_PERMISSIONS: Final = (
    ("coordination.k8s.io", "leases", ("get", "create", "update")),  # one leader
)
"""In the control plane's own namespace."""
