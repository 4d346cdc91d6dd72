"""Labels and owner references of everything that belongs to a Function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lambent.api.functions.function import Function
from lambent.api.group import API_VERSION, LABEL_FUNCTION, LABEL_REVISION, LABEL_ROLE, ROLE_FUNCTION

LABEL_CODE: Final = "lambent.dev/code"
"""On code ConfigMaps, and on pods that mount one: the digest of the code."""
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "lambent"
"""On everything that the controller makes, and on nothing that Helm does."""


def object_labels(function: Function) -> dict[str, str]:
    """Labels of every child object."""
    return {
        LABEL_FUNCTION: function.name,
        "app.kubernetes.io/name": function.name,
        "app.kubernetes.io/instance": function.name,
        "app.kubernetes.io/component": "function",
        LABEL_MANAGED_BY: MANAGED_BY,
        "app.kubernetes.io/part-of": "lambent",
    }


def pod_labels(function: Function, revision: str, role: str, code: str) -> dict[str, str]:
    """Labels of a pod of one revision; without code of its own it has no code label."""
    labels = object_labels(function) | {LABEL_REVISION: revision, LABEL_ROLE: role}
    return labels | {LABEL_CODE: code} if code else labels


def pod_selector(function_name: str) -> dict[str, str]:
    """Which pods are those of the Deployment; a candidate is none of them."""
    return {LABEL_FUNCTION: function_name, LABEL_ROLE: ROLE_FUNCTION}


def format_selector(labels: Mapping[str, str]) -> str:
    """As a query parameter and as `status.selector` have it."""
    return ",".join(f"{key}={value}" for key, value in labels.items())


def owner_reference(function: Function) -> dict[str, Any]:
    """Makes an object go with its Function."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Function",
        "name": function.name,
        "uid": function.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def child_metadata(function: Function, name: str) -> dict[str, Any]:
    """Metadata of a child object."""
    return {
        "name": name,
        "namespace": function.namespace,
        "labels": object_labels(function),
        "ownerReferences": [owner_reference(function)],
    }
