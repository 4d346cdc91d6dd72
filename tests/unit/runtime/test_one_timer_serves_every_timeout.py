from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from lambent_shim import alarm
from lambent_shim.alarm import Alarm
from lambent_shim.invocation import Invocation


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
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    loop = Loop()
    monkeypatch.setattr(alarm, "time", loop)
    monkeypatch.setattr(loop, "monotonic", lambda: loop.now, raising=False)
    return loop


def begin(loop: Loop) -> tuple[Alarm, list[str], list[str]]:
    due: list[str] = []
    names = ["first", "second", "third"]
    bell = Alarm(cast("asyncio.AbstractEventLoop", loop), 3.0, lambda invocation: due.append(cast("str", invocation)))
    for name in names:
        bell.begin(cast("Invocation", name), loop.now)
        loop.now += 1
    return bell, names, due


def test_each_is_met_at_its_own_time_by_one_timer(loop: Loop) -> None:
    _, names, due = begin(loop)
    for met, name in enumerate(names, 1):
        assert len(loop.timers) == 1
        loop.ring()
        assert (loop.now, due[-1], len(due)) == (12.0 + met, name, met)
    assert loop.timers == []


def test_one_that_has_ended_is_passed_over(loop: Loop) -> None:
    bell, names, due = begin(loop)
    bell.end(cast("Invocation", names[0]))
    bell.end(cast("Invocation", names[1]))
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
    bell, names, due = begin(loop)
    for name in names:
        bell.end(cast("Invocation", name))
    loop.ring()
    assert (due, loop.timers) == ([], [])
    bell.begin(cast("Invocation", "later"), loop.now)
    loop.ring()
    assert due == ["later"]
