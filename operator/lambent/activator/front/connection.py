"""One client's connection: requests are answered one after the other, in order, in bounded memory and time."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from math import inf
from typing import cast

from lambent.activator.front.encoding import body_to_send, encode_head
from lambent.activator.front.limits import BACKLOG_BYTES, SLICE_BYTES, UNSENT_BYTES, WAITING_BYTES
from lambent.activator.front.message import Manner, Phase, Refusal
from lambent.activator.front.ports import Server, Ticket
from lambent.activator.front.reader import RequestReader
from lambent.activator.http import HttpRequest, HttpResponse

_JOIN_BYTES = 64 * 1024
"""Head and body go out as one piece up to here; beyond, copying them together would cost more than a second piece."""

_log = logging.getLogger("lambent.activator.front")


class Connection(asyncio.Protocol):
    """Awaits a request or reads one (`deadline` set), has one answered (no deadline), or has said its last and waits for the client's end.

    While a request is being answered, what comes behind it is kept as it is: who sends more has to wait, and is read no further when it is
    too much; but as long as it is read, its going away is noticed, and the request cancelled.
    """

    __slots__ = (
        "_advancing",
        "_answering",
        "_backlog",
        "_brought",
        "_client",
        "_deferred",
        "_ending",
        "_held",
        "_holding",
        "_last_word",
        "_pace",
        "_reader",
        "_reading",
        "_seen",
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
        self._answering: Manner | None = None
        self._ticket: Ticket | None = None
        self._advancing = False
        self._backlog = bytearray()
        """What has come behind the request that is being answered."""
        self._held = 0
        """What it and parsed requests behind others take of the budget."""
        self._holding = False
        """Whether the server counts it among those of whose requests something is held."""
        self._brought = 0
        """Bytes that have come since the last measure of its pace, while something is held."""
        self._pace = inf
        """Bytes a second of late; not known yet where infinite."""
        self._deferred = False
        """Whether what is ready waits for another turn of the event loop."""
        self._reading = True
        self._writable = True
        self._ending = False
        """No more is written."""
        self._last_word = inf
        """Until when an ending connection is read, once all of its answer is under way to the client."""
        self._seen = 0
        """What had come of the body when `deadline` was set."""
        self._unread = 0
        """What was still to be written when the client was last found not to read."""

    @property
    def idle(self) -> bool:
        """Whether it can be closed without losing anything."""
        at_rest = self._answering is None and not self._deferred and self._reader.phase is Phase.NOTHING
        return at_rest and self._writable and not self._ending

    @property
    def unread_bytes(self) -> int:
        """What the client has yet to read, besides what the kernel holds."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    @property
    def seconds_to_bring(self) -> float:
        """How long the client would need, at its pace of late, to bring again what is held of its requests."""
        return (self._reader.held + self._held) / max(self._pace, 1.0)

    # From the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        self._transport = transport = cast("asyncio.Transport", transport)
        server = self._server
        peer = transport.get_extra_info("peername")
        self._client = peer[0] if peer else ""
        self._reader = RequestReader(server.limits, server.budget, client=self._client, port=server.port)
        transport.set_write_buffer_limits(UNSENT_BYTES)
        self._rearm()
        if not server.opened(self):
            self._refuse(Refusal(503, f"{server.limits.connections} connections are open already"))

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        reader = self._reader
        if self._ending:
            if self._last_word < inf:
                self.deadline = min(self._last_word, self._server.now + self._server.limits.linger_seconds)
        elif self._answering is not None or self._deferred or not self._writable or len(data) > SLICE_BYTES:
            self._take_more(data)
        else:
            phase = reader.phase
            reader.feed(data)
            if reader.ready or reader.refusal is not None:
                self._advance()
            elif reader.phase is not phase:
                self._rearm()
            if reader.held:
                self._hold()
            if reader.wants_continue:
                self._continue()
        if self._holding:
            self._brought += len(data)

    def eof_received(self) -> bool:
        """The client sends no more; that it still reads cannot be told from its being gone, and nearly always it is."""
        self._cancel()
        # Its connection is closed now, but not before it has read what was written: that it does is not to be waited for without end.
        self.deadline = self._server.now + self._server.limits.stalled_seconds
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The client is gone: what it asked for is cancelled."""
        self._transport = None
        self.deadline = inf
        self._server.caught_up(self)
        self._server.closed(self)
        self._cancel()

    def pause_writing(self) -> None:
        """The client reads slower than it is written to."""
        self._writable = False
        self._server.behind(self)

    def resume_writing(self) -> None:
        """It has caught up."""
        self._writable = True
        self._unread = 0
        self._server.caught_up(self)
        self._advance()

    # Answering

    def _take_more(self, data: bytes) -> None:
        """More than a slice, or behind a request that has no answer yet."""
        offset, size = 0, len(data)
        view = memoryview(data)
        reader = self._reader
        while offset < size and self._reads_on() and not reader.has_stopped():
            phase = reader.phase
            reader.feed(view[offset : offset + SLICE_BYTES])
            offset += SLICE_BYTES
            if reader.ready or reader.refusal is not None:
                self._advance()
            elif reader.phase is not phase:
                self._rearm()
        if offset < size and not self._ending and not reader.has_stopped():
            self._backlog += view[offset:]
            self._settle()
            return
        if reader.held:
            self._hold()
        if reader.wants_continue:
            self._continue()

    def _advance(self) -> None:
        """Answer what is ready, in order, and read on in what has come, until there is something to wait for."""
        if self._advancing:
            return
        self._advancing = True
        reader, backlog = self._reader, self._backlog
        while self._reads_on() and self._transport is not None:
            if reader.ready:
                if not self._server.takes_turn():
                    self._deferred = True
                    self._server.defer(self)
                    break
                request, manner = reader.ready.popleft()
                self._answer(request, manner)
            elif reader.refusal is not None:
                self._refuse(reader.refusal)
            elif backlog:
                piece = bytes(backlog[:SLICE_BYTES])
                del backlog[:SLICE_BYTES]
                reader.feed(piece)
            else:
                break
        self._advancing = False
        if self._held or reader.ready or backlog:
            self._settle()
        elif reader.held:
            self._hold()
        if self._answering is None and not self._ending and self._transport is not None:
            self._rearm()
            if reader.wants_continue:
                self._continue()

    def _reads_on(self) -> bool:
        """Whether another request may be answered now. A call, as `_awaits`."""
        return self._answering is None and not self._deferred and self._writable and not self._ending

    def resume(self) -> None:
        """It is this connection's turn again."""
        self._deferred = False
        self._advance()

    def _settle(self) -> None:
        """Count what waits behind the request that is being answered, and read on only while it is not too much."""
        transport, reader, budget = self._transport, self._reader, self._server.budget
        ready = reader.ready
        held = len(self._backlog) + (WAITING_BYTES * len(ready) + len(ready[0][0].body) if ready else 0)
        budget.used += held - self._held
        self._held = held
        if transport is None or self._ending:
            return
        if (held or reader.held) and not self._hold():
            return
        crowded = len(self._backlog) > BACKLOG_BYTES
        if crowded is self._reading:
            self._reading = not crowded
            if crowded:
                transport.pause_reading()
            else:
                transport.resume_reading()

    def _hold(self) -> bool:
        """Something is held of what this client has sent; False where there is no room for it, and it was let go."""
        server = self._server
        if not self._holding:
            self._holding = True
            self._brought = 0
            self._pace = inf
            server.holds(self)
        if server.budget.used <= server.budget.limit or self._ending or self._reader.has_stopped() or server.make_room(self):
            return True
        self.give_way()
        return False

    def measure_pace(self, seconds: float) -> bool:
        """So much time has passed since the last measure; False where nothing is held any more."""
        if not self._reader.held and not self._held:
            self._holding = False
            return False
        pace = self._brought / seconds
        # Half of it is what was before: a moment without a byte is no standstill, but some seconds are.
        self._pace = pace if self._pace == inf else (self._pace + pace) / 2
        self._brought = 0
        return True

    def give_way(self) -> None:
        """Let go of what is held: others need the room. What is being answered is answered; then the connection ends."""
        reader, limits = self._reader, self._server.limits
        held, status = reader.held + self._held, 408 if self._pace < limits.body_bytes_per_second else 503
        pace = "" if self._pace == inf else f", and comes at {self._pace:.0f} bytes a second"
        message = f"requests on their way in hold all of the {limits.receiving_bytes} bytes there are for them; this one has {held}{pace}"
        refusal = Refusal(status, message, reader.request)
        self._drop()
        reader.refusal = refusal
        self._advance()

    def _answer(self, request: HttpRequest, manner: Manner) -> None:
        self._answering = manner
        self.deadline = inf
        respond = partial(self._respond, manner)
        try:
            ticket = self._server.gateway.handle(request, respond)
        except Exception:  # noqa: BLE001 - whatever it was, the client is told that it was us
            _log.exception("error while handling %s %s", request.method, request.path)
            respond(self._server.gateway.refuse(Refusal(500, "internal error", request), self._client))
            return
        if self._awaits(manner):
            self._ticket = ticket

    def _awaits(self, manner: Manner) -> bool:
        """Whether that answer is still to come. A call, as answers come from within other calls, which a compiler does not expect."""
        return self._answering is manner

    def _respond(self, manner: Manner, response: HttpResponse) -> None:
        if response.come_again:
            self._server.tell(partial(self._finish, manner, response))
        else:
            self._finish(manner, response)

    def _finish(self, manner: Manner, response: HttpResponse) -> None:
        if not self._awaits(manner):
            return
        self._answering = self._ticket = None
        keep_alive = manner.keep_alive and not self._server.draining
        self._write(response, keep_alive=keep_alive, http_1_0=manner.http_1_0, head_only=manner.head_only)
        if not keep_alive:
            self._end()
        elif not self._advancing:
            self._advance()

    def _write(self, response: HttpResponse, *, keep_alive: bool, http_1_0: bool = False, head_only: bool = False) -> None:
        transport = self._transport
        if transport is None:
            return
        date = self._server.date
        try:
            head = encode_head(response, date, keep_alive=keep_alive, http_1_0=http_1_0)
        except ValueError:
            _log.exception("an answer that cannot be written")
            response = self._server.gateway.refuse(Refusal(500, "an answer that cannot be written"), self._client)
            head = encode_head(response, date, keep_alive=keep_alive, http_1_0=http_1_0)
        body = body_to_send(response, head_only=head_only)
        if len(body) < _JOIN_BYTES:
            transport.write(head + body)
        else:
            transport.write(head)
            transport.write(body)

    def _continue(self) -> None:
        """`wants_continue` is true: have the body sent, unless there are answers to give before."""
        if self._answering is None and not self._ending and self._transport is not None:
            self._reader.wants_continue = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    # The end

    def _refuse(self, refusal: Refusal) -> None:
        head_only = refusal.request is not None and refusal.request.method == "HEAD"
        self._write(self._server.gateway.refuse(refusal, self._client), keep_alive=False, head_only=head_only)
        self._end()

    def _end(self) -> None:
        """Nothing more is written. What the client still sends is read and thrown away until it closes as well, or for a while: closing at
        once would reset the connection, and the client might never see its answer (RFC 9112, 9.6)."""
        transport = self._transport
        self._ending = True
        self._drop()
        if transport is None:
            return
        if transport.get_write_buffer_size():
            self.deadline = self._server.now + self._server.limits.stalled_seconds
        else:
            self._linger()
        if transport.is_closing():
            return
        transport.write_eof()
        if not self._reading:
            self._reading = True
            transport.resume_reading()

    def _linger(self) -> None:
        now, limits = self._server.now, self._server.limits
        self._last_word = now + limits.longest_linger_seconds
        self.deadline = now + limits.linger_seconds

    def _drop(self) -> None:
        """Let go of all that has come and is not being answered."""
        self._reader.abandon()
        self._backlog.clear()
        self._server.budget.used -= self._held
        self._held = 0

    def _cancel(self) -> None:
        """The client is gone: nothing of it is to be answered."""
        self._drop()
        self._answering = None
        ticket, self._ticket = self._ticket, None
        if ticket is not None:
            ticket.cancel()

    def drain(self) -> None:
        """The server takes no more: close if nothing is under way."""
        if self.idle and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Cut it, whatever is under way."""
        if self._transport is not None:
            self._transport.abort()

    def expire(self) -> None:
        """The deadline has passed."""
        transport, reader, limits = self._transport, self._reader, self._server.limits
        if transport is None:
            return
        unread = transport.get_write_buffer_size()
        if unread:
            if unread >= self._unread > 0:
                _log.info("closing a connection of %s: it reads nothing of its answer", self._client)
                transport.abort()
            self._unread = unread
            self.deadline = self._server.now + limits.stalled_seconds
        elif self._ending and self._last_word == inf:
            self._linger()
        elif self._ending:
            transport.abort()
        elif reader.phase is Phase.NOTHING:
            transport.close()
        elif reader.phase is Phase.BODY and reader.size - self._seen >= limits.body_bytes_per_second * limits.body_seconds:
            self._rearm()
        else:
            self._refuse(Refusal(408, "the request did not come to its end in time", reader.request))

    def _rearm(self) -> None:
        """Set the deadline for what is awaited now."""
        limits, reader = self._server.limits, self._reader
        phase = reader.phase
        if not self._writable:
            seconds = limits.stalled_seconds
        elif phase is Phase.NOTHING:
            # A client that came while the server was leaving gets a moment, not a minute.
            seconds = limits.linger_seconds if self._server.draining else limits.keep_alive_seconds
        elif phase is Phase.HEAD:
            seconds = limits.head_seconds
        else:
            seconds = limits.body_seconds
            self._seen = reader.size
        self.deadline = self._server.now + seconds
