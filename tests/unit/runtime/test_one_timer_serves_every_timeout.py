from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import cast

import pytest

from lambent_shim.deadline_timer import Alarm
from lambent_shim.link.invocation import Invocation
from lambent_shim.link.link import Link


class Loop:
    """A clock that rings when told."""

    def __init__(self) -> None:
        self.now = 10.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, delay: float, callback: Callable[[], None]) -> object:
        self.timers.append((self.now + delay, callback))
        return self

    def ring(self, *, early: float = 0.0) -> None:
        at, callback = self.timers.pop()
        self.now = at - early
        callback()


@pytest.fixture
def loop() -> Loop:
    return Loop()


def make_invocation(name: str) -> Invocation:
    return Invocation(cast("Link", None), 0, 1, json.dumps({"requestId": name}).encode(), b"")


def begin(loop: Loop) -> tuple[Alarm, list[Invocation], list[str]]:
    due: list[str] = []
    invocations = [make_invocation(name) for name in ("first", "second", "third")]
    events = cast("asyncio.AbstractEventLoop", loop)
    bell = Alarm(events, 3.0, lambda invocation: due.append(invocation.request_id), clock=lambda: loop.now)
    for invocation in invocations:
        bell.begin(invocation, loop.now)
        loop.now += 1
    return bell, invocations, due


def test_each_is_met_at_its_own_time_by_one_timer(loop: Loop) -> None:
    _, invocations, due = begin(loop)
    for met, invocation in enumerate(invocations, 1):
        assert len(loop.timers) == 1
        loop.ring()
        assert (loop.now, due[-1], len(due)) == (12.0 + met, invocation.request_id, met)
    assert loop.timers == []


def test_one_that_has_ended_is_passed_over(loop: Loop) -> None:
    bell, invocations, due = begin(loop)
    bell.end(invocations[0])
    bell.end(invocations[1])
    loop.ring()
    assert due == []
    loop.ring()
    assert (loop.now, due) == (15.0, ["third"])


def test_a_timer_that_rings_early_is_set_again(loop: Loop) -> None:
    _, _, due = begin(loop)
    loop.ring(early=0.0004)
    assert due == []
    loop.ring()
    assert due == ["first"]


def test_after_a_pause_it_is_set_anew(loop: Loop) -> None:
    bell, invocations, due = begin(loop)
    for invocation in invocations:
        bell.end(invocation)
    loop.ring()
    assert (due, loop.timers) == ([], [])
    bell.begin(make_invocation("later"), loop.now)
    loop.ring()
    assert due == ["later"]
