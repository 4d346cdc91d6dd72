"""What decisions need of live objects: small views of Deployments, Pods, ReplicaSets and ConfigMaps, read from their JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambent.api.group import LABEL_ORIGIN, LABEL_REVISION, LABEL_ROLE, ORIGIN_POOL, ROLE_CANDIDATE
from lambent.controller.resources.labels import LABEL_CODE

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ObjectView:
    """Any child object: who it is, whose it is, and the whole body for comparison."""

    name: str
    uid: str
    owner_uid: str
    """uid of the Function that controls it; empty where no Function does."""
    owner_name: str
    deleting: bool
    body: Body


@dataclass(frozen=True, slots=True)
class Counts:
    """How many pods a Deployment has, and should have."""

    replicas: int = 0
    desired_replicas: int = 0


@dataclass(frozen=True, slots=True)
class DeploymentView(ObjectView):
    """A Function's Deployment."""

    revision: str
    code: str
    desired_replicas: int
    replicas: int
    failure: str
    """The message of its ReplicaFailure condition: pods that quota or admission refuse."""

    @property
    def counts(self) -> Counts:
        """How many pods it has, and should have."""
        return Counts(self.replicas, self.desired_replicas)


@dataclass(frozen=True, slots=True)
class ContainerState:
    """The state of a pod's `function` container."""

    waiting_reason: str = ""
    waiting_message: str = ""
    restarts: int = 0
    exit_code: int | None = None
    exit_reason: str = ""
    exit_message: str = ""


@dataclass(frozen=True, slots=True)
class PodView:
    """A pod of a Function: of its Deployment, or a candidate."""

    name: str
    uid: str
    revision: str
    code: str
    candidate: bool
    deleting: bool
    phase: str
    ready: bool
    unschedulable: str
    """Why the scheduler finds no node; empty where it did."""
    container: ContainerState
    from_pool: bool = False
    """It was ready before it was this function's: that it is says nothing of the code."""


@dataclass(frozen=True, slots=True)
class CodeView:
    """A ReplicaSet's use of a code ConfigMap."""

    name: str
    uid: str
    code: str


@dataclass(frozen=True, slots=True)
class CodeMapView(ObjectView):
    """A ConfigMap with a Function's label: one with its code, if it is the Function's."""

    code: str
    """By its label, the digest."""
    has_contents: bool
    """Whether `body` has what is in it; a list does not."""


def view_object(body: Body) -> ObjectView:
    """Any object."""
    return ObjectView(*_identity(body))


def view_deployment(body: Body) -> DeploymentView:
    """A Deployment."""
    spec, status = body.get("spec") or {}, body.get("status") or {}
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    failures = [item for item in status.get("conditions") or [] if item.get("type") == "ReplicaFailure" and item.get("status") == "True"]
    return DeploymentView(
        *_identity(body),
        revision=labels.get(LABEL_REVISION, ""),
        code=labels.get(LABEL_CODE, ""),
        desired_replicas=int(spec.get("replicas", 1)),
        replicas=int(status.get("replicas") or 0),
        failure=str(failures[0].get("message", "")) if failures else "",
    )


def hash_deployment(body: Body) -> int:
    """Return a hash of all that decisions look at in a Deployment, but for its counts: equal ones need no second look.

    A generation would stand for a spec, but for one with the scale in it.
    """
    metadata = body["metadata"]
    spec = {name: value for name, value in (body.get("spec") or {}).items() if name != "replicas"}
    view = view_deployment(body)
    owned = (metadata.get("uid"), tuple(sorted((metadata.get("labels") or {}).items())), repr(metadata.get("ownerReferences")))
    return hash((json.dumps(spec, sort_keys=True, default=str), *owned, view.deleting, view.failure))


def view_pod(body: Body) -> PodView:
    """A pod."""
    metadata, status = body["metadata"], body.get("status") or {}
    labels = metadata.get("labels") or {}
    conditions = {item.get("type"): item for item in status.get("conditions") or []}
    scheduled = conditions.get("PodScheduled") or {}
    return PodView(
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        revision=labels.get(LABEL_REVISION, ""),
        code=labels.get(LABEL_CODE, ""),
        candidate=labels.get(LABEL_ROLE) == ROLE_CANDIDATE,
        deleting=bool(metadata.get("deletionTimestamp")),
        phase=status.get("phase", "Pending"),
        ready=(conditions.get("Ready") or {}).get("status") == "True",
        unschedulable=scheduled.get("message", "") if scheduled.get("reason") == "Unschedulable" else "",
        container=_view_container(status),
        from_pool=labels.get(LABEL_ORIGIN) == ORIGIN_POOL,
    )


def view_code(body: Body) -> CodeMapView:
    """A code ConfigMap, or no more than its metadata."""
    code = (body["metadata"].get("labels") or {}).get(LABEL_CODE, "")
    return CodeMapView(*_identity(body), code=code, has_contents="data" in body)


def view_replica_set(body: Body) -> CodeView | None:
    """The code that a ReplicaSet's pods use; None where it wants none and has none."""
    spec, status = body.get("spec") or {}, body.get("status") or {}
    if not spec.get("replicas") and not status.get("replicas"):
        return None
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    return CodeView(body["metadata"]["name"], body["metadata"].get("uid", ""), labels.get(LABEL_CODE, ""))


def _identity(body: Body) -> tuple[str, str, str, str, bool, Body]:
    metadata = body["metadata"]
    owner: Mapping[str, Any] = next(
        (item for item in metadata.get("ownerReferences") or [] if item.get("controller") and item.get("kind") == "Function"),
        {},
    )
    deleting = bool(metadata.get("deletionTimestamp"))
    return metadata["name"], metadata.get("uid", ""), owner.get("uid", ""), owner.get("name", ""), deleting, body


def _view_container(status: Body) -> ContainerState:
    states = status.get("containerStatuses") or []
    if not states:
        return ContainerState()
    state = states[0]
    waiting = (state.get("state") or {}).get("waiting") or {}
    ended = (state.get("state") or {}).get("terminated") or (state.get("lastState") or {}).get("terminated") or {}
    return ContainerState(
        waiting_reason=waiting.get("reason", ""),
        waiting_message=waiting.get("message", ""),
        restarts=int(state.get("restartCount") or 0),
        exit_code=ended.get("exitCode"),
        exit_reason=ended.get("reason", ""),
        exit_message=ended.get("message", ""),
    )
