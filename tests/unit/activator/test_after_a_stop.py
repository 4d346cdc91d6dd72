"""A process that was stopped (SIGSTOP, a machine suspended) finds out which links live before it sends on them or judges a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lambent.activator.admission.model import Failure, State
from lambent.activator.links import exchange as exchange_module
from lambent.activator.reply import Reply
from lambent.api import link as wire
from tests.support.link_world import META, LinkWorld, answer_live, say


class Clock:
    """The loop's time, moved by hand."""

    def __init__(self, loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = loop.time()
        self._real = loop.time
        self._began = self.now
        self._jumped = 0.0
        monkeypatch.setattr(loop, "time", lambda: self._real() + self._jumped)

    def stop_for(self, seconds: float) -> None:
        self._jumped += seconds


def in_a_loop(scenario: Callable[[Callable[..., LinkWorld], Clock], Awaitable[None]], monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        clock = Clock(asyncio.get_running_loop(), monkeypatch)

        def make(**options: Any) -> LinkWorld:
            world = LinkWorld(**options)
            world.exchange._ticked_at = asyncio.get_running_loop().time()
            return world

        await scenario(make, clock)

    asyncio.run(run())


def test_what_comes_after_a_stop_is_not_sent_on_a_link_that_may_be_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(make: Callable[..., LinkWorld], clock: Clock) -> None:
        world = make(concurrency=1)
        gone, gone_transport = await world.link("gone", slots=1)
        alive, alive_transport = await world.link("alive", slots=1)
        clock.stop_for(20)
        invocations = [world.submit() for _ in range(2)]
        assert [each.state for each in invocations] == [State.WAITING] * 2
        gone.on_ws_disconnected(gone_transport)  # type: ignore[arg-type]
        assert [each.state for each in invocations] == [State.WAITING] * 2
        answer_live(alive, alive_transport)
        assert [each.state for each in invocations] == [State.SENT, State.WAITING]
        assert invocations[0].link == alive.number
        assert not world.answers

    in_a_loop(scenario, monkeypatch)


def test_an_answer_that_had_come_before_the_stop_does_not_show_that_its_link_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(make: Callable[..., LinkWorld], clock: Clock) -> None:
        world = make(concurrency=1)
        session, transport = await world.link(slots=1)
        first, second = world.submit(), world.submit()
        clock.stop_for(20)
        say(session, wire.encode_message(wire.RESULT, wire.LAST | wire.AGAIN, first.number, META, b"1"))
        assert isinstance(world.answers[0], Reply)
        assert second.state is State.WAITING
        session.on_ws_disconnected(transport)  # type: ignore[arg-type]
        assert second.state is State.WAITING, "it goes elsewhere"
        other, _ = await world.link("other", slots=1)
        assert (second.state, second.link) == (State.SENT, other.number)

    in_a_loop(scenario, monkeypatch)


def test_no_deadline_is_judged_before_it_is_known_which_links_live(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(make: Callable[..., LinkWorld], clock: Clock) -> None:
        world = make(concurrency=1, queue_seconds=10)
        session, transport = await world.link(slots=1)
        running, waiting = world.submit(), world.submit()
        clock.stop_for(20)
        ticking = asyncio.get_running_loop().create_task(world.exchange.run())
        while not session.doubted:  # noqa: ASYNC110 - the clock's next tick
            await asyncio.sleep(0.001)
        for _ in range(10):
            await asyncio.sleep(0.001)
        assert (running.state, waiting.state) == (State.SENT, State.WAITING)
        say(session, wire.encode_message(wire.RESULT, wire.LAST | wire.AGAIN, running.number, META, b"1"))
        answer_live(session, transport)
        assert waiting.state is State.SENT, "first come first served, and late is better than not at all"
        ticking.cancel()

    in_a_loop(scenario, monkeypatch)


def test_links_that_do_not_answer_are_cut_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange_module, "TICK_SECONDS", 0.0)

    async def scenario(make: Callable[..., LinkWorld], clock: Clock) -> None:
        world = make(concurrency=1)
        _, silent = await world.link("silent", slots=1)
        alive, alive_transport = await world.link("alive", slots=1)
        first, second = world.submit(), world.submit()
        clock.stop_for(20)
        third = world.submit()
        answer_live(alive, alive_transport)
        ticking = asyncio.get_running_loop().create_task(world.exchange.run())
        clock.stop_for(exchange_module.DOUBT_SECONDS)
        world.exchange._ticked_at = asyncio.get_running_loop().time()
        while not silent.closed:  # noqa: ASYNC110 - the clock's next tick
            await asyncio.sleep(0)
        ticking.cancel()
        (answer,) = world.answers
        assert isinstance(answer, Failure)
        assert answer.reason.code == "Platform.LinkLost"
        assert (first.state, second.state, third.state) == (State.DONE, State.SENT, State.WAITING)

    in_a_loop(scenario, monkeypatch)


def test_a_loop_that_is_late_for_a_moment_doubts_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(make: Callable[..., LinkWorld], clock: Clock) -> None:
        world: Any = make()
        session, transport = await world.link()
        clock.stop_for(1.5)
        assert world.submit().state is State.SENT
        assert (session.doubted, transport.pings) == (False, [])

    in_a_loop(scenario, monkeypatch)
