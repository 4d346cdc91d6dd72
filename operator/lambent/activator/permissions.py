"""Exactly what the activator does with the Kubernetes API: the chart's roles are held equal to this (tests/contract/chart).

CLUSTER: in all namespaces. OWN_NAMESPACE: only where the control plane is installed. Keys are (API group, resource).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Verbs = frozenset[str]

CLUSTER: Final[Mapping[tuple[str, str], Verbs]] = {
    # Routing and admission.
    ("lambent.dev", "functions"): frozenset({"get", "list", "watch"}),
    ("lambent.dev", "triggers"): frozenset({"list", "watch"}),
    ("lambent.dev", "hostgrants"): frozenset({"list", "watch"}),
    # How revisions initialise.
    ("lambent.dev", "functions/status"): frozenset({"patch"}),
    # Pods from zero.
    ("apps", "deployments/scale"): frozenset({"get", "patch"}),
    # Whose a shim is: its token, and the function its pod belongs to.
    ("authentication.k8s.io", "tokenreviews"): frozenset({"create"}),
    # Pods that become a function are handed to its ReplicaSet and resized; those that are nobody's are ended.
    # Those of functions are watched while they have no node, and let start.
    ("", "pods"): frozenset({"get", "list", "watch", "patch", "delete"}),
    ("", "pods/resize"): frozenset({"patch"}),
    ("apps", "replicasets"): frozenset({"list"}),
}

OWN_NAMESPACE: Final[Mapping[tuple[str, str], Verbs]] = {
    # The other activators.
    ("discovery.k8s.io", "endpointslices"): frozenset({"list", "watch"}),
}
