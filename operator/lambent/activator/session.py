"""One link's frames: HELLO to WELCOME, then invocations out and results in. Talks to a `Switchboard`, which decides.

A session is the picows listener of one connection. Before its hello is verified it holds nothing and may send nothing but HELLO.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from lambent.activator.admission.model import Invocation, State
from lambent.activator.hello import MAX_HELLO_BYTES, Hello, Identity, LinkRefusedError, parse_hello
from lambent.api import link as wire

HELLO_SECONDS = 5.0
MISSED_PINGS = 3
MAX_FRAME_BYTES = wire.CHUNK_BYTES + 128 * 1024
MAX_RESPONSE_BYTES = 8 * 1024 * 1024

_log = logging.getLogger("lambent.activator.link")


@dataclass(slots=True)
class Partial:
    """A RESULT as far as it has come."""

    flags: int
    meta: bytes
    chunks: list[bytes]
    size: int


class Switchboard(Protocol):
    """What sessions tell, and ask."""

    async def verify(self, hello: Hello) -> Identity:
        """Whose it is. Raises `LinkRefusedError` unless the hello is true."""

    def opened(self, session: LinkSession, hello: Hello, identity: Identity) -> dict[str, Any]:
        """A verified session; returns the fields of WELCOME."""

    def became(self, session: LinkSession, fields: dict[str, Any]) -> None:
        """BECAME."""

    def initialized(self, session: LinkSession, fields: dict[str, Any]) -> None:
        """INIT."""

    def answered(self, session: LinkSession, number: int, flags: int, meta: bytes, payload: bytes) -> None:
        """RESULT, whole; of a payload over MAX_RESPONSE_BYTES the rest is cut off."""

    def bounced(self, session: LinkSession, number: int) -> None:
        """BOUNCE."""

    def granted(self, session: LinkSession, count: int) -> None:
        """GRANT."""

    def draining(self, session: LinkSession) -> None:
        """DRAINING."""

    def closed(self, session: LinkSession) -> None:
        """A session that was opened is gone."""


class LinkSession(WSListener):
    """One connection of a shim."""

    def __init__(self, number: int, switchboard: Switchboard) -> None:
        self.number = number
        self.hello: Hello | None = None
        self.identity: Identity | None = None
        self.phases: dict[str, Any] = {}
        """How its start went, as HELLO and INIT told."""
        self.opened = False
        self.generic = False
        """Whether its pod is no function's yet."""
        self._switchboard = switchboard
        self._transport: WSTransport | None = None
        self._loop = asyncio.get_running_loop()
        self._batch: list[bytes] = []
        """Heads and frames sent in this turn of the event loop."""
        self._hello_timer: asyncio.TimerHandle | None = None
        self._verification: asyncio.Task[None] | None = None
        self._results: dict[int, Partial] = {}
        self._bodies: deque[tuple[Invocation, int, int]] = deque()
        self._paused = False
        self._pings = 0

    # From the network

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The handshake is done: the hello must come soon."""
        self._transport = transport
        self._hello_timer = self._loop.call_later(HELLO_SECONDS, self.close, "no hello within 5 s")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Everything a shim says."""
        self._pings = 0
        kind = frame.msg_type
        if kind is not WSMsgType.BINARY:
            if kind is WSMsgType.PING:
                # Not by picows itself, which would send it before what waits in the batch: to a shim that drains, this answer says that
                # nothing it has not seen is under way to it.
                self._send_batch()
                transport.send_pong(frame.get_payload_as_bytes())
            elif kind is WSMsgType.CLOSE:
                transport.disconnect()
            elif kind is not WSMsgType.PONG:
                self.close("only binary frames are spoken here")
            return
        payload = frame.get_payload_as_bytes()
        try:
            if self.opened:
                self._receive(payload)
            else:
                self._receive_hello(payload)
        except (wire.FrameError, LinkRefusedError) as error:
            self.close(str(error))

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002 - picows' signature
        """The connection is gone."""
        self._transport = None
        self._batch = []
        if self._hello_timer is not None:
            self._hello_timer.cancel()
        if self._verification is not None:
            self._verification.cancel()
        if self.opened:
            self.opened = False
            self._switchboard.closed(self)

    def pause_writing(self) -> None:
        """The shim reads slower than we write: bodies wait."""
        self._paused = True

    def resume_writing(self) -> None:
        """It has caught up."""
        self._paused = False
        self._pump_bodies()

    def _receive(self, frame: bytes) -> None:
        kind = frame[0] if frame else 0
        if self.generic and kind not in (wire.BECAME, wire.DRAINING):
            raise wire.FrameError(f"frame of kind {kind:#x} is not one that a generic pod sends")
        if kind == wire.RESULT:
            flags, number, meta, payload = wire.decode_message(frame)
            if flags & wire.LAST:
                self._switchboard.answered(self, number, flags, meta, payload)
            else:
                self._results[number] = Partial(flags, meta, [payload], len(payload))
        elif kind == wire.RESULT_BODY:
            self._receive_body(frame)
        elif kind == wire.BOUNCE:
            _, number, _ = wire.decode_part(frame)
            self._switchboard.bounced(self, number)
        elif kind == wire.GRANT:
            self._switchboard.granted(self, wire.decode_count(frame))
        elif kind == wire.INIT:
            self._switchboard.initialized(self, wire.decode_control(frame))
        elif kind == wire.DRAINING:
            self._switchboard.draining(self)
        elif kind == wire.BECAME:
            self._switchboard.became(self, wire.decode_control(frame))
        else:
            raise wire.FrameError(f"frame of kind {kind:#x} is not one a shim sends after its hello")

    def _receive_body(self, frame: bytes) -> None:
        flags, number, chunk = wire.decode_part(frame)
        result = self._results.get(number)
        if result is None:
            raise wire.FrameError(f"RESULT_BODY of {number} without a RESULT before it")
        # The shim keeps to Lambda's limit; this bounds what a broken one can make us hold.
        if result.size <= MAX_RESPONSE_BYTES:
            result.chunks.append(chunk)
        result.size += len(chunk)
        if flags & wire.LAST:
            del self._results[number]
            self._switchboard.answered(self, number, result.flags, result.meta, b"".join(result.chunks))

    def _receive_hello(self, frame: bytes) -> None:
        if self._verification is not None or not frame or frame[0] != wire.HELLO or len(frame) > MAX_HELLO_BYTES:
            raise LinkRefusedError("the first frame must be one HELLO, and nothing more may come before WELCOME")
        self.hello = parse_hello(wire.decode_control(frame))
        self._verification = self._loop.create_task(self._verify(self.hello))

    async def _verify(self, hello: Hello) -> None:
        try:
            identity = self.identity = await self._switchboard.verify(hello)
        except LinkRefusedError as error:
            _log.warning("link of %s/%s refused: %s", hello.function.namespace, hello.function.name, error)
            self.close(str(error))
            return
        if self._hello_timer is not None:
            self._hello_timer.cancel()
        if self._transport is not None:
            self.opened = True
            fields = self._switchboard.opened(self, hello, identity)
            self._send(wire.encode_control(wire.WELCOME, fields))

    # To the network

    def send_invocation(self, invocation: Invocation) -> None:
        """INVOKE; a payload over one chunk follows in BODY frames, as fast as the shim reads."""
        payload = invocation.payload
        flags = wire.TAIL if invocation.tail else 0
        if invocation.wants_more:
            flags |= wire.WAITING
        if invocation.ahead:
            flags |= wire.AHEAD
        if len(payload) <= wire.CHUNK_BYTES:
            # Encoded before it counts as sent: what cannot be encoded has not started.
            frame = wire.encode_message(wire.INVOKE, flags | wire.LAST, invocation.number, invocation.meta, payload)
            invocation.sent = True
            self._send(frame)
            return
        head = wire.encode_message(wire.INVOKE, flags, invocation.number, invocation.meta, b"")
        self._send_large(head, memoryview(payload)[: wire.CHUNK_BYTES])
        self._bodies.append((invocation, invocation.number, wire.CHUNK_BYTES))
        self._pump_bodies()

    def send_become(self, frame: bytes) -> None:
        """BECOME, encoded."""
        self._send(frame)
        # At once: nothing else is likely to be sent with it, and somebody waits.
        self._send_batch()

    def send_part(self, kind: int, number: int) -> None:
        """CANCEL."""
        self._send(wire.encode_part(kind, 0, number))

    def send_count(self, kind: int, count: int) -> None:
        """RETURN."""
        self._send(wire.encode_count(kind, count))

    def send_control(self, kind: int, fields: dict[str, Any] | None = None) -> None:
        """WANT and PEERS."""
        self._send(wire.encode_control(kind, fields))

    def ping(self) -> None:
        """Ask whether the shim is still there; called every few seconds. Silent to the last three, it counts as lost."""
        if self._transport is None:
            return
        if self._pings >= MISSED_PINGS:
            _log.warning("link %s is lost: %s pings were not answered", self.number, self._pings)
            # Without the closing handshake: nobody is there to take part in it.
            self._transport.disconnect(graceful=False)
            return
        self._pings += 1
        self._send_batch()
        self._transport.send_ping()

    def close(self, why: str) -> None:
        """Close with a policy violation; `why` is sent, and cut to what a close frame holds."""
        if self._transport is not None:
            _log.info("closing link %s: %s", self.number, why)
            self._send_batch()
            self._transport.send_close(WSCloseCode.POLICY_VIOLATION, why.encode()[:120])
            self._transport.disconnect()

    def leave(self) -> None:
        """Close because this activator goes away."""
        if self._transport is not None:
            self._send_batch()
            self._transport.send_close(WSCloseCode.GOING_AWAY, b"")
            self._transport.disconnect()

    def _send(self, frame: bytes) -> None:
        """Together with what else is sent in this turn of the event loop: a system call costs as much as all of our own work for an
        invocation, and invocations come in groups, since a shim sends the results of a turn together too.
        """
        if self._transport is None:
            return
        batch = self._batch
        if not batch:
            self._loop.call_soon(self._send_batch)
        batch.append(websocket_head(len(frame)))
        batch.append(frame)

    def _send_large(self, head: bytes, chunk: memoryview) -> None:
        """A frame with a large part of a payload, which is not copied; at once, so that the transport says when it has enough."""
        self._send_batch()
        if self._transport is not None and not self._transport.is_close_frame_sent:
            self._transport.underlying_transport.writelines((websocket_head(len(head) + len(chunk)) + head, chunk))

    def _send_batch(self) -> None:
        """Hand over what `_send` has gathered; before anything that picows sends itself, so that the order is kept."""
        batch, self._batch = self._batch, []
        if batch and self._transport is not None and not self._transport.is_close_frame_sent:
            self._transport.underlying_transport.write(b"".join(batch))

    def _pump_bodies(self) -> None:
        """One chunk of each body in turn, so that a big one does not hold up the others."""
        while self._bodies and not self._paused:
            invocation, number, offset = self._bodies.popleft()
            # Cancelled or bounced meanwhile, and perhaps under way on another link: the rest is not wanted here.
            if invocation.state is not State.SENT or invocation.link != self.number or invocation.number != number:
                continue
            end = offset + wire.CHUNK_BYTES
            last = end >= len(invocation.payload)
            invocation.sent = last
            head = wire.encode_part(wire.BODY, wire.LAST if last else 0, number)
            self._send_large(head, memoryview(invocation.payload)[offset:end])
            if not last:
                self._bodies.append((invocation, number, end))


def websocket_head(size: int) -> bytes:
    """The head of one whole, unmasked binary frame (RFC 6455, 5.2)."""
    if size < 126:
        return bytes((0x82, size))
    return struct.pack(">BBH", 0x82, 126, size) if size < 65_536 else struct.pack(">BBQ", 0x82, 127, size)


def parse_meta(meta: bytes) -> dict[str, Any]:
    """The meta of a RESULT; raises `FrameError` where it is no JSON object."""
    try:
        fields = orjson.loads(meta)
    except orjson.JSONDecodeError as error:
        raise wire.FrameError(f"meta of a RESULT is no JSON: {error}") from None
    if not isinstance(fields, dict):
        raise wire.FrameError("meta of a RESULT is no JSON object")
    return fields
