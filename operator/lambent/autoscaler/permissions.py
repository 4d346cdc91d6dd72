"""What the autoscaler does in the Kubernetes API, as data; a contract test holds the chart's RBAC equal to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Permissions = Mapping[tuple[str, str], frozenset[str]]
"""Verbs by (API group, resource)."""

CLUSTER: Final[Permissions] = {
    ("lambent.dev", "functions"): frozenset({"list", "watch"}),  # spec.scaling, concurrency
    ("lambent.dev", "functions/status"): frozenset({"patch"}),  # lastInvoked
    ("apps", "deployments"): frozenset({"list", "watch"}),  # replicas, ready; those of pools too
    ("apps", "deployments/scale"): frozenset({"get", "patch"}),  # the decision
    ("", "pods"): frozenset({"list", "watch", "patch", "delete"}),  # of pools alone: gates are lifted, used pods go
    ("authentication.k8s.io", "tokenreviews"): frozenset({"create"}),  # who pushes statistics
}
OWN_NAMESPACE: Final[Permissions] = {
    ("coordination.k8s.io", "leases"): frozenset({"get", "create", "update"}),  # one leader
}
