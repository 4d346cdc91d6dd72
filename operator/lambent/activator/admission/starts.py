"""When one function's activator asks for pods, and for how many."""

from __future__ import annotations

from math import ceil

from lambent.activator.admission.links import Links
from lambent.activator.admission.model import Limits, Rules
from lambent.activator.admission.waiting import Waiting


class Starts:
    """Remembers what was asked for last, so that it is not asked for at every turn."""

    __slots__ = ("_limits", "_requested", "_requested_at", "fresh")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._requested = 0
        self._requested_at = 0.0
        self.fresh = 0
        """Pods that the last plan asked for and none before it."""

    def plan(self, now: float, waiting: Waiting, links: Links, rules: Rules) -> int | None:
        """As many pods as those that wait need, on top of those there are; None where nothing is to be asked for now."""
        line = waiting.line
        if not line or (links.ready and now - line[0].enqueued_at < self._limits.start_patience_seconds):
            return None
        serving = links.serving
        coming = sum(not link.initialized for link in serving) * rules.concurrency
        needed = min(rules.max_scale, len(serving) + ceil(max(0, len(line) - coming) / rules.concurrency))
        overdue = now - self._requested_at >= self._limits.start_retry_seconds
        if needed <= len(serving) or (needed <= self._requested and not overdue):
            return None
        self.fresh = max(0, needed - max(len(serving), self._requested))
        self._requested = max(needed, self._requested)
        self._requested_at = now
        return needed

    def forget(self) -> None:
        """Nobody waits any more."""
        self._requested = 0

    def lost(self, left: int) -> None:
        """A pod is gone, and so many are left: what was asked for before it went does not count."""
        self._requested = min(self._requested, left)
