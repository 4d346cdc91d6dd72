"""One link's session with a transport that writes down what it is given, in order."""

from __future__ import annotations

import asyncio
from typing import Any

from picows import WSMsgType

from lambent.activator.admission.model import FunctionKey, Invocation
from lambent.activator.links.session import LinkSession
from lambent.activator.links.stage import Stage
from lambent.api import link as wire


class Transport:
    is_close_frame_sent = False

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.underlying_transport = self

    def write(self, data: bytes) -> None:
        self.sent.append(("frames", data))

    def writelines(self, parts: tuple[bytes, ...]) -> None:
        self.sent.append(("frames", b"".join(parts)))

    def get_write_buffer_size(self) -> int:
        return 0

    def send_ping(self, payload: bytes) -> None:
        self.sent.append(("ping", payload))

    def disconnect(self, graceful: bool = True) -> None:
        self.sent.append(("closed" if graceful else "cut", b""))

    def send_pong(self, payload: bytes) -> None:
        self.sent.append(("pong", payload))


class Ping:
    msg_type = WSMsgType.PING
    fin = True

    def get_payload_as_bytes(self) -> bytes:
        return b"drain"


def with_session(scenario: Any) -> list[tuple[str, bytes]]:
    async def run() -> list[tuple[str, bytes]]:
        transport = Transport()
        session = LinkSession(1, None)  # type: ignore[arg-type]
        session.writer.transport = transport  # type: ignore[assignment]
        session.stage = Stage.SERVING
        await scenario(session)
        return transport.sent

    return asyncio.run(run())


def test_an_answer_to_a_ping_comes_after_all_that_was_sent_before_it() -> None:
    """A shim that drains goes when it has the answer: what came behind it would be lost, and count as started."""
    invocation = Invocation(FunctionKey("default", "hello"), b"{}", b"{}")

    async def scenario(session: LinkSession) -> None:
        session.writer.send_invocation(invocation)
        session.on_ws_frame(session.writer.transport, Ping())  # type: ignore[arg-type]
        await asyncio.sleep(0)

    (first, frames), (second, payload) = with_session(scenario)
    assert (first, second, payload) == ("frames", "pong", b"drain")
    assert frames[2] == wire.INVOKE


def test_a_large_event_goes_out_in_parts_that_add_up() -> None:
    payload = bytes(range(256)) * 3000
    invocation = Invocation(FunctionKey("default", "hello"), b"{}", payload)

    async def scenario(session: LinkSession) -> None:
        invocation.link, invocation.number = 1, 7
        invocation.state = type(invocation.state).SENT
        session.writer.send_invocation(invocation)

    received = b""
    kinds = []
    for what, data in with_session(scenario):
        if what == "ping":
            continue
        frame = data[10:] if data[1] == 127 else data[4:] if data[1] == 126 else data[2:]
        kinds.append(frame[0])
        received += wire.decode_message(frame)[3] if frame[0] == wire.INVOKE else wire.decode_part(frame)[2]
    assert kinds == [wire.INVOKE, wire.BODY, wire.BODY]
    assert received == payload
    assert invocation.sent
