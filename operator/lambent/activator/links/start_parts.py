"""Where the time of a start went, from what activator and shim saw. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CLOCK_SECONDS = 0.005
"""How far off the time may be at which an invocation was asked for."""


def start_parts(asked_at: float, wait_seconds: float, raised_at: float | None, phases: Mapping[str, Any]) -> dict[str, float]:
    """Milliseconds by part, in order, together the wait.

    `scale` (until the scale was written, and the pod let go), `schedule` (until the shim's first instruction: scheduler, kubelet,
    container), `shim` (until its hello), `import` (until the handler was ready), `send` (until the invocation was on its way). `asked_at`
    and `raised_at` are seconds since the epoch, `phases` a shim's (docs/runtime-contract.md). Clocks of two nodes may differ: no part is
    below zero. Empty where the pod's start began before it was asked for.
    """
    end = asked_at + wait_seconds
    became = phases.get("becomeMs")
    if isinstance(became, int | float):
        return _parts_of_becoming(asked_at, end, became, phases)
    times = [phases.get(name) for name in ("startedAt", "helloMs", "initMs")]
    if not all(isinstance(value, int | float) for value in times):
        return {}
    started, hello, ready = (float(value) / 1000 for value in times if value is not None)
    if started <= asked_at:
        return {}
    marks = [("scale", raised_at if raised_at is not None and asked_at <= raised_at <= started else asked_at)]
    marks += [("schedule", started), ("shim", started + hello), ("import", started + max(hello, ready)), ("send", end)]
    return _measure(asked_at, end, marks)


def _parts_of_becoming(asked_at: float, end: float, became: float, phases: Mapping[str, Any]) -> dict[str, float]:
    """Of a pod from a pool: `become` (until it knew what), `import`, `send`."""
    started, ready = phases.get("startedAt"), phases.get("initMs")
    if not isinstance(started, int | float) or not isinstance(ready, int | float):
        return {}
    # The event loop's clock has whole milliseconds, and a pod is told within the first.
    if (started + became) / 1000 <= asked_at - CLOCK_SECONDS:
        return {}
    return _measure(asked_at, end, [("become", (started + became) / 1000), ("import", (started + ready) / 1000), ("send", end)])


def _measure(asked_at: float, end: float, marks: list[tuple[str, float]]) -> dict[str, float]:
    parts = {}
    before = asked_at
    for name, mark in marks:
        at = min(max(mark, before), end)
        parts[name] = (at - before) * 1000
        before = at
    return parts
