"""How many lines of one kind may go to the log: callers decide how often they are refused, and must not decide what the log costs. Pure."""

from __future__ import annotations

from collections.abc import Hashable

LINES = 10
"""Of one kind in each second. The metrics count all."""
SECONDS = 1.0
_MOST_KINDS = 1024


class LogQuota:
    """Counts lines by kind."""

    def __init__(self) -> None:
        self._began = float("-inf")
        self._counts: dict[Hashable, int] = {}
        self._left_out: dict[Hashable, int] = {}
        """By kind, since its last line."""

    def take(self, kind: Hashable, now: float) -> int:
        """How many of the kind were left out since its last line, where another may be written now; else -1."""
        if now - self._began >= SECONDS:
            self._began = now
            self._counts.clear()
        count = self._counts.get(kind, 0)
        if count >= LINES or (not count and len(self._counts) >= _MOST_KINDS):
            if kind in self._left_out or len(self._left_out) < _MOST_KINDS:
                self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return -1
        self._counts[kind] = count + 1
        return self._left_out.pop(kind, 0)
