"""Exactly what the autoscaler does with the Kubernetes API: the chart's roles are held equal to this (tests/contract/chart).

CLUSTER: in all namespaces. OWN_NAMESPACE: only where the control plane is installed. Keys are (API group, resource).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Verbs = frozenset[str]

CLUSTER: Final[Mapping[tuple[str, str], Verbs]] = {
    # spec.scaling, concurrency.
    ("lambent.dev", "functions"): frozenset({"list", "watch"}),
    # lastInvoked.
    ("lambent.dev", "functions/status"): frozenset({"patch"}),
    # Replicas and how many are ready.
    ("apps", "deployments"): frozenset({"list", "watch"}),
    # The decision.
    ("apps", "deployments/scale"): frozenset({"get", "patch"}),
    # Who pushes statistics.
    ("authentication.k8s.io", "tokenreviews"): frozenset({"create"}),
}

OWN_NAMESPACE: Final[Mapping[tuple[str, str], Verbs]] = {
    # One leader.
    ("coordination.k8s.io", "leases"): frozenset({"get", "create", "update"}),
}
