"""Pods that come up have admission look again sooner than at the next tick."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from lambent.activator.admission.admission import Admission
from lambent.activator.admission.model import FunctionKey, Invocation, Limits, PoolKey, Rules
from lambent.activator.links.exchange import Exchange

KEY = FunctionKey("team", "hello")
POOL = PoolKey("team", "python3.11")


class Loop:
    """A clock moved by hand, and what is to be called when."""

    def __init__(self) -> None:
        self.now = 100.0
        self.calls: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, what: Callable[[], None]) -> None:
        self.calls.append((self.now + seconds, what))


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    loop = Loop()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    return loop


def sent_to(sessions: list[Any]) -> list[int]:
    return [session.number for session in sessions if session.writer.send_become.called]


def test_generic_pods_are_added_as_soon_as_those_there_are_have_been_at_work_for_a_moment(loop: Loop) -> None:
    admission = Admission(Limits(settle_seconds=0.01))
    blueprints = MagicMock()
    blueprints.find.return_value = b"become"
    edges = {name: MagicMock() for name in ("provisioner", "verifier", "reporter", "metrics")}
    exchange = Exchange(admission, **edges, identity="a", blueprints=blueprints, adopter=MagicMock())
    exchange.set_rules(KEY, Rules(1, 10, 3, "r1", "r1", ready=True, pool=POOL.runtime))
    sessions: list[Any] = []
    for number in (1, 2, 3):
        hello = SimpleNamespace(function=FunctionKey("team", ""), revision="", pool=POOL, generic=True, draining=False, ahead=False)
        hello.pod, hello.phases = "p", {}
        session = MagicMock(number=number, hello=hello)
        sessions.append(session)
        exchange.opened(session, hello, SimpleNamespace(uid=f"uid-{number}", moved=False))  # type: ignore[arg-type]
    for _ in range(5):
        exchange.submit(Invocation(KEY, b"{}", b"{}", waiter=MagicMock()))
    assert sent_to(sessions) == [1]

    for session in sessions[:1]:
        session.hello.function, session.hello.revision = KEY, "r1"
        exchange._perform(admission.became(session.number, "hello", "r1", 1, loop.now))
        exchange.initialized(session, {"ok": True, "durationMs": 1})
    at, look = loop.calls[-1]
    loop.now = at
    look()

    assert at - 100.0 < 0.02
    assert sent_to(sessions) == [1, 2]


def test_nobody_looks_again_where_nobody_waits(loop: Loop) -> None:
    edges = {name: MagicMock() for name in ("provisioner", "verifier", "reporter", "metrics")}
    exchange = Exchange(Admission(Limits()), **edges, identity="a")
    hello = SimpleNamespace(function=KEY, revision="r1", pool=None, generic=False, slots=1, draining=False, phases={}, ahead=False)
    session = MagicMock(number=1, hello=hello)
    exchange.opened(session, hello, MagicMock())  # type: ignore[arg-type]
    exchange.initialized(session, {"ok": True, "durationMs": 1})

    assert loop.calls == []
