"""The shapes of a reconcile: what was observed, and the plan that a decision makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lambent.api.functions.files import CodeFiles
from lambent.api.functions.function import Function
from lambent.controller.writes.drift import Accepted, Manifest, build_repair, has_drifted
from lambent.controller.writes.problem import Problem
from lambent.controller.writes.views import CodeMapView, CodeView, DeploymentView, ObjectView, PodView

NORMAL: Final = "Normal"
WARNING: Final = "Warning"


@dataclass(frozen=True, slots=True)
class Observed:
    """A Function and everything that belongs to it, as last read."""

    function: Function
    stored_status: Mapping[str, Any] = field(default_factory=dict)
    """The status as the API server has it: only what differs is written."""
    code: CodeFiles | None = None
    code_problem: Problem | None = None
    deployment: DeploymentView | None = None
    service: ObjectView | None = None
    network_policy: ObjectView | None = None
    code_maps: tuple[CodeMapView, ...] = ()
    replica_sets: tuple[CodeView, ...] = ()
    pods: tuple[PodView, ...] = ()
    accepted: Mapping[str, Accepted] = field(default_factory=dict)
    """By kind: what the API server made of the last write."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """By kind: what the API server said when it refused a write of the plan before."""
    met: tuple[str, ObjectView] | None = None
    """Kind and object that a write of the plan before met under a name it needs."""


@dataclass(frozen=True, slots=True)
class Create:
    """A new object."""

    body: Manifest

    @property
    def kind(self) -> str:
        """The object's kind."""
        return str(self.body["kind"])


@dataclass(frozen=True, slots=True)
class Repair:
    """A JSON patch that puts an object right."""

    built: Manifest
    operations: tuple[Mapping[str, Any], ...]

    @property
    def kind(self) -> str:
        """The object's kind."""
        return str(self.built["kind"])


@dataclass(frozen=True, slots=True)
class Delete:
    """Removes one object, never a newer one of the same name."""

    kind: str
    name: str
    uid: str


Write = Create | Repair | Delete


def ensure(built: Manifest, live: Manifest | None, accepted: Mapping[str, Accepted], *, first: Manifest | None = None) -> list[Write]:
    """What makes `live` what was built: nothing, the object itself (as `first`, where it begins with more), or a repair."""
    if live is None:
        return [Create(built if first is None else first)]
    if not has_drifted(built, live, accepted.get(built["kind"])):
        return []
    return [Repair(built, tuple(build_repair(built, live)))]


@dataclass(frozen=True, slots=True)
class Notice:
    """An Event for the user."""

    type: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Writes first, in order, then the status, then the events; all may be empty."""

    writes: tuple[Write, ...] = ()
    status: Mapping[str, Any] | None = None
    """A merge patch of the status; None where it says all already."""
    notices: tuple[Notice, ...] = ()
    requeue_seconds: float | None = None
