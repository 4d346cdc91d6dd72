"""The link port, against clients that do not keep to the protocol and a scripted shim that does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect
from prometheus_client import CollectorRegistry

from lambent.activator.activator import Activator
from lambent.activator.admission.model import Failure, FunctionKey, Invocation, Limits
from lambent.activator.links import session as session_module
from lambent.activator.links.hello import Hello, Identity, LinkRefusedError
from lambent.activator.links.unproved import LinkLimits
from lambent.activator.reply import Reply
from lambent.api import link as wire
from lambent.api.functions.function import parse_function
from lambent.api.functions.status import Initialization
from lambent.telemetry.activator_metrics import ActivatorMetrics
from tests.support.asking import ask
from tests.support.scripted_shim import Outcome, ScriptedShim

KEY = FunctionKey("default", "hello")
FUNCTION = {
    "metadata": {"name": "hello"},
    "spec": {"runtime": "python3.11", "code": {"inline": {"app.py": "x"}}, "concurrency": 2},
    "status": {"readyRevision": "r1", "latestRevision": "r1"},
}
HELLO = {"protocol": 1, "token": "", "namespace": "default", "function": "hello", "revision": "r1", "pod": "p", "slots": 1, "phases": {}}


class Surroundings:
    def __init__(self) -> None:
        self.reported: list[Initialization] = []

    def raise_to(self, function: FunctionKey, replicas: int) -> None:
        return

    def raised_at(self, function: FunctionKey) -> float | None:
        return None

    async def verify(self, hello: Hello) -> Identity:
        if hello.token == "bad":
            raise LinkRefusedError("token refused: bad")
        if hello.token == "slow":
            await asyncio.Event().wait()
        return Identity(hello.pod, hello.pod)

    def report(self, function: FunctionKey, outcome: Initialization) -> None:
        self.reported.append(outcome)


@asynccontextmanager
async def link_port(surroundings: Surroundings, link_limits: LinkLimits | None = None) -> AsyncIterator[Activator]:
    """An activator with an open link port, for 20 s at most."""
    metrics = ActivatorMetrics(CollectorRegistry())
    activator = Activator(Limits(), surroundings, surroundings, surroundings, metrics, identity="a", link_limits=link_limits)
    await activator.start_links("127.0.0.1", 0)
    try:
        async with asyncio.timeout(20):
            yield activator
    finally:
        await activator.close(0)


def with_activator(scenario: Callable[[Activator, Surroundings], Awaitable[None]]) -> None:
    async def run() -> None:
        surroundings = Surroundings()
        async with link_port(surroundings) as activator:
            activator.configuration.put_function(parse_function(FUNCTION))
            await scenario(activator, surroundings)

    asyncio.run(run())


class Raw(WSListener):
    """A client that says what it is told to."""

    def __init__(self) -> None:
        self.closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.received: list[bytes] = []

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.CLOSE:
            self.closed.set_result(frame.get_close_reason() or "")
            transport.disconnect()
        elif frame.msg_type is WSMsgType.BINARY:
            self.received.append(frame.get_payload_as_bytes())

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if not self.closed.done():
            self.closed.set_result("")


async def until(condition: Callable[[], Any]) -> None:
    while not condition():  # noqa: ASYNC110 - the other side tells nobody in this process
        await asyncio.sleep(0.001)


async def dial(activator: Activator) -> tuple[WSTransport, Raw]:
    return await ws_connect(Raw, f"ws://127.0.0.1:{activator.link_port}/link", use_aiofastnet=False)


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        ([(WSMsgType.BINARY, wire.encode_control(wire.DRAINING))], "one HELLO and nothing else"),
        ([(WSMsgType.BINARY, wire.encode_control(wire.HELLO, {**HELLO, "protocol": 2}))], "protocol 2 is not spoken here"),
        ([(WSMsgType.BINARY, wire.encode_control(wire.HELLO, {**HELLO, "slots": 0}))], "slots of the hello must be 1 to 1000"),
        ([(WSMsgType.BINARY, wire.encode_control(wire.HELLO, {**HELLO, "token": 7}))], "token of the hello must be text"),
        ([(WSMsgType.BINARY, wire.encode_control(wire.HELLO, {**HELLO, "token": "bad"}))], "token refused: bad"),
        ([(WSMsgType.BINARY, wire.encode_control(wire.HELLO, {**HELLO, "token": "slow"}))] * 2, "one HELLO and nothing else"),
        ([(WSMsgType.PING, b"x")], "one HELLO and nothing else"),
        ([(WSMsgType.PONG, b"x")], "one HELLO and nothing else"),
        ([(WSMsgType.BINARY, wire.encode_control(wire.HELLO, {**HELLO, "token": "slow"})), (WSMsgType.PING, b"x")], "one HELLO and"),
        ([(WSMsgType.BINARY, bytes((wire.HELLO,)) + b"{")], "holds no JSON"),
        ([(WSMsgType.BINARY, bytes((wire.HELLO,)) + b" " * 33_000)], "one HELLO and nothing else"),
        ([(WSMsgType.TEXT, b"hello")], "one HELLO and nothing else"),
        ([(WSMsgType.BINARY, b"")], "one HELLO and nothing else"),
    ],
)
def test_whoever_says_anything_but_a_true_hello_is_cut_off_and_nothing_is_kept(
    frames: list[tuple[Any, bytes]], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(activator: Activator, _: Surroundings) -> None:
        transport, raw = await dial(activator)
        for kind, payload in frames:
            transport.send(kind, payload)
        assert await raw.closed == "", "not a word that would have to be kept for somebody who does not read"
        assert activator.admission.figures() == []
        await until(lambda: not activator.unproved)

    with_activator(scenario)
    assert why in caplog.text


def test_a_connection_that_says_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "HELLO_SECONDS", 0.05)

    async def scenario(activator: Activator, _: Surroundings) -> None:
        _, raw = await dial(activator)
        assert await raw.closed == ""
        await until(lambda: not activator.unproved)

    with_activator(scenario)


def test_another_path_is_not_found() -> None:
    async def scenario(activator: Activator, _: Surroundings) -> None:
        with pytest.raises(Exception, match="404"):
            await ws_connect(Raw, f"ws://127.0.0.1:{activator.link_port}/other", use_aiofastnet=False)

    with_activator(scenario)


@pytest.mark.parametrize(
    "frame",
    [
        b"\x83\x01",
        wire.encode_part(wire.RESULT_BODY, wire.LAST, 77, b"x"),
        bytes((0x42,)),
        wire.encode_control(wire.INIT, {"ok": "yes"}),
        wire.encode_message(wire.RESULT, wire.LAST, 1, b"{", b""),
    ],
)
def test_a_frame_that_breaks_the_protocol_closes_the_link(frame: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(activator: Activator, _: Surroundings) -> None:
        transport, raw = await dial(activator)
        transport.send(WSMsgType.BINARY, wire.encode_control(wire.HELLO, HELLO))
        await until(lambda: raw.received)
        transport.send(WSMsgType.BINARY, frame)
        await raw.closed
        assert activator.exchange.count_links() == 0

    with_activator(scenario)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_shim_is_welcomed_told_of_peers_and_asked() -> None:
    async def scenario(activator: Activator, surroundings: Surroundings) -> None:
        shim = ScriptedShim(slots=2)
        link = await shim.connect(activator.link_port)
        assert link.welcomed.result() == {"activator": "a", "peers": []}
        activator.exchange.set_peers(["10.0.0.2:8081", "10.0.0.1:8081"])
        answer = await ask(activator.exchange, Invocation(KEY, b'{"requestId":"r"}', b'{"a":1}'))
        assert isinstance(answer, Reply)
        assert answer.payload == b'{"a":1}'
        assert link.peers == [{"peers": ["10.0.0.1:8081", "10.0.0.2:8081"]}]
        assert surroundings.reported[0].succeeded
        await shim.close()

    with_activator(scenario)


def test_a_shim_that_answers_no_ping_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    from lambent.activator.links import exchange

    monkeypatch.setattr(exchange, "TICKS_PER_PING", 1)

    async def scenario(activator: Activator, _: Surroundings) -> None:
        transport, raw = await ws_connect(Raw, f"ws://127.0.0.1:{activator.link_port}/link", enable_auto_pong=False, use_aiofastnet=False)
        transport.send(WSMsgType.BINARY, wire.encode_control(wire.HELLO, HELLO))
        transport.send(WSMsgType.PONG, b"")
        await raw.closed
        assert activator.admission.figures() == []

    with_activator(scenario)


def test_cancelling_at_any_moment_leaks_no_slot() -> None:
    """A slow shim, callers that leave after 0, 1, 2… turns of the event loop; in the end everything is free and works."""

    async def slow(payload: bytes, meta: dict[str, Any]) -> Outcome:
        await asyncio.sleep(0.002)
        return Outcome(payload)

    async def scenario(activator: Activator, _: Surroundings) -> None:
        shim = ScriptedShim(slots=2, script=slow)
        await shim.connect(activator.link_port)
        loop = asyncio.get_running_loop()
        for turns in range(40):
            tasks = [loop.create_task(ask(activator.exchange, Invocation(KEY, b"{}", b"x" * (300_000 * (turns % 2))))) for _ in range(5)]
            for _ in range(turns):
                await asyncio.sleep(0)
            for task in tasks[::2]:
                task.cancel()
            done = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(each, Reply | asyncio.CancelledError) for each in done), done
        await until(lambda: not activator.admission.running)
        assert shim.most <= 2
        assert activator.admission.queued == 0
        assert isinstance(await ask(activator.exchange, Invocation(KEY, b"{}", b"1")), Reply)
        await shim.close()

    with_activator(scenario)


def test_a_link_that_breaks_in_the_middle_of_a_response_fails_its_invocation() -> None:
    async def scenario(activator: Activator, _: Surroundings) -> None:
        transport, raw = await dial(activator)
        transport.send(WSMsgType.BINARY, wire.encode_control(wire.HELLO, HELLO))
        await until(lambda: raw.received)
        transport.send(WSMsgType.BINARY, wire.encode_control(wire.INIT, {"ok": True, "durationMs": 1}))
        asking = asyncio.get_running_loop().create_task(ask(activator.exchange, Invocation(KEY, b"{}", b"{}")))
        await until(lambda: len(raw.received) > 1)
        _, number, _, _ = wire.decode_message(raw.received[1])
        transport.send(WSMsgType.BINARY, wire.encode_message(wire.RESULT, 0, number, b"{}", b"half"))
        transport.disconnect()
        answer = await asking
        assert isinstance(answer, Failure)
        assert answer.reason.code == "Platform.LinkLost"

    with_activator(scenario)
