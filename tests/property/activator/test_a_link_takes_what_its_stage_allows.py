"""Frames in any order, by a shim that may be anybody's: each is taken or ends the link; nothing is raised, lost or kept past its bound."""

from __future__ import annotations

import asyncio

import hypothesis.strategies as st
from hypothesis import given, settings
from picows import WSMsgType

from lambent.activator.admission.model import State
from lambent.activator.links.stage import NEXT, Stage
from lambent.api import link as wire
from tests.support.examples_drawn import examples
from tests.support.link_world import HELLO, KEY, META, LinkWorld, say

SMALL = st.integers(0, 6)
BYTES = st.sampled_from([b"", b"x", b"x" * 300_000])
CONTROL = st.fixed_dictionaries(
    {},
    optional={
        "ok": st.sampled_from([True, False, "yes", None]),
        "function": st.sampled_from(["hello", "other", "", 7]),
        "revision": st.sampled_from(["r1", "r2", ""]),
        "slots": st.sampled_from([1, 2, 0, -1, 1000, 10**6, "2"]),
        "error": st.sampled_from(["", "no"]),
        "errorMessage": st.sampled_from(["", "a", "b"]),
        "phases": st.sampled_from([{}, [], {"initMs": 10**400}, {"helloMs": "x"}]),
        "durationMs": st.sampled_from([1, -1, 10**400, None, "1"]),
    },
)
FRAMES = st.one_of(
    st.builds(wire.encode_control, st.sampled_from([wire.INIT, wire.BECAME, wire.DRAINING, wire.HELLO, wire.WELCOME, 0x42]), CONTROL),
    st.builds(lambda: wire.encode_control(wire.DRAINING)),
    st.builds(
        wire.encode_message,
        st.sampled_from([wire.RESULT, wire.INVOKE]),
        st.integers(0, 7),
        SMALL,
        st.sampled_from([META, b"{}", b"[]", b"{"]),
        BYTES,
    ),
    st.builds(wire.encode_part, st.sampled_from([wire.RESULT_BODY, wire.BOUNCE]), st.integers(0, 3), SMALL, BYTES),
    st.builds(wire.encode_count, st.just(wire.GRANT), st.integers(0, 0xFFFF)),
    st.binary(max_size=20),
)
WHAT = st.one_of(
    st.tuples(st.just("frame"), FRAMES),
    st.tuples(st.sampled_from(["ping", "pong", "text", "part"]), st.binary(max_size=10)),
    st.tuples(st.sampled_from(["submit", "cancel"]), BYTES),
)
KINDS = {"ping": WSMsgType.PING, "pong": WSMsgType.PONG, "text": WSMsgType.TEXT}


@settings(max_examples=examples(300))
@given(
    st.sampled_from(["bare", "proved", "started", "generic"]),
    st.lists(WHAT, max_size=40),
)
def test_any_frames_in_any_order(beginning: str, story: list[tuple[str, bytes]]) -> None:
    async def scenario() -> None:
        world = LinkWorld(payload_bytes=4 << 20)
        if beginning == "bare":
            session, transport = world.connect()
        elif beginning == "generic":
            session, transport = await world.link(pool=True, runtime="python3.11", function="", revision="", slots=1)
        else:
            session, transport = await world.link(init=beginning == "started")
        submitted, cancelled = [], 0
        for what, payload in story:
            before = session.stage
            if what == "submit":
                submitted.append(world.submit(payload))
            elif what == "cancel":
                alive = [each for each in submitted if each.state is not State.DONE]
                for invocation in alive[:1]:
                    world.exchange.cancel(invocation)
                    cancelled += 1
            else:
                kind = WSMsgType.BINARY if what in ("frame", "part") else KINDS[what]
                say(session, payload, kind, fin=what != "part")
                if what == "frame" and payload[:1] and payload[0] not in NEXT[before]:
                    assert session.stage is Stage.CLOSED
            await asyncio.sleep(0)
            assert (session.stage is Stage.CLOSED) == bool(transport.closed)
            assert session.opened == (world.exchange.count_links() == 1)
            assert 0 <= world.admission.budget.used <= world.admission.budget.limit
            if before <= Stage.VERIFYING and session.stage is not before:
                assert session.stage in (Stage.CLOSED, Stage.VERIFYING, Stage.STARTING, Stage.GENERIC)
        # Whoever was not answered waits, or has begun on a link that is open.
        ended = sum(each.state is State.DONE for each in submitted)
        assert ended == len(world.answers) + cancelled
        for invocation in submitted:
            assert invocation.state in (State.WAITING, State.DONE) or session.opened
        session.on_ws_disconnected(transport)  # type: ignore[arg-type]
        assert world.exchange.count_links() == 0
        world.exchange.set_rules(KEY, None)
        assert world.admission.budget.used == 0
        assert world.admission.running == 0
        assert all(each.state is State.DONE for each in submitted)

    asyncio.run(scenario())


def test_a_hello_is_the_only_way_in() -> None:
    assert {kind for stage in (Stage.CONNECTED, Stage.VERIFYING) for kind in NEXT[stage]} == {wire.HELLO}
    assert set(NEXT) == set(Stage)
    assert NEXT[Stage.CLOSED] == {}
    assert HELLO["function"] == "hello"
