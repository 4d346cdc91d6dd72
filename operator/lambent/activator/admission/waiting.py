"""Invocations that wait for a slot, in order of arrival: how many bytes they hold, and how many of them are load.

Who waits for a moment is none: a burst that the pods there are have worked off before another could start asks for no other. So an
invocation counts as concurrency while it runs, and once it has waited for `patience`.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from lambent.activator.admission.meter import Meter
from lambent.activator.admission.model import Invocation, State

_NOBODY: Final[deque[Invocation]] = deque()
"""The line of every function that nobody has waited for yet, which is most of them: an empty deque takes 700 bytes."""


class Waiting:
    """Changed by the methods here alone; keeps `meter` told of those who wait."""

    __slots__ = ("_meter", "_patience", "bytes", "counted", "line")

    def __init__(self, meter: Meter, patience: float) -> None:
        self.line: deque[Invocation] = _NOBODY
        """Who has waited longest comes first."""
        self.bytes = 0
        """Payloads of all of them."""
        self.counted = 0
        """So many of the first are load."""
        self._meter = meter
        self._patience = patience

    def add(self, invocation: Invocation) -> None:
        """A newcomer, behind all others."""
        invocation.state = State.WAITING
        self._open().append(invocation)
        self.bytes += len(invocation.payload)

    def put_back(self, invocation: Invocation, now: float) -> None:
        """One that was sent, and so was load, has not started: back to its place."""
        invocation.state = State.WAITING
        line = self._open()
        earlier: deque[Invocation] = deque()
        while line and line[0].sequence < invocation.sequence:
            earlier.append(line.popleft())
        if len(earlier) <= self.counted:
            self.counted += 1
        else:
            self._meter.change(-1, now)
        line.appendleft(invocation)
        line.extendleft(reversed(earlier))
        self.bytes += len(invocation.payload)

    def take_to_send(self, now: float) -> Invocation:
        """The one who has waited longest, who is load from now on."""
        if self.counted:
            self.counted -= 1
        else:
            self._meter.change(1, now)
        return self._take()

    def take_to_fail(self, now: float) -> Invocation:
        """The one who has waited longest, who waits no more."""
        self._uncount(0, now)
        return self._take()

    def drop(self, invocation: Invocation, now: float) -> None:
        """One of them waits no more."""
        self._uncount(self.line.index(invocation), now)
        self.line.remove(invocation)
        self.bytes -= len(invocation.payload)

    def age(self, now: float) -> None:
        """Count those who have waited for long."""
        line = self.line
        since = now - self._patience
        while self.counted < len(line) and line[self.counted].enqueued_at <= since:
            self.counted += 1
            self._meter.change(1, now)

    def _open(self) -> deque[Invocation]:
        if self.line is _NOBODY:
            self.line = deque()
        return self.line

    def _take(self) -> Invocation:
        invocation = self.line.popleft()
        self.bytes -= len(invocation.payload)
        return invocation

    def _uncount(self, place: int, now: float) -> None:
        if place < self.counted:
            self.counted -= 1
            self._meter.change(-1, now)
