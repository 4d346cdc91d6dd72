"""A Function's status: what the controller, the activator and the autoscaler say about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lambent.api.conditions import Condition, find_condition, parse_condition

SUCCEEDED: Final = "Succeeded"
FAILED: Final = "Failed"


@dataclass(frozen=True, slots=True)
class Initialization:
    """How the last initialisation of a revision ended, as its shim told an activator."""

    revision: str
    outcome: str
    duration_ms: float = 0.0
    error_type: str = ""
    error_message: str = ""
    stack_trace: tuple[str, ...] = ()
    """As callers get it; Lambda's has no frames for import errors."""
    traceback: tuple[str, ...] = ()
    """Where in the user's code an import failed, for people."""

    @property
    def succeeded(self) -> bool:
        """Whether the handler could be imported."""
        return self.outcome == SUCCEEDED

    def to_dict(self) -> dict[str, Any]:
        """As `status.initialization` holds it."""
        return {
            "revision": self.revision,
            "outcome": self.outcome,
            "durationMs": self.duration_ms,
            "errorType": self.error_type,
            "errorMessage": self.error_message,
            "stackTrace": list(self.stack_trace),
            "traceback": list(self.traceback),
        }


@dataclass(frozen=True, slots=True)
class FunctionStatus:
    """`status`, empty strings where nothing was said yet."""

    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()
    latest_revision: str = ""
    ready_revision: str = ""
    initialization: Initialization | None = None
    replicas: int = 0
    desired_replicas: int = 0
    selector: str = ""
    url: str = ""
    code_sha256: str = ""
    version: str = ""
    last_invoked: str = ""

    def condition(self, condition_type: str) -> Condition | None:
        """The condition of that type, if there is one."""
        return find_condition(self.conditions, condition_type)


def parse_status(body: Mapping[str, Any] | None) -> FunctionStatus:
    """`status` as it stands; what is missing or of another shape is empty, since status is never a reason to stop."""
    status = body if isinstance(body, Mapping) else {}
    conditions = status.get("conditions")
    return FunctionStatus(
        observed_generation=_integer(status.get("observedGeneration")),
        conditions=tuple(parse_condition(item) for item in conditions if isinstance(item, Mapping)) if isinstance(conditions, list) else (),
        latest_revision=_string(status.get("latestRevision")),
        ready_revision=_string(status.get("readyRevision")),
        initialization=_parse_initialization(status.get("initialization")),
        replicas=_integer(status.get("replicas")),
        desired_replicas=_integer(status.get("desiredReplicas")),
        selector=_string(status.get("selector")),
        url=_string(status.get("url")),
        code_sha256=_string(status.get("codeSha256")),
        version=_string(status.get("version")),
        last_invoked=_string(status.get("lastInvoked")),
    )


def _parse_initialization(body: object) -> Initialization | None:
    if not isinstance(body, Mapping) or not body.get("revision"):
        return None
    duration = body.get("durationMs")
    return Initialization(
        revision=_string(body.get("revision")),
        outcome=_string(body.get("outcome")),
        duration_ms=float(duration) if isinstance(duration, int | float) else 0.0,
        error_type=_string(body.get("errorType")),
        error_message=_string(body.get("errorMessage")),
        stack_trace=parse_lines(body.get("stackTrace")),
        traceback=parse_lines(body.get("traceback")),
    )


def parse_lines(value: object) -> tuple[str, ...]:
    """The lines of a trace; none where it is no list."""
    return tuple(str(line) for line in value) if isinstance(value, list) else ()


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _integer(value: object) -> int:
    return value if isinstance(value, int) else 0
