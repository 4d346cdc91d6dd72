"""Which changes of what belongs to Functions and pools ask for a reconcile. Pure.

Most are echoes: of the controller's own writes, or of the status that others keep of them, of which decisions look at little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, NamedTuple

from lambent.api.group import LABEL_FUNCTION, LABEL_ROLE, LABEL_RUNTIME, ROLE_POOL
from lambent.controller.function.diagnosis import diagnose_pods
from lambent.controller.queue.work_queue import FUNCTION, POOL, Key
from lambent.controller.writes.views import Counts, PodView, hash_deployment, view_deployment, view_object, view_pod


class Resource(NamedTuple):
    """One kind that is watched, of Functions or of pools."""

    group_version: str
    plural: str
    delay_seconds: float
    """How long the reconcile after a change waits for further ones: pods come with many, in bursts, just when the machine has better things
    to do."""
    of_pools: bool = False

    @property
    def selector(self) -> str:
        """Label selector of the watch."""
        return f"{LABEL_ROLE}={ROLE_POOL}" if self.of_pools else LABEL_FUNCTION


RESOURCES: Final = (
    Resource("apps/v1", "deployments", 0.2),
    Resource("networking.k8s.io/v1", "networkpolicies", 0.1),
    Resource("v1", "services", 0.1),
    Resource("v1", "configmaps", 0.1),
    Resource("v1", "pods", 0.4),
    # Of a pool, whose Deployment changes with each of its pods, nothing is in a hurry.
    Resource("apps/v1", "deployments", 1.0, of_pools=True),
    Resource("networking.k8s.io/v1", "networkpolicies", 1.0, of_pools=True),
)


class News(Enum):
    """What a change asks for."""

    NONE = "nothing"
    COUNTS = "nothing but a new count where the Function is at rest, a reconcile elsewhere"
    LOOKS = "a reconcile that reads everything, unless a reconcile has just written it so"
    ANY = "a reconcile that reads everything"


@dataclass(frozen=True, slots=True)
class Child:
    """What is kept of an object for as long as it takes to say whether it is news."""

    uid: str
    key: Key | None
    """Whom it concerns; None: nobody."""
    own: bool
    """It has a Function as its controller, so a Function's reconcile has made it."""
    looks: int | None
    """A hash of all that decisions look at, for kinds that change in other ways; None where every change counts. Without the counts."""
    counts: Counts | None = None
    """Of a Deployment."""
    is_well: bool = False
    """A pod that can change nothing for a Function at rest: no candidate, and in no trouble."""

    @property
    def change(self) -> News:
        """What it asks for where it has come, gone, or looks different."""
        return News.COUNTS if self.is_well else News.ANY


def view_child(plural: str, body: Mapping[str, Any]) -> Child:
    """A Deployment, NetworkPolicy, Service, ConfigMap or Pod as a watch shows it."""
    metadata = body["metadata"]
    labels = metadata.get("labels") or {}
    key = None
    if LABEL_FUNCTION in labels:
        key = Key(FUNCTION, metadata.get("namespace", ""), labels[LABEL_FUNCTION])
    elif labels.get(LABEL_ROLE) == ROLE_POOL and LABEL_RUNTIME in labels:
        key = Key(POOL, metadata.get("namespace", ""), labels[LABEL_RUNTIME])
    uid, own = metadata.get("uid", ""), bool(view_object(body).owner_uid)
    if plural == "deployments":
        return Child(uid, key, own, hash_deployment(body), counts=view_deployment(body).counts)
    if plural == "pods":
        pod = view_pod(body)
        return Child(uid, key, own, hash(pod), is_well=_is_well(pod))
    return Child(uid, key, own, None)


def _is_well(pod: PodView) -> bool:
    return not pod.candidate and diagnose_pods([pod]) is None


@dataclass(slots=True)
class ChildNews:
    """The news of one kind: remembers a hash of each object that has changed, where the kind needs one."""

    _looks: dict[str, tuple[int, Counts | None]] = field(default_factory=dict)

    def judge_added(self, child: Child) -> News:
        """What a Function's reconcile has made is no news to it; anything else may stand in its way, or have waited for it."""
        self._learn(child)
        return News.NONE if child.own else child.change

    def judge_modified(self, child: Child) -> News:
        """Whether it looks different now."""
        before = self._looks.get(child.uid)
        self._learn(child)
        if child.looks is None:
            return child.change
        looked, counted = before if before is not None else (None, None)
        if looked != child.looks:
            return News.LOOKS if child.counts is not None else child.change
        return News.NONE if counted == child.counts else News.COUNTS

    def judge_deleted(self, child: Child) -> News:
        """Return what an object asks for that is gone, which always is news."""
        self._looks.pop(child.uid, None)
        return child.change

    def _learn(self, child: Child) -> None:
        if child.looks is not None:
            self._looks[child.uid] = child.looks, child.counts
