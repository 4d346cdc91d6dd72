"""Scheduling gates of pods: where one is, and the patch that lifts it. Pure.

A gate can be taken from a pod, and none can be added (Kubernetes, "Pod Scheduling Readiness").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def find_gate(pod: Mapping[str, Any], gate: str) -> int | None:
    """Return a gate's place among the pod's gates; None where it is lifted, or never was there."""
    names = [item.get("name") for item in (pod.get("spec") or {}).get("schedulingGates") or ()]
    return names.index(gate) if gate in names else None


def build_lift(uid: str, gate: str, place: int) -> list[dict[str, Any]]:
    """The JSON patch (RFC 6902) that lifts it.

    Others may gate pods too, and the list may have changed: only what is still that pod's gate goes, else the API server answers 422.
    """
    path = f"/spec/schedulingGates/{place}"
    return [
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "test", "path": path, "value": {"name": gate}},
        {"op": "remove", "path": path},
    ]
