"""Which changes of what belongs to Functions and pools ask for a reconcile. Pure.

Most are echoes: of the controller's own writes, or of the status that others keep of them, of which decisions look at little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from lambent.api.group import LABEL_FUNCTION, LABEL_ROLE, LABEL_RUNTIME, ROLE_POOL
from lambent.controller.views import view_deployment, view_object, view_pod
from lambent.controller.work_queue import Key

FUNCTION: Final = "Function"
POOL: Final = "Pool"


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


@dataclass(frozen=True, slots=True)
class Child:
    """What is kept of an object for as long as it takes to say whether it is news."""

    uid: str
    key: Key | None
    """Whom it concerns; None: nobody."""
    own: bool
    """It has a Function as its controller, so a Function's reconcile has made it."""
    looks: int | None
    """A hash of all that decisions look at, for kinds that change in other ways; None where every change counts."""


def view_child(plural: str, body: Mapping[str, Any]) -> Child:
    """A Deployment, NetworkPolicy, Service, ConfigMap or Pod as a watch shows it."""
    metadata = body["metadata"]
    labels = metadata.get("labels") or {}
    key = None
    if LABEL_FUNCTION in labels:
        key = Key(FUNCTION, metadata.get("namespace", ""), labels[LABEL_FUNCTION])
    elif labels.get(LABEL_ROLE) == ROLE_POOL and LABEL_RUNTIME in labels:
        key = Key(POOL, metadata.get("namespace", ""), labels[LABEL_RUNTIME])
    return Child(metadata.get("uid", ""), key, bool(view_object(body).owner_uid), _looks(plural, body, labels))


def _looks(plural: str, body: Mapping[str, Any], labels: Mapping[str, str]) -> int | None:
    metadata = body["metadata"]
    if plural == "deployments":
        view = view_deployment(body)
        owned = (tuple(sorted(labels.items())), repr(metadata.get("ownerReferences")), view.deleting)
        # A generation stands for a spec, the scale in it included.
        return hash((metadata.get("generation"), *owned, view.replicas, view.failure))
    if plural == "pods":
        return hash(view_pod(body))
    return None


@dataclass(slots=True)
class ChildNews:
    """Of one kind. Remembers a hash of each object that has changed, where its kind needs one."""

    _looks: dict[str, int] = field(default_factory=dict)

    def is_news_added(self, child: Child) -> bool:
        """What a Function's reconcile has made is no news to it; anything else may stand in its way, or have waited for it."""
        self._learn(child)
        return not child.own

    def is_news_modified(self, child: Child) -> bool:
        """Whether it looks different now."""
        before = self._looks.get(child.uid)
        self._learn(child)
        return child.looks is None or before != child.looks

    def note_deleted(self, child: Child) -> None:
        """It is gone, which always is news."""
        self._looks.pop(child.uid, None)

    def _learn(self, child: Child) -> None:
        if child.looks is not None:
            self._looks[child.uid] = child.looks
