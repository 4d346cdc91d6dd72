"""What a link's shim may do to this activator, whoever it is: bytes, ids, slots and links are those that were agreed on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from picows import WSMsgType

from lambent.activator.admission.model import Failure, State
from lambent.activator.links import pod_links
from lambent.activator.links.session import INITS, MAX_RESPONSE_BYTES
from lambent.activator.links.writer import CONFIRM_SECONDS, WRITE_BYTES
from lambent.activator.reply import Reply
from lambent.api import link as wire
from tests.support.link_world import KEY, META, POOL, LinkWorld, Transport, answer_live, say

CHUNK = b"x" * wire.CHUNK_BYTES


def in_a_loop(scenario: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(20):
            await scenario()

    asyncio.run(run())


def numbers(transport: Transport) -> list[int]:
    return [wire.decode_message(frame)[1] for frame in transport.frames if frame[0] == wire.INVOKE]


# Answers


@pytest.mark.parametrize(
    "frame",
    [
        wire.encode_message(wire.RESULT, wire.LAST, 77, META, b"1"),
        wire.encode_message(wire.RESULT, 0, 77, META, b"1"),
        wire.encode_part(wire.RESULT_BODY, wire.LAST, 77, b"1"),
        wire.encode_part(wire.BOUNCE, 0, 77),
    ],
)
def test_only_what_is_under_way_on_a_link_is_answered_there(frame: bytes) -> None:
    async def scenario() -> None:
        world = LinkWorld()
        session, transport = await world.link()
        other, _ = await world.link("q")
        invocation = world.submit()
        say(session, frame)
        assert transport.closed == "cut"
        assert world.exchange.count_links() == 1
        assert invocation.state is State.SENT or world.answers
        assert other.opened

    in_a_loop(scenario)


def test_an_answer_comes_once() -> None:
    async def scenario() -> None:
        world = LinkWorld()
        session, transport = await world.link()
        invocation = world.submit()
        result = wire.encode_message(wire.RESULT, wire.LAST | wire.AGAIN, invocation.number, META, b"1")
        say(session, result)
        assert isinstance(world.answers[0], Reply)
        say(session, result)
        assert transport.closed == "cut"

    in_a_loop(scenario)


def test_what_was_cancelled_may_still_be_answered_or_bounced_once() -> None:
    async def scenario() -> None:
        for answer in (wire.encode_message(wire.RESULT, wire.LAST | wire.AGAIN, 1, b"{}", b""), wire.encode_part(wire.BOUNCE, 0, 1)):
            for payload in (b"{}", CHUNK * 3):
                world = LinkWorld()
                session, transport = await world.link()
                transport.high, transport.reads = 300_000, False
                invocation = world.submit(payload)
                world.exchange.cancel(invocation)
                await asyncio.sleep(0)
                assert wire.CANCEL in transport.kinds()
                say(session, answer)
                assert not transport.closed
                say(session, answer)
                assert transport.closed == "cut"

    in_a_loop(scenario)


def test_a_shim_that_lets_go_of_nothing_that_was_cancelled_is_cut_off() -> None:
    async def scenario() -> None:
        world = LinkWorld(concurrency=2)
        _, transport = await world.link()
        for _ in range(2000):
            transport.reads, transport.unread = False, 0
            transport.session.writer._paused = False
            invocation = world.submit(CHUNK * 2 + b"y")
            world.exchange.cancel(invocation)
            if transport.closed:
                break
        assert transport.closed == "cut"
        assert world.admission.budget.used == 0

    in_a_loop(scenario)


def test_an_answer_that_never_ends_is_held_to_its_bound() -> None:
    async def scenario() -> None:
        world = LinkWorld()
        session, _ = await world.link()
        invocation = world.submit()
        say(session, wire.encode_message(wire.RESULT, 0, invocation.number, META, CHUNK))
        for _ in range(200):
            say(session, wire.encode_part(wire.RESULT_BODY, 0, invocation.number, CHUNK))
        assert world.admission.budget.used <= MAX_RESPONSE_BYTES + 2 * wire.CHUNK_BYTES
        say(session, wire.encode_part(wire.RESULT_BODY, wire.LAST, invocation.number, CHUNK))
        (answer,) = world.answers
        assert isinstance(answer, Failure)
        assert answer.reason.code == "Function.ResponseTooLarge"
        assert world.admission.budget.used == 0

    in_a_loop(scenario)


def test_answers_that_are_not_whole_share_the_budget_and_one_that_has_no_room_fails_alone() -> None:
    async def scenario() -> None:
        world = LinkWorld(payload_bytes=1 << 20)
        session, _ = await world.link()
        first, second = world.submit(), world.submit()
        say(session, wire.encode_message(wire.RESULT, 0, first.number, META, CHUNK))
        say(session, wire.encode_part(wire.RESULT_BODY, 0, first.number, CHUNK))
        for kind in (0, 1, 2, 3):
            frame = wire.encode_part(wire.RESULT_BODY, 0, second.number, CHUNK)
            say(session, frame if kind else wire.encode_message(wire.RESULT, 0, second.number, META, CHUNK))
        say(session, wire.encode_part(wire.RESULT_BODY, wire.LAST | wire.AGAIN, second.number, b""))
        say(session, wire.encode_part(wire.RESULT_BODY, wire.LAST | wire.AGAIN, first.number, b"end"))
        failed, good = world.answers
        assert isinstance(failed, Failure)
        assert (failed.reason.code, "activator.payloads.maxMegabytes" in failed.message) == ("Platform.Overloaded", True)
        assert isinstance(good, Reply)
        assert len(good.payload) == 2 * wire.CHUNK_BYTES + 3
        assert (world.admission.budget.used, world.admission.running) == (0, 0)

    in_a_loop(scenario)


def test_a_link_that_breaks_lets_go_of_all_it_has_told_by_halves() -> None:
    async def scenario() -> None:
        world = LinkWorld()
        session, transport = await world.link()
        invocation = world.submit(b"x" * 1000)
        say(session, wire.encode_message(wire.RESULT, 0, invocation.number, META, CHUNK))
        assert world.admission.budget.used == wire.CHUNK_BYTES + 1000
        session.on_ws_disconnected(transport)  # type: ignore[arg-type]
        assert world.admission.budget.used == 0
        assert [answer.reason.code for answer in world.answers if isinstance(answer, Failure)] == ["Platform.LinkLost"]

    in_a_loop(scenario)


# Events


def test_events_are_bounded_in_bytes_wherever_they_are_and_the_answer_says_who_can_raise_it() -> None:
    async def scenario() -> None:
        world = LinkWorld(concurrency=1000, payload_bytes=100 << 20, queue_bytes=1 << 40)
        _, transport = await world.link(slots=1000)
        transport.reads = False
        for _ in range(100):
            world.submit(b"x" * 6_000_000)
        assert world.admission.budget.used <= 50 << 20, "one function has half of what the others leave"
        codes = {answer.reason.code for answer in world.answers if isinstance(answer, Failure)}
        message = world.answers[0].message  # type: ignore[union-attr]
        assert codes == {"Platform.Overloaded"}
        assert "6000000 bytes" in message
        assert f"{100 << 20} bytes" in message
        assert "activator.payloads.maxMegabytes" in message
        assert len(world.answers) == 92
        assert world.admission.budget.refused == 92

    in_a_loop(scenario)


def test_a_large_event_is_kept_no_longer_than_until_its_shim_has_read_it() -> None:
    async def scenario() -> None:
        world = LinkWorld()
        session, transport = await world.link()
        payload = bytes(range(256)) * 20_000
        invocation = world.submit(payload)
        assert invocation.sent
        assert world.admission.budget.used == len(payload)
        answer_live(session, transport)
        await asyncio.sleep(CONFIRM_SECONDS)
        while world.admission.budget.used:  # noqa: ASYNC110 - the loop's timer is all that is waited for
            await asyncio.sleep(0)
        assert (invocation.payload, invocation.state) == (b"", State.SENT)
        say(session, wire.encode_message(wire.RESULT, wire.LAST | wire.AGAIN, invocation.number, META, b"1"))
        assert isinstance(world.answers[0], Reply)
        assert world.admission.budget.used == 0

    in_a_loop(scenario)


def test_an_event_that_may_still_be_bounced_is_kept_and_goes_elsewhere() -> None:
    async def scenario() -> None:
        world = LinkWorld(concurrency=1)
        session, _ = await world.link(slots=1)
        other, there = await world.link("q", init=False, slots=1)
        payload = b"y" * 600_000
        invocation = world.submit(payload)
        say(session, wire.encode_part(wire.BOUNCE, 0, invocation.number))
        say(other, wire.encode_control(wire.INIT, {"ok": True, "durationMs": 1}))
        received = b"".join(
            wire.decode_message(frame)[3] if frame[0] == wire.INVOKE else wire.decode_part(frame)[2]
            for frame in there.frames
            if frame[0] in (wire.INVOKE, wire.BODY)
        )
        assert received == payload

    in_a_loop(scenario)


def test_what_is_refused_to_be_read_waits_here_and_not_in_the_transport() -> None:
    async def scenario() -> None:
        world = LinkWorld(concurrency=1000)
        session, transport = await world.link(slots=1000)
        transport.reads = False
        sent = [world.submit(b"x" * 200_000) for _ in range(200)]
        await asyncio.sleep(0)
        assert transport.unread < WRITE_BYTES
        assert sum(invocation.sent for invocation in sent) < 6
        transport.read_all()
        await asyncio.sleep(0)
        assert all(invocation.sent for invocation in sent)
        assert len(numbers(transport)) == 200
        assert not transport.closed
        assert session.opened

    in_a_loop(scenario)


@pytest.mark.parametrize("ask", [lambda session: say(session, b"x" * 125, WSMsgType.PING), lambda session: session.ping()])
def test_a_shim_that_asks_on_and_reads_nothing_is_cut_off(ask: Callable[[Any], None]) -> None:
    async def scenario() -> None:
        world = LinkWorld(concurrency=1000)
        session, transport = await world.link(slots=1000)
        transport.reads = False
        for _ in range(30):
            world.submit(b"x" * 200_000)
        await asyncio.sleep(0)
        for _ in range(600_000):
            ask(session)
            session._pings = 0
            if transport.closed:
                break
        await asyncio.sleep(0)
        assert transport.closed == "cut"
        assert transport.unread < WRITE_BYTES + 200_000
        assert "unread" in world.refused
        assert world.exchange.count_links() == 0

    in_a_loop(scenario)


# Who it is


def test_slots_that_nobody_but_the_pod_knows_of_are_no_more_than_the_functions_concurrency() -> None:
    async def scenario() -> None:
        world = LinkWorld(concurrency=2, slots_claimed=True)
        _, transport = await world.link(slots=1000)
        for _ in range(10):
            world.submit()
        await asyncio.sleep(0)
        assert len(numbers(transport)) == 2

    in_a_loop(scenario)


def test_a_pod_that_becomes_a_function_has_the_slots_it_was_asked_for() -> None:
    async def scenario() -> None:
        world = LinkWorld(concurrency=2)
        session, transport = await world.link("g", pool=True, runtime="python3.11", function="", revision="", slots=1)
        for _ in range(10):
            world.submit()
        assert wire.BECOME in transport.kinds()
        say(session, wire.encode_control(wire.BECAME, {"ok": True, "function": "hello", "revision": "r1", "slots": 900}))
        say(session, wire.encode_control(wire.INIT, {"ok": True, "durationMs": 1}))
        await asyncio.sleep(0)
        assert len(numbers(transport)) == 2

    in_a_loop(scenario)


def test_a_pod_that_another_activator_has_asked_has_no_more_slots_than_its_function() -> None:
    async def scenario() -> None:
        world = LinkWorld(concurrency=2)
        session, transport = await world.link("g", pool=True, runtime="python3.11", function="", revision="", slots=1)
        say(session, wire.encode_control(wire.BECAME, {"ok": True, "function": "hello", "revision": "r1", "slots": 900}))
        say(session, wire.encode_control(wire.INIT, {"ok": True, "durationMs": 1}))
        for _ in range(10):
            world.submit()
        await asyncio.sleep(0)
        assert len(numbers(transport)) == 2
        assert world.admission.pools.count(POOL) == 0

    in_a_loop(scenario)


def test_a_second_link_of_a_pod_whose_first_one_answers_is_turned_away_and_gets_no_event() -> None:
    async def scenario() -> None:
        world = LinkWorld()
        first, first_transport = await world.link()
        second, second_transport = await world.link(init=False)
        assert second_transport.kinds() == []
        answer_live(first, first_transport)
        for _ in range(5):
            await asyncio.sleep(0)
        assert second_transport.kinds() == [wire.WELCOME], "by which a shim that came by another address knows where it is"
        assert second_transport.closed == "close"
        say(second, wire.encode_control(wire.INIT, {"ok": True, "durationMs": 1}))
        for _ in range(4):
            world.submit()
        await asyncio.sleep(0)
        assert len(numbers(first_transport)) == 2
        assert numbers(second_transport) == []
        assert (world.exchange.count_links(), world.admission.figures()) == (1, [(KEY, 2, 2, 1)])

    in_a_loop(scenario)


def test_a_link_that_does_not_answer_gives_way_to_the_pods_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_links, "PROBE_SECONDS", 0.0)

    async def scenario() -> None:
        world = LinkWorld()
        _, first_transport = await world.link()
        invocation = world.submit()
        second, second_transport = await world.link(init=False)
        while not second.opened:  # noqa: ASYNC110 - a timer of no time at all
            await asyncio.sleep(0)
        assert first_transport.closed == "cut"
        assert invocation.state is State.DONE
        say(second, wire.encode_control(wire.INIT, {"ok": True, "durationMs": 1}))
        world.submit()
        await asyncio.sleep(0)
        assert len(numbers(second_transport)) == 1
        assert world.exchange.count_links() == 1

    in_a_loop(scenario)


def test_of_many_links_of_one_pod_one_is_opened() -> None:
    async def scenario() -> None:
        world = LinkWorld()
        links = [await world.link(init=False) for _ in range(20)]
        for session, transport in links:
            answer_live(session, transport)
            await asyncio.sleep(0)
        for _ in range(10):
            await asyncio.sleep(0)
        assert world.exchange.count_links() == 1

    in_a_loop(scenario)


def test_initialisations_are_told_a_few_times_and_not_without_end() -> None:
    async def scenario() -> None:
        world = LinkWorld()
        session, transport = await world.link()
        for turn in range(876):
            say(session, wire.encode_control(wire.INIT, {"ok": False, "errorMessage": str(turn)}))
        assert transport.closed == "cut"
        assert len(world.reported) == INITS

    in_a_loop(scenario)


@pytest.mark.parametrize("value", [10**400, float("inf"), "1", True, None, [1]])
def test_times_that_a_shim_tells_are_numbers_or_nothing(value: Any) -> None:
    async def scenario() -> None:
        world = LinkWorld()
        session, transport = await world.link(init=False)
        fields = {"ok": True, "durationMs": value, "phases": {"initMs": value, "startedAt": value, "x" * 100_000 + "Ms": 1}}
        session._receive(wire.encode_control(wire.INIT, fields))
        invocation = world.submit()
        invocation.waited_for_start = True
        say(session, wire.encode_message(wire.RESULT, wire.LAST | wire.AGAIN, invocation.number, META, b"1"))
        assert isinstance(world.answers[0], Reply)
        assert not transport.closed

    in_a_loop(scenario)
