"""What the shim counts, as plain numbers: `metrics` turns them into Prometheus' format when somebody asks."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

DURATION_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0)
"""Seconds."""


class Tally:
    """Counts since the shim started."""

    def __init__(self) -> None:
        self.invocations: dict[str, int] = {}
        """By reason; success is the empty one."""
        self.duration_counts = [0] * (len(DURATION_BUCKETS) + 1)
        self.duration_sum = 0.0
        self.running = 0
        self.peak_memory_mib = 0
        self.initialisations: dict[bool, int] = {}
        self.init_seconds = 0.0
        """Of the last one that succeeded."""

    def count(self, reason: str | None, duration_seconds: float, memory_mib: int) -> None:
        """One invocation has ended."""
        key = reason or ""
        self.invocations[key] = self.invocations.get(key, 0) + 1
        self.duration_counts[bisect_left(DURATION_BUCKETS, duration_seconds)] += 1
        self.duration_sum += duration_seconds
        self.peak_memory_mib = max(self.peak_memory_mib, memory_mib)

    def initialised(self, *, ok: bool, duration_ms: float) -> None:
        """One initialisation has ended."""
        self.initialisations[ok] = self.initialisations.get(ok, 0) + 1
        if ok:
            self.init_seconds = duration_ms / 1000
