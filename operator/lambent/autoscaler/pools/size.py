"""How many generic pods a pool should have, pure: none where nothing is asked, else enough for a burst like those of late.

A pod that was taken is replaced within seconds, so what counts of a burst is how many pods it took within such a time. Bursts are
remembered in full for ten minutes and then less and less, for an hour in all: demand that comes back finds its pods, and a pool shrinks
by single pods, never back and forth.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import ceil
from typing import Final

REFILL_SECONDS: Final = 10.0
"""In which a pod that was taken is replaced: starts within this time have to be served by the pods that are there."""
REMEMBERED_SECONDS: Final = 600.0
FORGOTTEN_SECONDS: Final = 3600.0
STILL_SECONDS: Final = 30.0
"""A pool is not made smaller within this time of a start: a pod that has just become a function may still bear the pool's labels."""


@dataclass(frozen=True, slots=True)
class PoolPolicy:
    """What is asked of every pool: pods at rest, pods at most, and after how many seconds without demand there are none."""

    size: int
    max_size: int
    idle_seconds: float


@dataclass(slots=True)
class PoolHistory:
    """What was asked of one pool. Times are of a clock that only goes forward; `note_starts` is told them in order."""

    asked_at: float = float("-inf")
    """When anything was last asked of the pool's runtime in its namespace."""
    started_at: float = float("-inf")
    """When pods were last wanted."""
    _recent: deque[tuple[float, int]] = field(default_factory=deque)
    _peaks: deque[tuple[float, int]] = field(default_factory=deque)
    """(when, starts within the refill time before): each smaller than the one before it, or it would be of no further use."""

    def note_asked(self, at: float) -> None:
        """An invocation, or a new Function. In any order."""
        self.asked_at = max(self.asked_at, at)

    def note_starts(self, count: int, now: float) -> None:
        """So many pods are wanted, from the pool or otherwise."""
        if count <= 0:
            return
        self.note_asked(now)
        self.started_at = max(self.started_at, now)
        self._recent.append((now, count))
        while self._recent[0][0] <= now - REFILL_SECONDS:
            self._recent.popleft()
        starts = sum(number for _, number in self._recent)
        while self._peaks and self._peaks[-1][1] <= starts:
            self._peaks.pop()
        self._peaks.append((now, starts))
        while self._peaks[0][0] <= now - FORGOTTEN_SECONDS:
            self._peaks.popleft()

    def predict(self, now: float) -> int:
        """Pods that a burst like the recent ones takes."""
        return max((ceil(starts * _weight(now - at)) for at, starts in self._peaks), default=0)


@dataclass(slots=True)
class FunctionStarts:
    """How many of the pods that activators want for one function can ever come.

    An activator whose line empties and fills again while pods are on their way wants the same pods once more: within the time of a refill,
    a function takes at most the pods that it lacks to its `maxScale`.
    """

    _began_at: float = float("-inf")
    _left: int = 0

    def count(self, wanted: int, ready: int, max_scale: int, now: float) -> int:
        """Return how many of `wanted` count; `ready` of the pool's pods are there already, some of those wanted perhaps among them."""
        if now - self._began_at >= REFILL_SECONDS:
            self._began_at, self._left = now, max(0, max_scale - max(0, ready - wanted))
        counted = min(wanted, self._left)
        self._left -= counted
        return counted


def size_pool(now: float, history: PoolHistory, policy: PoolPolicy) -> int:
    """Pods that the pool should have."""
    if policy.size == 0 or now - history.asked_at >= policy.idle_seconds:
        return 0
    return min(max(policy.size, history.predict(now)), max(policy.size, policy.max_size))


def rescale_pool(now: float, current: int, history: PoolHistory, policy: PoolPolicy) -> int:
    """The scale to ask for: `size_pool`'s, but no smaller one while pods may just be changing hands."""
    desired = size_pool(now, history, policy)
    return current if desired < current and now - history.started_at < STILL_SECONDS else desired


def _weight(age: float) -> float:
    """1 for what happened of late, falling to 0."""
    if age <= REMEMBERED_SECONDS:
        return 1.0
    return max(0.0, (FORGOTTEN_SECONDS - age) / (FORGOTTEN_SECONDS - REMEMBERED_SECONDS))
