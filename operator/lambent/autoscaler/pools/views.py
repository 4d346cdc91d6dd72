"""Objects of pools cut down to what the autoscaler keeps of them, pure."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lambent.api.conditions import FALSE, READY, REASON_QUOTA_EXCEEDED
from lambent.api.fields import InvalidSpecError
from lambent.api.functions.function import parse_function_spec
from lambent.api.functions.gates import find_gate
from lambent.api.functions.pool import why_not_pooled
from lambent.api.functions.status import parse_status
from lambent.api.group import LABEL_RUNTIME, REFILL_GATE
from lambent.autoscaler.functions.views import version_of
from lambent.autoscaler.pools.refill import PoolKey

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PoolUser:
    """A Function that may take pods of a pool."""

    pool: PoolKey
    asked_at: float
    """When something was last asked of it that its object tells of: its creation, or its last invocation; seconds since the epoch."""
    max_scale: int


@dataclass(frozen=True, slots=True)
class PoolView:
    """A pool's Deployment."""

    name: str
    replicas: int
    version: int
    updating: bool
    """Whether pods of an older template are to be replaced."""


@dataclass(frozen=True, slots=True)
class PoolPod:
    """A pod with a pool's labels: what it runs may be a function by now."""

    name: str
    uid: str
    created_at: str
    gate: int | None
    """The place of the refill gate among the pod's gates; None where it is lifted."""
    ready: bool
    bad: bool
    """It has failed, or its container was restarted: nobody may use it any more."""
    deleting: bool


def view_user(body: Json, max_memory_bytes: int) -> PoolUser | None:
    """A Function; None where it takes no pod of a pool."""
    metadata, status = body["metadata"], body.get("status") or {}
    try:
        spec = parse_function_spec(body.get("spec"))
    except InvalidSpecError:
        return None
    if spec.runtime is None or why_not_pooled(spec, max_memory_bytes=max_memory_bytes):
        return None
    asked_at = max(_epoch(metadata.get("creationTimestamp")), _epoch(status.get("lastInvoked")))
    # One text for all Functions of a namespace: there may be ten thousand.
    return PoolUser(PoolKey(sys.intern(metadata["namespace"]), sys.intern(spec.runtime)), asked_at, spec.scaling.max_scale)


def is_refused(body: Json) -> bool:
    """Whether a Function's condition says that a quota has no room for a pod: also for one that proves a new revision."""
    ready = parse_status(body.get("status")).condition(READY)
    return ready is not None and (ready.status, ready.reason) == (FALSE, REASON_QUOTA_EXCEEDED)


def view_pool(body: Json) -> tuple[PoolKey, PoolView]:
    """A Deployment with a pool's labels."""
    metadata, status = body["metadata"], body.get("status") or {}
    # The API server defaults replicas to 1, and leaves numbers out at zero.
    replicas = (body.get("spec") or {}).get("replicas", 1)
    updating = int(status.get("updatedReplicas") or 0) < int(status.get("replicas") or 0)
    return _key(metadata), PoolView(metadata["name"], replicas, version_of(metadata.get("resourceVersion")), updating)


def view_pod(body: Json) -> tuple[PoolKey, PoolPod]:
    """A pod with a pool's labels."""
    metadata, status = body["metadata"], body.get("status") or {}
    restarts = sum(int(container.get("restartCount") or 0) for container in status.get("containerStatuses") or ())
    pod = PoolPod(
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        created_at=metadata.get("creationTimestamp") or "",
        gate=find_gate(body, REFILL_GATE),
        ready=any(item.get("type") == "Ready" and item.get("status") == "True" for item in status.get("conditions") or ()),
        bad=restarts > 0 or status.get("phase") in ("Failed", "Succeeded"),
        deleting=bool(metadata.get("deletionTimestamp")),
    )
    return _key(metadata), pod


def _key(metadata: Json) -> PoolKey:
    return PoolKey(metadata["namespace"], metadata["labels"][LABEL_RUNTIME])


def _epoch(stamp: object) -> float:
    """Seconds since the epoch of a time as Kubernetes writes it; long ago where there is none."""
    try:
        return datetime.fromisoformat(str(stamp)).timestamp() if stamp else float("-inf")
    except ValueError:
        return float("-inf")
