"""One client's connection: requests are answered one after the other, in order, in bounded memory and time."""

from __future__ import annotations

import asyncio
import logging
from math import inf
from typing import Protocol, cast

from lambent.activator.front.encoding import body_to_send, encode_head
from lambent.activator.front.limits import FrontLimits
from lambent.activator.front.ports import Gateway, Ticket
from lambent.activator.front.reader import Budget, Phase, Received, Refusal, RequestReader
from lambent.activator.http import HttpResponse

_JOIN_BYTES = 64 * 1024
"""Head and body go out as one piece up to here; beyond, copying them together would cost more than a second piece."""

_log = logging.getLogger("lambent.activator.front")


class Server(Protocol):
    """What the connections of one server share."""

    limits: FrontLimits
    budget: Budget
    gateway: Gateway
    date: str
    """Value of the Date header, of this second."""
    now: float
    """The loop's time, of this second."""
    draining: bool
    port: int

    def opened(self, connection: Connection) -> bool:
        """Count it; False if there are too many."""

    def closed(self, connection: Connection) -> None:
        """It is gone."""

    def refused(self, refusal: Refusal, client: str) -> HttpResponse:
        """The answer to what was not taken."""


class Connection(asyncio.Protocol):
    """States: waiting for a request or in the midst of one (`deadline` set), answering one (no deadline), or lingering before the end."""

    __slots__ = (
        "_advancing",
        "_answering",
        "_client",
        "_lingering",
        "_reader",
        "_reading",
        "_server",
        "_ticket",
        "_transport",
        "_unread",
        "_writable",
        "deadline",
    )

    def __init__(self, server: Server) -> None:
        self.deadline = inf
        """When `expire` is to be called."""
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._reader: RequestReader
        self._client = ""
        self._answering: Received | None = None
        self._ticket: Ticket | None = None
        self._advancing = False
        self._lingering = False
        self._reading = True
        self._writable = True
        self._unread = 0
        """What was still to be written when the client was last found not to read."""

    @property
    def idle(self) -> bool:
        """Whether it can be closed without losing anything."""
        return self._answering is None and not self._reader.ready and self._reader.phase is Phase.NOTHING and self._writable

    # From the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        self._transport = transport = cast("asyncio.Transport", transport)
        server = self._server
        peer = transport.get_extra_info("peername")
        self._client = peer[0] if peer else ""
        self._reader = RequestReader(server.limits, server.budget, client=self._client, port=server.port)
        self._rearm()
        if not server.opened(self):
            self._refuse(Refusal(503, f"{server.limits.connections} connections are open already"))

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        reader = self._reader
        if self._lingering or reader.finished or reader.refusal is not None:
            return
        phase = reader.phase
        reader.feed(data)
        if reader.phase is not phase and self._answering is None:
            self._rearm()
        if reader.ready or reader.refusal is not None:
            self._advance()
        elif reader.wants_continue:
            self._continue()

    def eof_received(self) -> bool:
        """The client sends no more; nobody who still wants an answer does that, so it is gone."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The client is gone: what it asked for is cancelled."""
        self._transport = None
        self.deadline = inf
        self._reader.abandon()
        self._reader.ready.clear()
        self._answering = None
        self._server.closed(self)
        if self._ticket is not None:
            ticket, self._ticket = self._ticket, None
            ticket.cancel()

    def pause_writing(self) -> None:
        """The client reads slower than it is written to."""
        self._writable = False

    def resume_writing(self) -> None:
        """It has caught up."""
        self._writable = True
        self._unread = 0
        if self._answering is None:
            self._rearm()
        self._advance()

    # Answering

    def _advance(self) -> None:
        """Answer what is ready, in order; then the refusal, if there is one."""
        if self._advancing:
            return
        self._advancing = True
        ready = self._reader.ready
        while ready and self._answering is None and self._writable and self._transport is not None:
            self._answer_next(ready.popleft())
        self._advancing = False
        transport = self._transport
        if transport is None:
            return
        if self._answering is None and not ready and self._reader.refusal is not None and not self._lingering:
            self._refuse(self._reader.refusal)
        elif self._answering is None and self._reader.wants_continue:
            self._continue()
        # Who sends more before it has its answer is not read further.
        crowded = bool(ready) or not self._writable
        if crowded is self._reading:
            self._reading = not crowded
            if crowded:
                transport.pause_reading()
            else:
                transport.resume_reading()

    def _answer_next(self, received: Received) -> None:
        self._answering = received
        self.deadline = inf
        try:
            ticket = self._server.gateway.handle(received.request, self._respond)
        except Exception:  # noqa: BLE001 - whatever it was, the client is told that it was us
            _log.exception("error while handling %s %s", received.request.method, received.request.path)
            self._respond(self._server.refused(Refusal(500, "internal error", received.request), self._client))
            return
        if self._answering is received:
            self._ticket = ticket

    def _respond(self, response: HttpResponse) -> None:
        received, self._answering, self._ticket = self._answering, None, None
        transport = self._transport
        if received is None or transport is None:
            return
        keep_alive = received.keep_alive and not self._server.draining
        request = received.request
        self._write(response, keep_alive=keep_alive, http_1_0=request.version == "HTTP/1.0", head_only=request.method == "HEAD")
        self._rearm()
        if not keep_alive:
            self._reader.ready.clear()
            transport.close()
        elif not self._advancing:
            self._advance()

    def _write(self, response: HttpResponse, *, keep_alive: bool, http_1_0: bool = False, head_only: bool = False) -> None:
        transport = self._transport
        if transport is None:
            return
        head = encode_head(response, self._server.date, keep_alive=keep_alive, http_1_0=http_1_0)
        body = body_to_send(response, head_only=head_only)
        if len(body) < _JOIN_BYTES:
            transport.write(head + body)
        else:
            transport.write(head)
            transport.write(body)

    def _continue(self) -> None:
        self._reader.wants_continue = False
        if self._transport is not None and self._answering is None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    # The end

    def _refuse(self, refusal: Refusal) -> None:
        """Answer, then read for a while what the client still sends: closing at once would reset its connection under the answer."""
        transport = self._transport
        if transport is None:
            return
        self._lingering = True
        self._write(self._server.refused(refusal, self._client), keep_alive=False)
        self._reader.abandon()
        self.deadline = self._server.now + self._server.limits.linger_seconds
        if transport.can_write_eof():
            transport.write_eof()

    def drain(self) -> None:
        """The server takes no more: close if nothing is under way."""
        if self.idle and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """The server ends."""
        if self._transport is not None:
            self._transport.abort()

    def expire(self) -> None:
        """The deadline has passed."""
        transport = self._transport
        if transport is None:
            return
        if self._lingering:
            transport.abort()
        elif transport.is_closing() or not self._writable:
            unread = transport.get_write_buffer_size()
            if unread >= self._unread > 0:
                _log.info("closing a connection of %s: it reads nothing of its answer", self._client)
                transport.abort()
            self._unread = unread
            self.deadline = self._server.now + self._server.limits.stalled_seconds
        elif self._reader.phase is Phase.NOTHING:
            transport.close()
        else:
            self._refuse(Refusal(408, "the request did not come to its end in time"))

    def _rearm(self) -> None:
        """Set the deadline for what is awaited now."""
        limits = self._server.limits
        phase = self._reader.phase
        if not self._writable:
            seconds = limits.stalled_seconds
        elif phase is Phase.NOTHING:
            seconds = limits.keep_alive_seconds
        else:
            seconds = limits.head_seconds if phase is Phase.HEAD else limits.body_seconds
        self.deadline = self._server.now + seconds
