"""Rings for each invocation that reaches the function's timeout: one timer for all, where one for each would cost as much as its slot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from lambent_shim.link.invocation import Invocation
from lambent_shim.workers.deadlines import Deadlines


class Alarm:
    """Calls `on_due(invocation)` at its deadline, unless it has ended before."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limit_seconds: float,
        on_due: Callable[[Invocation], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._loop = loop
        self._limit = limit_seconds
        self._on_due = on_due
        self._clock = clock
        self._deadlines: Deadlines[Invocation] = Deadlines(limit_seconds)
        self._timer: asyncio.TimerHandle | None = None
        """For the first deadline, or for an earlier one of an invocation that has ended meanwhile."""

    def begin(self, invocation: Invocation, now: float) -> None:
        """Its limit counts from now (monotonic seconds)."""
        self._deadlines.begin(invocation, now)
        if self._timer is None:
            self._timer = self._loop.call_later(self._limit, self._ring)

    def end(self, invocation: Invocation) -> None:
        """Its limit no longer matters, if it did."""
        self._deadlines.end(invocation)

    def _ring(self) -> None:
        now = self._clock()
        while (invocation := self._deadlines.take_due(now)) is not None:
            self._on_due(invocation)
        next_at = self._deadlines.next_at
        # The event loop counts whole milliseconds: it may ring half of one early.
        self._timer = None if next_at is None else self._loop.call_later(max(0.001, next_at - now), self._ring)
