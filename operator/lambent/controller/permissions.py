"""Exactly what the controller does with the Kubernetes API: the chart's roles are held equal to this (tests/contract/chart).

CLUSTER: in all namespaces. OWN_NAMESPACE: only where the control plane is installed. Keys are (API group, resource).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Verbs = frozenset[str]

CLUSTER: Final[Mapping[tuple[str, str], Verbs]] = {
    # What users write: read and watched, never changed but for its status.
    ("lambent.dev", "functions"): frozenset({"get", "list", "watch"}),
    ("lambent.dev", "triggers"): frozenset({"get", "list", "watch"}),
    ("lambent.dev", "hostgrants"): frozenset({"list", "watch"}),
    ("lambent.dev", "functions/status"): frozenset({"patch"}),
    ("lambent.dev", "triggers/status"): frozenset({"patch"}),
    # blockOwnerDeletion in an owner reference asks for this where OwnerReferencesPermissionEnforcement is on (OpenShift).
    ("lambent.dev", "functions/finalizers"): frozenset({"update"}),
    # What belongs to a Function; it goes by its owner reference, so that only code, candidates and pools are deleted one by one.
    ("apps", "deployments"): frozenset({"get", "list", "watch", "create", "patch", "delete"}),
    ("apps", "replicasets"): frozenset({"list"}),
    ("", "services"): frozenset({"get", "list", "watch", "create", "patch", "delete"}),
    ("", "configmaps"): frozenset({"get", "list", "watch", "create", "delete"}),
    ("", "pods"): frozenset({"list", "watch", "create", "delete"}),
    ("networking.k8s.io", "networkpolicies"): frozenset({"get", "list", "watch", "create", "patch", "delete"}),
    ("", "events"): frozenset({"create", "patch"}),
}

OWN_NAMESPACE: Final[Mapping[tuple[str, str], Verbs]] = {
    ("coordination.k8s.io", "leases"): frozenset({"get", "create", "update"}),
}
