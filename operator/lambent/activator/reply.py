"""What comes back for an invocation: the function's own answer, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lambent.activator.admission.model import Failure


@dataclass(slots=True)
class Reply:
    """A function's answer as its shim gave it.

    `meta` is the RESULT frame's: durationMs, billedMs, memoryMb, initMs?, reason?, logTail?. Times below are seconds.
    """

    payload: bytes
    function_error: bool
    meta: dict[str, Any]
    queue_seconds: float = 0.0
    """From arrival until it was sent."""
    total_seconds: float = 0.0
    """From arrival until the answer was complete."""
    waited_for_start: bool = False
    start_parts: dict[str, float] | None = None
    """Where the time of the start went, in milliseconds by part (`lambent.activator.links.start_parts`)."""


Answer = Reply | Failure
