"""INIT: how a pod's initialisation ended, as `status.initialization` has it. Pure."""

from __future__ import annotations

from typing import Any, Final

from lambent.api import link as wire
from lambent.api.functions.status import FAILED, SUCCEEDED, Initialization, parse_lines
from lambent.api.reasons import PLATFORM_INTERNAL

PHASES: Final = ("startedAt", "helloMs", "welcomeMs", "becomeMs", "initMs")
"""What a shim tells of its start (docs/runtime-contract.md, "Cold start")."""
_LONGEST_MS: Final = 1e14
"""The year 5138, since the epoch."""


def parse_initialization(revision: str, fields: dict[str, Any]) -> Initialization:
    """INIT's fields as `status.initialization` has them; raises `FrameError` without `ok`."""
    ok = fields.get("ok")
    if not isinstance(ok, bool):
        raise wire.FrameError(f"ok of INIT must be true or false, not {ok!r}")
    return Initialization(
        revision=revision,
        outcome=SUCCEEDED if ok else FAILED,
        duration_ms=as_milliseconds(fields.get("durationMs")) or 0.0,
        error_type="" if ok else str(fields.get("errorType") or PLATFORM_INTERNAL.code),
        error_message="" if ok else str(fields.get("errorMessage") or ""),
        stack_trace=() if ok else parse_lines(fields.get("stackTrace")),
        traceback=() if ok else parse_lines(fields.get("traceback")),
    )


def parse_phases(fields: dict[str, Any]) -> dict[str, float]:
    """How its start went, as far as it tells, and as far as that can be: each name would be a metric's label."""
    phases = fields.get("phases")
    if not isinstance(phases, dict):
        return {}
    times = {name: as_milliseconds(phases.get(name)) for name in PHASES}
    return {name: value for name, value in times.items() if value is not None}


def as_milliseconds(value: Any) -> float | None:
    """A time that a shim tells; None where it is none."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= _LONGEST_MS:
        return None
    return float(value)
