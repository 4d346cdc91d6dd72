"""Which object is reconciled next, pure: each key waits at most once, is worked on by one worker at a time, and backs off on failure.

Source: client-go's workqueue (dirty and processing sets) and its exponential per-item rate limiter.
"""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field
from typing import Final

FIRST_BACKOFF_SECONDS: Final = 0.1
LONGEST_BACKOFF_SECONDS: Final = 60.0

# The kinds of keys; a pool's name is its runtime.
FUNCTION: Final = "Function"
TRIGGER: Final = "Trigger"
POOL: Final = "Pool"


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """One object to reconcile."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(slots=True)
class WorkQueue:
    """Times are seconds of any monotonic clock, passed in."""

    _due: dict[Key, float] = field(default_factory=dict)
    _order: list[tuple[float, int, Key]] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _working: set[Key] = field(default_factory=set)
    _failures: dict[Key, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._due)

    def add(self, key: Key, now: float, delay: float = 0.0) -> None:
        """Reconcile `key` in `delay` seconds; where it waits already, at the earlier of the two times."""
        due = now + delay
        waiting = self._due.get(key)
        if waiting is not None and waiting <= due:
            return
        self._due[key] = due
        heapq.heappush(self._order, (due, next(self._numbers), key))

    def take(self, now: float) -> Key | None:
        """The key that has been due longest and that nobody works on; it is the caller's until `finish`."""
        postponed: list[tuple[float, int, Key]] = []
        taken: Key | None = None
        while self._order and self._order[0][0] <= now and taken is None:
            entry = heapq.heappop(self._order)
            due, _, key = entry
            if self._due.get(key) != due:
                continue  # an entry that an earlier time has replaced
            if key in self._working:
                postponed.append(entry)
                continue
            taken = key
        for entry in postponed:
            heapq.heappush(self._order, entry)
        if taken is not None:
            del self._due[taken]
            self._working.add(taken)
        return taken

    def finish(self, key: Key, now: float, requeue_seconds: float | None = None) -> None:
        """The reconcile of a key taken has ended well; perhaps it wants another look later."""
        self._working.discard(key)
        self._failures.pop(key, None)
        if requeue_seconds is not None:
            self.add(key, now, requeue_seconds)

    def fail(self, key: Key, now: float) -> float:
        """The reconcile of a key taken has failed: it comes again after a pause that doubles, which is returned."""
        self._working.discard(key)
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        pause = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0 ** min(failures, 30))
        # What has changed meanwhile waits too: it is most often the failure's own echo.
        self._due.pop(key, None)
        self.add(key, now, pause)
        return pause

    def next_due(self) -> float | None:
        """When the next key that nobody works on falls due; None where none waits."""
        while self._order and self._due.get(self._order[0][2]) != self._order[0][0]:
            heapq.heappop(self._order)
        if not self._order:
            return None
        if self._order[0][2] not in self._working:
            return self._order[0][0]
        return min((due for key, due in self._due.items() if key not in self._working), default=None)
