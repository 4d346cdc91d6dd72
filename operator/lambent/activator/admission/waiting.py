"""Invocations that wait for a slot, in order of arrival, and how many bytes they hold."""

from __future__ import annotations

from collections import deque

from lambent.activator.admission.model import Invocation, State


class Waiting:
    """Changed by the methods here alone."""

    __slots__ = ("bytes", "line")

    def __init__(self) -> None:
        self.line: deque[Invocation] = deque()
        """Who has waited longest comes first."""
        self.bytes = 0
        """Payloads of all of them."""

    def add(self, invocation: Invocation) -> None:
        """A newcomer, behind all others."""
        invocation.state = State.WAITING
        self.line.append(invocation)
        self.bytes += len(invocation.payload)

    def put_back(self, invocation: Invocation) -> None:
        """One that was sent and has not started: back to its place."""
        invocation.state = State.WAITING
        line = self.line
        earlier: deque[Invocation] = deque()
        while line and line[0].sequence < invocation.sequence:
            earlier.append(line.popleft())
        line.appendleft(invocation)
        line.extendleft(reversed(earlier))
        self.bytes += len(invocation.payload)

    def take(self) -> Invocation:
        """The one who has waited longest, who waits no more."""
        invocation = self.line.popleft()
        self.bytes -= len(invocation.payload)
        return invocation

    def drop(self, invocation: Invocation) -> None:
        """One of them waits no more."""
        self.line.remove(invocation)
        self.bytes -= len(invocation.payload)
