"""Where the time of a start went, from what activator and shim saw. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def start_parts(asked_at: float, wait_seconds: float, raised_at: float | None, phases: Mapping[str, Any]) -> dict[str, float]:
    """Milliseconds by part, in order, together the wait.

    `scale` (until the scale was written), `schedule` (until the shim's first instruction: scheduler, kubelet, container), `shim` (until
    its hello), `import` (until the handler was ready), `send` (until the invocation was on its way). `asked_at` and `raised_at` are
    seconds since the epoch, `phases` a shim's (docs/runtime-contract.md). Clocks of two nodes may differ: no part is below zero. Empty
    where the pod's start began before it was asked for.
    """
    end = asked_at + wait_seconds
    times = [phases.get(name) for name in ("startedAt", "helloMs", "initMs")]
    if not all(isinstance(value, int | float) for value in times):
        return {}
    started, hello, ready = (float(value) / 1000 for value in times if value is not None)
    if started <= asked_at:
        return {}
    marks = [("scale", raised_at if raised_at is not None and asked_at <= raised_at <= started else asked_at)]
    marks += [("schedule", started), ("shim", started + hello), ("import", started + max(hello, ready)), ("send", end)]
    parts = {}
    before = asked_at
    for name, mark in marks:
        at = min(max(mark, before), end)
        parts[name] = (at - before) * 1000
        before = at
    return parts
