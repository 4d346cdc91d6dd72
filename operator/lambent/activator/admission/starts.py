"""When one function's activator asks for pods, and for how many."""

from __future__ import annotations

from math import ceil

from lambent.activator.admission.links import Links
from lambent.activator.admission.model import Limits, Rules
from lambent.activator.admission.waiting import Waiting


class Starts:
    """Remembers what was asked for last, so that it is not asked for at every turn."""

    __slots__ = ("_limits", "_needed", "_requested_at", "requested")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._needed = 0
        self.requested = 0
        """Pods that were asked for last, in all."""
        self._requested_at = 0.0

    def is_early(self, now: float, waiting: Waiting, links: Links) -> bool:
        """Whether nobody waits, or pods are ready and nobody has waited for long. Asked at each arrival: looks at nothing else."""
        line = waiting.line
        return not line or (links.ready > 0 and now - line[0].enqueued_at < self._limits.start_patience_seconds)

    def count_missing(self, waiting: Waiting, links: Links, rules: Rules, pace: float) -> tuple[int, int]:
        """(pods that those who wait need on top of those there are, how many of them nobody has needed before).

        For pods that are there within `start_patience_seconds`: generic ones. `pace`: seconds that an invocation takes; 0 if not known.
        """
        pods = len(links.serving)
        needed = self._count_needed(self._limits.start_patience_seconds, waiting, links, rules, pace)
        fresh = max(0, needed - max(pods, self._needed))
        self._needed = max(needed, self._needed)
        return max(0, needed - pods), fresh

    def ask(self, now: float, waiting: Waiting, links: Links, rules: Rules, pace: float) -> int | None:
        """The scale to ask for where no pool has the pods that are missing; None where it was asked for, and not too long ago.

        Pods that start at the same time on the same cores are ready at the same time, late: each waits for all others. So only a few
        start at once, and more as those come up.
        """
        serving = links.serving
        turning = sum(link.asked_at > 0 for link in serving)
        if turning and now - waiting.line[0].enqueued_at < self._limits.start_patience_seconds:
            return None  # in a moment it is known how far these get
        firm = turning + sum(link.initialized for link in serving)
        needed = self._count_needed(self._limits.start_seconds, waiting, links, rules, pace)
        goal = min(needed, firm + max(self._limits.starts_at_once, firm))
        overdue = now - self._requested_at >= self._limits.start_retry_seconds
        if goal <= len(serving) or (goal <= self.requested and not overdue):
            return None
        self.requested = max(goal, self.requested)
        self._requested_at = now
        return goal

    @staticmethod
    def _count_needed(seconds: float, waiting: Waiting, links: Links, rules: Rules, pace: float) -> int:
        """Pods in all, if more of them took `seconds` to come: who is served before that needs none."""
        serving = links.serving
        coming = sum(not link.initialized for link in serving) * rules.concurrency
        served = int(links.ready * rules.concurrency * seconds / pace) if pace > 0 else 0
        return min(rules.max_scale, len(serving) + ceil(max(0, len(waiting.line) - coming - served) / rules.concurrency))

    def forget(self) -> None:
        """Nobody waits any more."""
        self._needed = self.requested = 0

    def lost(self, left: int) -> None:
        """A pod is gone, and so many are left: what was asked for before it went does not count."""
        self.requested = min(self.requested, left)
