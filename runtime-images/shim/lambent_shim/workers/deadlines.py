"""When the invocations that have begun reach the function's timeout. Pure.

All have the same limit, so they reach it in the order they began: one list in that order and one timer for its first do for all of them.
"""

from __future__ import annotations

from typing import Generic, TypeVar

Item = TypeVar("Item")


class Deadlines(Generic[Item]):
    """Who has begun and not ended; times in seconds of one clock."""

    def __init__(self, limit_seconds: float) -> None:
        self._limit = limit_seconds
        self._ends: dict[Item, float] = {}

    def begin(self, item: Item, now: float) -> None:
        """Its limit counts from now; `now` never goes back."""
        self._ends[item] = now + self._limit

    def end(self, item: Item) -> None:
        """Its limit no longer matters, if it did."""
        self._ends.pop(item, None)

    @property
    def next_at(self) -> float | None:
        """When the first reaches its limit; None: nobody is left."""
        return next(iter(self._ends.values()), None)

    def take_due(self, now: float) -> Item | None:
        """The first that has reached its limit, and counts as ended from here on; None: nobody has."""
        first = next(iter(self._ends), None)
        if first is None or self._ends[first] > now:
            return None
        del self._ends[first]
        return first
