"""What a link sends in one turn of the event loop goes out together, and before whatever is said after it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from picows import WSCloseCode, WSMsgType

from lambent_shim.link import wire
from lambent_shim.link.batch import join_messages
from lambent_shim.link.link import Link


class Transport:
    """Notes what picows' transport is asked for."""

    def __init__(self) -> None:
        self.said: list[tuple[str, Any]] = []
        self.is_close_frame_sent = False
        self.underlying_transport = self

    def send(self, kind: WSMsgType, frame: bytes) -> None:
        assert kind is WSMsgType.BINARY
        self.said.append(("send", frame))

    def write(self, data: bytes) -> None:
        self.said.append(("write", data))

    def send_ping(self, text: bytes) -> None:
        self.said.append(("ping", text))

    def send_close(self, code: WSCloseCode, text: bytes = b"") -> None:
        self.is_close_frame_sent = True
        self.said.append(("close", code))

    def disconnect(self) -> None:
        self.said.append(("disconnect", None))


class Events:
    """Takes everything and does nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_arguments: None


def say(*steps: Callable[[Link], None]) -> list[tuple[str, Any]]:
    async def run() -> list[tuple[str, Any]]:
        link, transport = Link(Events(), "127.0.0.1:1"), Transport()
        link.on_ws_connected(transport)  # type: ignore[arg-type]
        for step in steps:
            step(link)
        await asyncio.sleep(0)
        return transport.said

    return asyncio.run(run())


def send(frame: bytes) -> Callable[[Link], None]:
    return lambda link: link.send(frame)


def test_one_frame_goes_out_as_it_is() -> None:
    assert say(send(b"a")) == [("send", b"a")]


def test_several_go_out_by_one_write() -> None:
    assert say(send(b"a"), send(b"b"), send(b"c")) == [("write", join_messages([b"a", b"b", b"c"]))]


def test_a_ping_comes_after_what_was_sent_before_it() -> None:
    assert say(send(b"a"), Link.ping, send(b"b")) == [("send", b"a"), ("ping", b"drain"), ("send", b"b")]


def test_a_close_comes_last() -> None:
    said = say(send(b"a"), send(b"b"), Link.disconnect, send(b"late"), send(b"later"))
    assert said[:3] == [("write", join_messages([b"a", b"b"])), ("close", WSCloseCode.GOING_AWAY), ("disconnect", None)]
    assert not [what for what, _ in said[3:] if what == "write"]


def test_a_large_result_comes_after_what_was_sent_before_it_and_before_what_is_sent_after_it() -> None:
    payload = b"x" * (wire.CHUNK_BYTES + 1)
    said = say(send(b"a"), lambda link: link.send_result(7, 0, b"{}", payload), send(b"b"))
    first = wire.encode_message(wire.RESULT, 0, 7, b"{}", payload[: wire.CHUNK_BYTES])
    assert said == [("send", b"a"), ("send", first), ("send", wire.encode_part(wire.RESULT_BODY, wire.LAST, 7, b"x")), ("send", b"b")]


def test_while_the_activator_does_not_read_all_of_it_waits_in_order() -> None:
    payload = b"x" * (wire.CHUNK_BYTES + 1)
    first = wire.encode_message(wire.RESULT, 0, 7, b"{}", payload[: wire.CHUNK_BYTES])
    parts = [first, wire.encode_part(wire.RESULT_BODY, wire.LAST, 7, b"x"), b"behind"]
    waiting = (Link.pause_writing, lambda link: link.send_result(7, 0, b"{}", payload), send(b"behind"))
    assert say(*waiting) == []
    assert say(*waiting, Link.resume_writing) == [("send", part) for part in parts]


def test_nothing_is_sent_once_the_connection_is_gone() -> None:
    def lose(link: Link) -> None:
        link.on_ws_disconnected(None)  # type: ignore[arg-type]

    assert say(send(b"a"), send(b"b"), lose, send(b"c"), Link.ping, Link.disconnect) == []
