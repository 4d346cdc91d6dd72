"""Namespaces that tests make."""

from __future__ import annotations

from tests.e2e.framework.kube_api import KubeApi
from tests.support.waiting import wait_for


def ensure_namespace(api: KubeApi, name: str, level: str, **labels: str) -> None:
    """Make it, held to a level of Pod Security, after the end of an earlier one that is on its way out; returns when it takes pods."""
    wait_for(lambda: not _is_ending(api, name), f"an earlier {name} to be gone", 120)
    labels["pod-security.kubernetes.io/enforce"] = level
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    wait_for(lambda: api.get("ServiceAccount", name, "default"), f"the service account of {name}", 30)


def _is_ending(api: KubeApi, name: str) -> bool:
    found = api.get("Namespace", None, name)
    return found is not None and "deletionTimestamp" in found["metadata"]
