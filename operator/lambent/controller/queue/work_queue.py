"""Which object is reconciled next. Pure.

Each key waits at most once, is worked on by one worker at a time, and backs off on failure (client-go's workqueue and its exponential
rate limiter). Namespaces take turns, so that a thousand objects that one tenant applies hold nobody else's up (Kubernetes' API Priority
and Fairness keeps queues apart for the same reason).
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
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
    """A heap of what was not due when it was last looked at; entries whose time is not that of `_due` are void."""
    _ready: dict[str, deque[tuple[float, Key]]] = field(default_factory=dict)
    """What is due, by namespace, the longest due first; void entries as above."""
    _turns: deque[str] = field(default_factory=deque)
    """The namespaces of `_ready`, in the order of their turns."""
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
        """The key that has been due longest, and that nobody works on, in the namespace whose turn it is; the caller's until `finish`."""
        self._collect(now)
        for _ in range(len(self._turns)):
            namespace = self._turns.popleft()
            waiting = self._ready[namespace]
            key = self._take_free(waiting)
            if waiting:
                self._turns.append(namespace)
            else:
                del self._ready[namespace]
            if key is not None:
                del self._due[key]
                self._working.add(key)
                return key
        return None

    def _collect(self, now: float) -> None:
        """Move what is due to its namespace's queue."""
        while self._order and self._order[0][0] <= now:
            due, _, key = heapq.heappop(self._order)
            if self._due.get(key) != due:
                continue
            if key.namespace not in self._ready:
                self._ready[key.namespace] = deque()
                self._turns.append(key.namespace)
            self._ready[key.namespace].append((due, key))

    def _take_free(self, waiting: deque[tuple[float, Key]]) -> Key | None:
        """Take the first key that nobody works on out of a namespace's queue."""
        postponed: list[tuple[float, Key]] = []
        taken: Key | None = None
        while waiting and taken is None:
            due, key = waiting.popleft()
            if self._due.get(key) != due:
                continue
            if key in self._working:
                postponed.append((due, key))
            else:
                taken = key
        waiting.extendleft(reversed(postponed))
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
        ready = [due for waiting in self._ready.values() if (due := self._first_free(waiting)) is not None]
        if ready:
            return min(ready)
        while self._order and self._due.get(self._order[0][2]) != self._order[0][0]:
            heapq.heappop(self._order)
        if not self._order:
            return None
        if self._order[0][2] not in self._working:
            return self._order[0][0]
        return min((due for key, due in self._due.items() if key not in self._working), default=None)

    def _first_free(self, waiting: deque[tuple[float, Key]]) -> float | None:
        return next((due for due, key in waiting if self._due.get(key) == due and key not in self._working), None)
