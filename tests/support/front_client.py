"""The HTTP front without network and clock: a transport that hands bytes over at once, a client, a gateway that obeys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lambent.activator.front.connection import Connection
from lambent.activator.front.limits import FrontLimits
from lambent.activator.front.message import Refusal
from lambent.activator.front.ports import Respond
from lambent.activator.front.server import Front
from lambent.activator.http import HttpRequest, HttpResponse


class Transport(asyncio.Transport):
    """As uvloop's: buffers what the client does not read, and tells its protocol of that."""

    def __init__(self) -> None:
        super().__init__()
        self.protocol: Connection
        self.sent = bytearray()
        self.unsent = bytearray()
        self.client_reads = True
        self.reading = True
        self.closing = False
        self.half_closed = False
        self.aborted = False
        self.lost = False
        self._paused = False
        self._high_water = 64 * 1024

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert low is None
        self._high_water = 64 * 1024 if high is None else high

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("192.0.2.7", 4711) if name == "peername" else default

    def write(self, data: bytes) -> None:  # type: ignore[override]
        assert not self.half_closed, "written after the end"
        if self.lost or self.aborted:
            return
        if self.client_reads and not self.unsent:
            self.sent += data
            return
        self.unsent += data
        if len(self.unsent) > self._high_water and not self._paused:
            self._paused = True
            self.protocol.pause_writing()

    def hand_over(self, size: int | None = None) -> None:
        """The client reads that much, or all."""
        if self.lost:
            return
        size = len(self.unsent) if size is None else size
        self.sent += self.unsent[:size]
        del self.unsent[:size]
        if self._paused and len(self.unsent) <= self._high_water // 4:
            self._paused = False
            self.protocol.resume_writing()

    def get_write_buffer_size(self) -> int:
        return len(self.unsent)

    def write_eof(self) -> None:
        self.half_closed = True

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = self.aborted = True
        self.unsent.clear()

    def pause_reading(self) -> None:
        assert self.reading, "paused twice"
        assert not self.closing
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading, "resumed twice"
        self.reading = True

    def settle(self) -> None:
        """What the loop does in its next turn."""
        if self.closing and not self.unsent and not self.lost:
            self.lost = True
            self.protocol.connection_lost(None)


@dataclass
class Held:
    """A request that the gateway has not answered."""

    request: HttpRequest
    respond: Respond
    cancelled: bool = False

    def cancel(self) -> None:
        assert not self.cancelled, "cancelled twice"
        self.cancelled = True


@dataclass
class ScriptedGateway:
    """Answers at once with what `answer` makes of a request, or, while `holding`, when the test says so."""

    answer: Callable[[HttpRequest], HttpResponse] = lambda request: HttpResponse(200, [], f"{request.method} {request.path}".encode())
    holding: bool = False
    held: list[Held] = field(default_factory=list)
    requests: list[HttpRequest] = field(default_factory=list)
    refusals: list[tuple[int, str]] = field(default_factory=list)

    def handle(self, request: HttpRequest, respond: Respond) -> Held | None:
        self.requests.append(request)
        if self.holding:
            self.held.append(Held(request, respond))
            return self.held[-1]
        respond(self.answer(request))
        return None

    def refuse(self, refusal: Refusal, client: str) -> HttpResponse:
        self.refusals.append((refusal.status, refusal.message))
        return HttpResponse(refusal.status, [("retry-after", "1")] if refusal.status == 503 else [], refusal.message.encode())


def build_front(gateway: ScriptedGateway | None = None, **limits: Any) -> Front:
    front = Front(gateway or ScriptedGateway(), port=80, limits=FrontLimits(**limits))
    front.tick(1000.0, 1_795_262_400.0)
    return front


class Client:
    """One connection, seen from its other end."""

    def __init__(self, front: Front) -> None:
        self.front = front
        self.transport = Transport()
        self.connection = Connection(front)
        self.transport.protocol = self.connection
        self.connection.connection_made(self.transport)
        self._taken = 0

    def send(self, data: bytes, cut: int = 0) -> Client:
        """As many pieces as `cut` bytes each make of it; 0: one."""
        for start in range(0, len(data), cut or len(data) or 1):
            if not self.transport.closing:
                self.connection.data_received(data[start : start + (cut or len(data))])
        return self

    def half_close(self) -> None:
        if not self.connection.eof_received():
            self.transport.close()
        self.transport.settle()

    def vanish(self) -> None:
        """Reset, without a goodbye."""
        self.transport.abort()
        self.transport.settle()

    def wait(self, seconds: float) -> Client:
        """Time passes, in the server's steps."""
        until = self.front.now + seconds
        while self.front.now < until:
            self.front.tick(min(self.front.now + 0.5, until), 1_795_262_400.0)
            self.transport.settle()
        return self

    @property
    def closed(self) -> bool:
        """Whether the server has said that nothing more comes."""
        return self.transport.half_closed or self.transport.closing

    def answers(self, *methods: str, partial: bool = False) -> list[Answer]:
        """What has come since the last time, whole and nothing besides; `methods` of the requests where one was HEAD.

        `partial`: the last one may have been cut off, and is left out then.
        """
        data = bytes(self.transport.sent[self._taken :])
        self._taken = len(self.transport.sent)
        found = []
        while data:
            method = methods[len(found)] if len(found) < len(methods) else "GET"
            try:
                answer, data = read_answer(data, method)
            except CutOffError:
                assert partial
                return found
            found.append(answer)
        return found

    def answer(self, method: str = "GET") -> Answer:
        (answer,) = self.answers(method)
        return answer

    @property
    def statuses(self) -> list[int]:
        return [answer.status for answer in self.answers()]


class CutOffError(Exception):
    """An answer without its end."""


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def __getitem__(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key == name]
        assert len(values) < 2, f"{name} came {len(values)} times"
        return values[0] if values else None


def read_answer(data: bytes, method: str = "GET") -> tuple[Answer, bytes]:
    """The first answer, and what follows it, by RFC 9112 to the letter."""
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end:
        raise CutOffError(data)
    lines = head.decode("latin-1").split("\r\n")
    assert all("\n" not in line and "\r" not in line for line in lines)
    version, status, phrase = lines[0].split(" ", 2)
    assert version == "HTTP/1.1"
    assert phrase
    answer = Answer(int(status), [(name, value) for name, _, value in (line.partition(": ") for line in lines[1:])], b"")
    if answer.status == 100:
        return answer, rest
    assert answer["date"]
    assert answer["transfer-encoding"] is None
    if method == "HEAD" or answer.status in (204, 304):
        return answer, rest
    size = int(answer["content-length"] or "")
    if len(rest) < size:
        raise CutOffError(head)
    answer.body = rest[:size]
    return answer, rest[size:]
