"""How many pods of one function start at the same time, learnt from how long their starts take.

Starts that run at the same time on the same cores are done at the same time, late: each waits for all others. How many the cluster has
room for is not known, so it is found out as TCP Vegas finds out what a path carries: one more for each start that comes up about as
quickly as the quickest, fewer where starts take longer.
"""

from __future__ import annotations

_QUICK = 1.5
"""A start is quick that takes at most so many times as long as the quickest one."""


class Window:
    """Of one burst. Told how many pods are firm (initialised, or about to be without a start) and how many were asked for, in all."""

    __slots__ = ("_asked_at", "_best", "_firm", "_least", "_least_seconds", "_shrunk_at", "size")

    def __init__(self, least: int, least_seconds: float, firm: int) -> None:
        """Never fewer than `least`; whatever seems to have come up within less than `least_seconds` was not started for us."""
        self._least = least
        self._least_seconds = least_seconds
        self.size = least
        """Pods that may be starting."""
        self._best = 0.0
        """Seconds that the quickest start took; 0: none has come up yet."""
        self._firm = firm
        self._asked_at: list[float] = []
        """When the scale asked for first was so high, for each pod above `_firm`. A list: they are few, and an empty deque is large."""
        self._shrunk_at = float("-inf")

    def ask(self, goal: int, now: float) -> None:
        """So many pods in all are asked for."""
        self._asked_at.extend([now] * (goal - self._firm - len(self._asked_at)))

    def observe(self, firm: int, now: float) -> None:
        """So many pods are firm. Pods come up in the order they were asked for, as far as can be told."""
        if firm < self._firm:
            self._asked_at.clear()  # one is gone: whose place the next one takes is not known
        for _ in range(firm - self._firm):
            if self._asked_at:
                self._come_up(self._asked_at.pop(0), now)
        self._firm = firm

    def _come_up(self, asked_at: float, now: float) -> None:
        took = max(now - asked_at, self._least_seconds)
        self._best = min(took, self._best or took)
        if took <= _QUICK * self._best:
            self.size += 1
        elif asked_at >= self._shrunk_at:
            # Once for all that were under way together: they are late for the same reason.
            self.size = max(self._least, int(self.size * self._best / took))
            self._shrunk_at = now
