"""What goes out on one link: gathered in a turn of the event loop, as fast as the shim reads, and in bounded memory.

What the transport holds unread is bounded by `WRITE_BYTES`: invocations wait here, uncopied, until the shim has read what came before them,
and a link over the bound all the same (its shim reads nothing, and keeps asking) is cut.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from picows import WSCloseCode, WSTransport

from lambent.activator.admission.model import Invocation, State
from lambent.api import link as wire

BATCH_BYTES: Final = 256 * 1024
"""So much is handed over at once: only then does the transport say whether the shim keeps up."""
WRITE_BYTES: Final = 1024 * 1024
"""What a shim may leave unread, besides what the kernel holds: a batch or a chunk, and what must not wait (CANCEL, WANT, pongs)."""
CONFIRM_SECONDS: Final = 0.05
"""From a pong to the time by which whatever the shim had sent before it, or with it, has come."""
_TAKEN: Final = b"taken"
_NOTHING_YET: Final = -1
"""The offset of a body whose head has not gone out either."""


class LinkWriter:
    """Of one link. `taken(invocation, number)` is told of large events that the shim has read whole and not bounced; `over` is called,
    soon, where the link was cut because its shim does not read."""

    __slots__ = (
        "_allowed",
        "_batch",
        "_batch_bytes",
        "_bodies",
        "_confirming",
        "_loop",
        "_number",
        "_over",
        "_paused",
        "_taken",
        "_unconfirmed",
        "transport",
    )

    def __init__(self, number: int, taken: Callable[[Invocation, int], None], over: Callable[[], None]) -> None:
        self.transport: WSTransport | None = None
        """None before the link is there, and once it is gone."""
        self._number = number
        self._taken = taken
        self._over = over
        self._loop = asyncio.get_running_loop()
        self._batch: list[bytes] = []
        """Heads and frames sent in this turn of the event loop."""
        self._batch_bytes = 0
        self._bodies: deque[tuple[Invocation, int, int]] = deque()
        """(invocation, its id, where it goes on) of those that have not gone out whole."""
        self._unconfirmed: list[tuple[Invocation, int]] = []
        self._confirming: list[tuple[Invocation, int]] = []
        self._paused = False
        self._allowed = WRITE_BYTES

    @property
    def unread_bytes(self) -> int:
        """What the shim has yet to read, besides what the kernel holds."""
        return 0 if self.transport is None else self.transport.underlying_transport.get_write_buffer_size()

    # Frames

    def send_invocation(self, invocation: Invocation) -> None:
        """INVOKE; a payload over one chunk follows in BODY frames. Raises `FrameError`, and nothing has gone out then."""
        payload = invocation.payload
        flags = wire.TAIL if invocation.tail else 0
        if invocation.wants_more:
            flags |= wire.WAITING
        if invocation.ahead:
            flags |= wire.AHEAD
        if self._paused:
            self._bodies.append((invocation, invocation.number, _NOTHING_YET))
        elif len(payload) <= wire.CHUNK_BYTES:
            # Encoded before it counts as sent: what cannot be encoded has not started.
            frame = wire.encode_message(wire.INVOKE, flags | wire.LAST, invocation.number, invocation.meta, payload)
            invocation.begun = invocation.sent = True
            self.send(frame)
        else:
            head = wire.encode_message(wire.INVOKE, flags, invocation.number, invocation.meta, b"")
            invocation.begun = True
            self._send_large(head, payload[: wire.CHUNK_BYTES])
            self._bodies.append((invocation, invocation.number, wire.CHUNK_BYTES))
            self._pump()

    def send_become(self, frame: bytes) -> None:
        """BECOME, encoded."""
        self._allowed = WRITE_BYTES + len(frame)
        self.send(frame)
        # At once: nothing else is likely to be sent with it, and somebody waits.
        self.flush()

    def send_control(self, kind: int, fields: dict[str, Any] | None = None) -> None:
        """WELCOME, WANT and PEERS."""
        self.send(wire.encode_control(kind, fields))

    def send_cancel(self, number: int) -> None:
        """CANCEL."""
        self.send(wire.encode_part(wire.CANCEL, 0, number))

    def send_return(self, count: int) -> None:
        """RETURN."""
        self.send(wire.encode_count(wire.RETURN, count))

    def send(self, frame: bytes) -> None:
        """Together with what else is sent in this turn of the event loop: a system call costs as much as all of our own work for an
        invocation, and invocations come in groups, since a shim sends the results of a turn together too.
        """
        if self.transport is None:
            return
        batch = self._batch
        if not batch:
            self._loop.call_soon(self.flush)
        batch.append(websocket_head(len(frame)))
        batch.append(frame)
        self._batch_bytes += len(frame)
        if self._batch_bytes > BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand over what `send` has gathered; before anything that picows sends itself, so that the order is kept."""
        batch = self._batch
        if not batch:
            return
        self._batch, self._batch_bytes = [], 0
        transport = self.transport
        if transport is not None and not transport.is_close_frame_sent:
            transport.underlying_transport.write(b"".join(batch))
            self._check()

    def ping(self, payload: bytes = b"") -> None:
        """A ping, behind all that was sent before it."""
        self.flush()
        if self.transport is not None:
            self.transport.send_ping(payload)
            self._check()

    def pong(self, payload: bytes) -> None:
        """The answer to a ping. Not by picows itself, which would send it before what waits in the batch: to a shim that drains, this
        answer says that nothing it has not seen is under way to it.
        """
        self.flush()
        if self.transport is not None:
            self.transport.send_pong(payload)
            self._check()

    # The shim's pace

    def pause(self) -> None:
        """The shim reads slower than we write: invocations wait."""
        self._paused = True

    def resume(self) -> None:
        """It has caught up."""
        self._paused = False
        self._allowed = WRITE_BYTES
        self._pump()

    def hear_pong(self, payload: bytes) -> None:
        """A pong: the answer to the ping that was sent behind large events says that they were read."""
        if payload == _TAKEN and self._confirming:
            confirmed, self._confirming = self._confirming, []
            self._loop.call_later(CONFIRM_SECONDS, self._confirm, confirmed)
            self._ask_for_confirmation()

    # The end

    def leave(self) -> None:
        """Close because this activator goes away: what was sent arrives."""
        self.flush()
        if self.transport is not None:
            self.transport.send_close(WSCloseCode.GOING_AWAY, b"")
            self.transport.disconnect()

    def finish(self) -> None:
        """Close once what was sent has gone out."""
        self.flush()
        if self.transport is not None:
            self.transport.disconnect()

    def abort(self) -> None:
        """Cut the link, and drop what has not gone out."""
        transport = self.transport
        self.gone()
        if transport is not None:
            transport.disconnect(graceful=False)

    def gone(self) -> None:
        """The connection is gone."""
        self.transport = None
        self._batch, self._batch_bytes = [], 0
        self._bodies.clear()
        self._unconfirmed.clear()
        self._confirming.clear()

    # Inside

    def _check(self) -> None:
        if self._paused and self.unread_bytes > self._allowed:
            # Soon: this may be in the midst of what is done for all links.
            self._loop.call_soon(self._over)
            self.abort()

    def _send_large(self, head: bytes, chunk: bytes) -> None:
        """A frame with a large part of a payload; at once, so that the transport says when it has enough.

        The part is a copy, which the transport may hold for as long as the shim does not read: a view would hold the whole payload.
        """
        self.flush()
        transport = self.transport
        if transport is not None and not transport.is_close_frame_sent:
            transport.underlying_transport.writelines((websocket_head(len(head) + len(chunk)) + head, chunk))

    def _pump(self) -> None:
        """One chunk of each body in turn, so that a big one does not hold up the others."""
        while self._bodies and not self._paused and self.transport is not None:
            invocation, number, offset = self._bodies.popleft()
            # Cancelled or bounced meanwhile, and perhaps under way on another link: the rest is not wanted here.
            if invocation.state is not State.SENT or invocation.link != self._number or invocation.number != number:
                continue
            if offset == _NOTHING_YET:
                self.send_invocation(invocation)
                continue
            end = offset + wire.CHUNK_BYTES
            last = end >= len(invocation.payload)
            head = wire.encode_part(wire.BODY, wire.LAST if last else 0, number)
            chunk = invocation.payload[offset:end]
            invocation.sent = last
            self._send_large(head, chunk)
            if not last:
                self._bodies.append((invocation, number, end))
            else:
                self._unconfirmed.append((invocation, number))
                self._ask_for_confirmation()

    def _ask_for_confirmation(self) -> None:
        if self._unconfirmed and not self._confirming and self.transport is not None:
            self._confirming, self._unconfirmed = self._unconfirmed, []
            self.transport.send_ping(_TAKEN)

    def _confirm(self, confirmed: list[tuple[Invocation, int]]) -> None:
        for invocation, number in confirmed:
            self._taken(invocation, number)


def websocket_head(size: int) -> bytes:
    """The head of one whole, unmasked binary frame (RFC 6455, 5.2)."""
    if size < 126:
        return bytes((0x82, size))
    return struct.pack(">BBH", 0x82, 126, size) if size < 65_536 else struct.pack(">BBQ", 0x82, 127, size)
