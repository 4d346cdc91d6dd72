"""One link: a WebSocket to one activator, kept for as long as both live. Decodes frames, and sends in bounded memory."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import Any, Final, Protocol

from lambent_shim.link import wire
from lambent_shim.link.batch import join_messages
from lambent_shim.link.websocket import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

_LIMIT_BYTES: Final = 48 << 20
"""An activator that lets so much wait unread is lost."""
_DRAIN: Final = b"drain"
_BINARY: Final = WSMsgType.BINARY


class LinkEvents(Protocol):
    """What a link tells its owner."""

    def link_opened(self, link: Link) -> None:
        """The WebSocket is open: time for HELLO."""

    def link_closed(self, link: Link) -> None:
        """The WebSocket is gone."""

    def link_welcomed(self, link: Link, fields: dict[str, Any]) -> None:
        """WELCOME or PEERS."""

    def link_become(self, link: Link, head: dict[str, Any], files: dict[str, bytes]) -> None:
        """BECOME."""

    def link_invoke(self, link: Link, flags: int, identifier: int, meta: bytes, payload: bytes) -> None:
        """INVOKE."""

    def link_body(self, link: Link, flags: int, identifier: int, chunk: bytes) -> None:
        """BODY."""

    def link_cancel(self, link: Link, identifier: int) -> None:
        """CANCEL."""

    def link_want(self, link: Link) -> None:
        """WANT."""

    def link_return(self, link: Link, count: int) -> None:
        """RETURN."""

    def link_pong(self, link: Link) -> None:
        """The answer to `ping`."""


class Link(WSListener):
    """The shim's end of one link."""

    def __init__(self, events: LinkEvents, address: str) -> None:
        self.address = address
        self.activator = ""
        """The activator's name, by WELCOME; until then nothing but HELLO goes out."""
        self.twin = False
        """Another link leads to the same activator already, by another of its addresses."""
        self.told_function = ""
        """What the pod is, as HELLO or BECAME has said it here last."""
        self.invocations: dict[int, Any] = {}
        """The link's invocations that are not finished, by id."""
        self.closed = False
        self._events = events
        self._transport: WSTransport | None = None
        self._loop = asyncio.get_running_loop()
        self._batch: list[bytes] = []
        """Sent in this turn of the event loop, and not handed to the transport yet."""
        self._outbox: deque[Iterator[bytes]] = deque()
        self._outbox_bytes = 0
        self._paused = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Picows: the handshake is done."""
        self._transport = transport
        self._events.link_opened(self)

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002 - picows calls it so
        """Picows: the connection is gone."""
        self.closed = True
        self._batch.clear()
        self._outbox.clear()
        self._events.link_closed(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Picows: one WebSocket frame."""
        kind = frame.msg_type
        if kind is _BINARY:
            data = frame.get_payload_as_bytes()
            try:
                if data[0] == wire.INVOKE:
                    self._events.link_invoke(self, *wire.decode_message(data))
                else:
                    self._receive(data)
            except (wire.FrameError, IndexError) as error:
                self._refuse(str(error))
        elif kind is WSMsgType.PONG:
            if frame.get_payload_as_bytes() == _DRAIN:
                self._events.link_pong(self)
        elif kind is WSMsgType.CLOSE:
            self._send_batch()
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        else:
            self._refuse("only whole binary messages are expected")

    def is_user_specific_pong(self, frame: WSFrame) -> bool:
        """Return whether the frame is the pong to picows' own keep-alive, which is then done with; all others come to on_ws_frame.

        Picows asks this of every frame while it waits for that pong, not of pongs alone: an INVOKE may come first.
        """
        return frame.msg_type is WSMsgType.PONG and frame.get_payload_as_bytes() != _DRAIN

    def _receive(self, data: bytes) -> None:
        kind = data[0]
        if kind == wire.BODY:
            self._events.link_body(self, *wire.decode_part(data))
        elif kind == wire.CANCEL:
            self._events.link_cancel(self, wire.decode_part(data)[1])
        elif kind == wire.WANT:
            self._events.link_want(self)
        elif kind == wire.RETURN:
            self._events.link_return(self, wire.decode_count(data))
        elif kind in {wire.WELCOME, wire.PEERS}:
            self._events.link_welcomed(self, wire.decode_control(data))
        elif kind == wire.BECOME:
            self._events.link_become(self, *wire.decode_become(data))
        else:
            raise wire.FrameError(f"frame of unknown kind {kind:#x}")

    def _refuse(self, why: str) -> None:
        if self._transport is not None:
            self._send_batch()
            self._transport.send_close(WSCloseCode.PROTOCOL_ERROR, why.encode()[:120])
            self._transport.disconnect()

    def send(self, frame: bytes) -> None:
        """Send one frame, behind what already waits, together with what else is sent in this turn of the event loop.

        A system call for each result would cost as much as all other work on it.
        """
        if self._outbox:
            self._queue(iter((frame,)), len(frame))
        elif self._batch:
            self._batch.append(frame)
        elif not self.closed:
            self._batch.append(frame)
            self._loop.call_soon(self._send_batch)

    def _send_batch(self) -> None:
        """Hand over what `send` has gathered. Whatever else goes to the transport comes after it."""
        batch, transport = self._batch, self._transport
        if not batch or transport is None:
            return
        self._batch = []
        if len(batch) == 1:
            transport.send(_BINARY, batch[0])
        elif not transport.is_close_frame_sent:
            transport.underlying_transport.write(join_messages(batch))

    def send_result(self, identifier: int, flags: int, meta: bytes, payload: bytes) -> None:
        """Send a RESULT; a large payload in parts, as fast as the activator reads them."""
        if len(payload) <= wire.CHUNK_BYTES:
            self.send(wire.encode_message(wire.RESULT, flags | wire.LAST, identifier, meta, payload))
            return
        if self.closed:
            return
        self._send_batch()
        self._queue(_cut_result(identifier, flags, meta, payload), len(payload))
        self._send_queued()

    def _queue(self, pieces: Iterator[bytes], size: int) -> None:
        self._outbox.append(pieces)
        self._outbox_bytes += size
        if self._outbox_bytes > _LIMIT_BYTES:
            self.disconnect()

    def _send_queued(self) -> None:
        while self._outbox and not self._paused and self._transport is not None and not self.closed:
            frame = next(self._outbox[0], None)
            if frame is None:
                self._outbox.popleft()
                if not self._outbox:
                    self._outbox_bytes = 0
            else:
                self._transport.send(_BINARY, frame)

    def pause_writing(self) -> None:
        """Picows: the socket's buffer is full."""
        self._paused = True

    def resume_writing(self) -> None:
        """Picows: there is room again."""
        self._paused = False
        self._send_queued()

    def ping(self) -> None:
        """Ask for a pong, which comes after all that the activator sent before it read the ping."""
        if self._transport is not None and not self.closed:
            self._send_batch()
            self._transport.send_ping(_DRAIN)

    def disconnect(self) -> None:
        """Close the WebSocket; link_closed follows."""
        if self._transport is not None and not self.closed:
            self._send_batch()
            self._transport.send_close(WSCloseCode.GOING_AWAY)
            self._transport.disconnect()


def _cut_result(identifier: int, flags: int, meta: bytes, payload: bytes) -> Iterator[bytes]:
    size = wire.CHUNK_BYTES
    yield wire.encode_message(wire.RESULT, flags, identifier, meta, payload[:size])
    for start in range(size, len(payload), size):
        last = wire.LAST if start + size >= len(payload) else 0
        yield wire.encode_part(wire.RESULT_BODY, last, identifier, payload[start : start + size])
