"""Bytes of one connection into requests, by httptools' parser (llhttp, strict) and within limits. No I/O, no clock.

What llhttp already refuses: Content-Length beside Transfer-Encoding, differing lengths, bad chunk sizes, control characters, line
folding. What is refused here: no Host or several, Transfer-Encoding in HTTP/1.0, and everything over a limit (RFC 9112, 3.2, 6.1).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpRequestParser

from lambent.activator.front.encoding import split_target
from lambent.activator.front.limits import FrontLimits
from lambent.activator.http import Headers, HttpRequest


class Phase(Enum):
    """What of the next request has come."""

    NOTHING = auto()
    HEAD = auto()
    BODY = auto()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no more of this connection is read. `request` is set where its head was understood."""

    status: int
    message: str
    request: HttpRequest | None = None


@dataclass(slots=True)
class Received:
    """A request that has come whole."""

    request: HttpRequest
    keep_alive: bool


class Budget:
    """Bytes of incomplete bodies, of all connections."""

    __slots__ = ("limit", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0


class _RefusedError(Exception):
    """Stops the parser; what was refused is in `RequestReader.refusal`."""


class RequestReader:
    """Feed it; take from `ready`. After `refusal` is set, or `finished`, it wants nothing more."""

    __slots__ = (
        "_budget",
        "_chunks",
        "_client",
        "_head_size",
        "_headers",
        "_limits",
        "_lower",
        "_parser",
        "_port",
        "_raw_size",
        "_request",
        "_size",
        "_target",
        "finished",
        "phase",
        "ready",
        "refusal",
        "wants_continue",
    )

    def __init__(self, limits: FrontLimits, budget: Budget, *, client: str, port: int) -> None:
        self.ready: deque[Received] = deque()
        self.refusal: Refusal | None = None
        self.finished = False
        """The last request asked to leave HTTP/1.1, or to close: what follows it is no request."""
        self.phase = Phase.NOTHING
        self.wants_continue = False
        """The client waits for `100 Continue` before it sends the body."""
        self._limits = limits
        self._budget = budget
        self._client = client
        self._port = port
        self._parser = HttpRequestParser(self)
        self._raw_size = 0
        self._target = b""
        self._headers: Headers = []
        self._lower: dict[str, str] = {}
        self._head_size = 0
        self._chunks: list[bytes] = []
        self._size = 0
        self._request: HttpRequest | None = None

    def feed(self, data: bytes) -> None:
        """The next bytes."""
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self.finished = True
        except HttpParserCallbackError as error:
            if self.refusal is None:
                raise (error.__context__ or error) from None
        except HttpParserError as error:
            self.refusal = self.refusal or Refusal(400, str(error))
        if self.phase is not Phase.NOTHING:
            # Only what the parser has not told yet is to be bounded here: a head without end, chunks that hold next to nothing.
            self._raw_size += len(data)
            limits = self._limits
            if self.phase is Phase.HEAD and self._raw_size > limits.head_bytes + len(data):
                self.refusal = self.refusal or Refusal(431, f"the request's head is over {limits.head_bytes} bytes")
            elif self._raw_size > 2 * (limits.head_bytes + limits.body_bytes):
                self.refusal = self.refusal or Refusal(400, "the body's chunks are mostly empty", self._request)

    def abandon(self) -> None:
        """Nothing more will be fed: give back what the incomplete body holds of the budget."""
        self._budget.used -= self._size
        self._size = 0

    # From the parser

    def on_message_begin(self) -> None:
        """A request's first byte."""
        self.phase = Phase.HEAD
        self._target = b""
        self._headers = []
        self._lower = {}
        self._head_size = 0
        self._chunks = []
        self._request = None

    def on_url(self, url: bytes) -> None:
        """The request target, or a part of it."""
        self._target += url
        if len(self._target) > self._limits.target_bytes:
            self._refuse(414, f"the request target is over {self._limits.target_bytes} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or after the body a trailer: trailers are bounded like headers, and dropped."""
        self._head_size += len(name) + len(value) + 4
        limits = self._limits
        if self._head_size > limits.head_bytes or len(self._headers) >= limits.headers:
            self._refuse(431, f"the headers are over {limits.head_bytes} bytes or {limits.headers} lines")
        if self.phase is Phase.BODY:
            return
        text = name.decode("latin-1")
        content = value.decode("latin-1").strip(" \t")
        self._headers.append((text, content))
        key = text.lower()
        lower = self._lower
        lower[key] = f"{lower[key]},{content}" if key in lower else content

    def on_headers_complete(self) -> None:
        """The head is there: all that can be refused by it alone is refused now."""
        lower = self._lower
        parser = self._parser
        target = split_target(self._target)
        version = "HTTP/" + parser.get_http_version()
        if target is None or (version != "HTTP/1.1" and version != "HTTP/1.0"):
            self._refuse(400, f"target {self._target[:100]!r} of {version} is not in origin or absolute form of HTTP/1")
            return
        host = lower.get("host")
        if version == "HTTP/1.1" and (host is None or "," in host):
            self._refuse(400, "there must be exactly one Host header")
        if version == "HTTP/1.0" and "transfer-encoding" in lower:
            self._refuse(400, "HTTP/1.0 has no Transfer-Encoding")
        if target.authority:
            # RFC 9112, 3.2.2: the target's host replaces the header's.
            lower["host"] = target.authority
        method = parser.get_method().decode("latin-1")
        self._request = request = HttpRequest(
            method, target.path, target.query, self._headers, b"", self._client, version, port=self._port, lower=lower
        )
        self.phase = Phase.BODY
        length = lower.get("content-length")
        if length is not None and int(length) > self._limits.body_bytes:
            self._refuse(413, f"the body has {length} bytes, over {self._limits.body_bytes}", request)
        if "expect" in lower and lower["expect"].lower() == "100-continue" and version == "HTTP/1.1":
            self.wants_continue = length != "0" and (length is not None or "transfer-encoding" in lower)

    def on_body(self, chunk: bytes) -> None:
        """A part of the body."""
        size = len(chunk)
        self._size += size
        self._budget.used += size
        self.wants_continue = False
        if self._size > self._limits.body_bytes:
            self._refuse(413, f"the body is over {self._limits.body_bytes} bytes", self._request)
        if self._budget.used > self._budget.limit:
            self._refuse(503, "bodies that are being received hold all the memory there is for them", self._request)
        self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        """All of a request."""
        request = self._request
        if request is None:
            return
        chunks = self._chunks
        if chunks:
            request.body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
            self._budget.used -= self._size
            self._size = 0
        parser = self._parser
        keep_alive = parser.should_keep_alive() and not parser.should_upgrade()
        self.finished = not keep_alive
        self.ready.append(Received(request, keep_alive))
        self.phase = Phase.NOTHING
        self._raw_size = 0
        self.wants_continue = False

    # Inside

    def _refuse(self, status: int, message: str, request: HttpRequest | None = None) -> None:
        self.refusal = Refusal(status, message, request)
        raise _RefusedError
