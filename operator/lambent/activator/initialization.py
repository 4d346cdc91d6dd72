"""INIT: how a pod's initialisation ended, as `status.initialization` has it. Pure."""

from __future__ import annotations

from typing import Any

from lambent.api import link as wire
from lambent.api.reasons import PLATFORM_INTERNAL
from lambent.api.status import FAILED, SUCCEEDED, Initialization, parse_lines


def parse_initialization(revision: str, fields: dict[str, Any]) -> Initialization:
    """INIT's fields as `status.initialization` has them; raises `FrameError` without `ok`."""
    ok = fields.get("ok")
    if not isinstance(ok, bool):
        raise wire.FrameError(f"ok of INIT must be true or false, not {ok!r}")
    duration = fields.get("durationMs")
    return Initialization(
        revision=revision,
        outcome=SUCCEEDED if ok else FAILED,
        duration_ms=float(duration) if isinstance(duration, int | float) else 0.0,
        error_type="" if ok else str(fields.get("errorType") or PLATFORM_INTERNAL.code),
        error_message="" if ok else str(fields.get("errorMessage") or ""),
        stack_trace=() if ok else parse_lines(fields.get("stackTrace")),
        traceback=() if ok else parse_lines(fields.get("traceback")),
    )


def parse_phases(fields: dict[str, Any]) -> dict[str, Any]:
    """How its start went, as far as it tells."""
    phases = fields.get("phases")
    return phases if isinstance(phases, dict) else {}
