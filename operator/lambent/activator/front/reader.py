"""Bytes of one connection into requests, by httptools' parser (llhttp, strict) and within limits. No I/O, no clock.

What llhttp already refuses: Content-Length beside Transfer-Encoding, several lengths, bad chunk sizes, control characters, line
folding, bare line feeds. What is refused here: methods that are not served, no Host, several or a bad one, Transfer-Encoding in HTTP/1.0 or
other than chunked, and everything over a limit (RFC 9112, 3.2, 6.1).
"""

from __future__ import annotations

from collections import deque

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpRequestParser

from lambent.activator.front.encoding import MAX_HOST_BYTES, is_authority, split_target
from lambent.activator.front.limits import HEADER_BYTES, METHODS, SLICE_BYTES, FrontLimits
from lambent.activator.front.message import Budget, Manner, Phase, Refusal
from lambent.activator.http import Headers, HttpRequest, join_headers

_LENGTH_DIGITS = 20
"""Of 2**64 - 1. A length of more has zeros before it, which nobody writes; Python reads no number without end."""
_NO_HEADERS: Headers = []
_NONE_JOINED: dict[str, str] = {}


class _RefusedError(Exception):
    """Stops the parser; what was refused is in `RequestReader.refusal`."""


class RequestReader:
    """Feed it; take from `ready`. After `refusal` is set, it wants nothing more; nor after a request that closes."""

    __slots__ = (
        "_body",
        "_budget",
        "_client",
        "_first",
        "_head_size",
        "_headers",
        "_held",
        "_limits",
        "_lower",
        "_parser",
        "_port",
        "_raw_size",
        "_target",
        "_upgrading",
        "phase",
        "ready",
        "refusal",
        "request",
        "size",
        "wants_continue",
    )

    def __init__(self, limits: FrontLimits, budget: Budget, *, client: str, port: int) -> None:
        self.ready: deque[tuple[HttpRequest, Manner]] = deque()
        """Requests that have come whole."""
        self.refusal: Refusal | None = None
        self.phase = Phase.NOTHING
        self.request: HttpRequest | None = None
        """The one whose body is awaited."""
        self.size = 0
        """Bytes of its body that have come."""
        self.wants_continue = False
        """The client waits for `100 Continue` before it sends the body."""
        self._limits = limits
        self._budget = budget
        self._held = 0
        """What is taken of the budget."""
        self._client = client
        self._port = port
        self._parser = HttpRequestParser(self)
        self._raw_size = 0
        """Bytes since the request's first one; perhaps a slice too many."""
        self._target = b""
        self._headers: Headers = _NO_HEADERS
        self._lower: dict[str, str] = _NONE_JOINED
        self._head_size = 0
        self._first = b""
        """The body's first piece, mostly all of it."""
        self._body: bytearray | None = None
        """All of the body where there is more than one piece: many small ones must not cost more than what they hold."""
        self._upgrading = False

    def feed(self, data: bytes | memoryview) -> None:
        """The next bytes, at most a slice (`limits.SLICE_BYTES`)."""
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            self._read_on(data[upgrade.args[0] :])
        except HttpParserError as error:
            self._fail(error)
        if self.phase is not Phase.NOTHING:
            self._settle(len(data))

    def has_stopped(self) -> bool:
        """Whether it wants nothing more. A call, as refusals come from within other calls, which a compiler does not expect."""
        return self.refusal is not None

    @property
    def held(self) -> int:
        """What is taken of the budget."""
        return self._held

    def abandon(self) -> None:
        """Nothing more will be fed: let go of what is there, and of the budget."""
        self.ready.clear()
        self._forget()
        self._give_back()

    # From the parser

    def on_message_begin(self) -> None:
        """A request's first byte."""
        self.phase = Phase.HEAD
        self._headers = []
        self._head_size = 0
        self._raw_size = 0
        self._upgrading = False

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
        self._headers.append((name.decode("latin-1"), value.decode("latin-1").strip(" \t")))

    def on_headers_complete(self) -> None:
        """The head is there: all that can be refused by it alone is refused now."""
        parser = self._parser
        method = parser.get_method().decode("latin-1")
        if method not in METHODS:
            # CONNECT above all: the parser takes what follows for another protocol.
            status = 405 if method in ("CONNECT", "TRACE") else 501
            self._refuse(status, f"the method {method} is not served; {', '.join(METHODS)} are")
        self._lower = lower = join_headers(self._headers)
        target = split_target(self._target)
        version = "HTTP/" + parser.get_http_version()
        if target is None or (version != "HTTP/1.1" and version != "HTTP/1.0"):
            self._refuse(400, f"target {self._target[:100]!r} of {version} is not in origin or absolute form of HTTP/1")
            return
        if target.path == "*" and method != "OPTIONS":
            self._refuse(400, "only OPTIONS has the target *")
        host = lower.get("host")
        if host is None:
            if version == "HTTP/1.1":
                self._refuse(400, "there must be a Host header")
        elif not is_authority(host):
            what = f"one Host header with a host and perhaps a port, of {MAX_HOST_BYTES} bytes at most"
            self._refuse(400, f"there must be {what}, not {host[:100]!r} of {len(host)}")
        coding = lower.get("transfer-encoding")
        if coding is not None and (version == "HTTP/1.0" or coding.lower() != "chunked"):
            status = 501 if version == "HTTP/1.1" else 400
            self._refuse(status, f"Transfer-Encoding {coding[:100]!r} of {version} is not served; chunked of HTTP/1.1 is")
        if target.authority:
            self._replace_host(target.authority)
        request = HttpRequest(method, target.path, target.query, self._headers, b"", self._client, version, port=self._port, lower=lower)
        self.request = request
        self.phase = Phase.BODY
        length = lower.get("content-length")
        if length is not None:
            if len(length) > _LENGTH_DIGITS:
                self._refuse(400, f"Content-Length has {len(length)} digits; {_LENGTH_DIGITS} are enough for any length", request)
            if int(length) > self._limits.body_bytes:
                self._refuse(413, f"the body has {length} bytes, over {self._limits.body_bytes}", request)
        if "expect" in lower and lower["expect"].lower() == "100-continue" and version == "HTTP/1.1":
            self.wants_continue = True
        if "upgrade" in lower:
            self._upgrading = parser.should_upgrade()

    def on_body(self, chunk: bytes) -> None:
        """A part of the body."""
        self.size += len(chunk)
        self.wants_continue = False
        if self.size > self._limits.body_bytes:
            self._refuse(413, f"the body is over {self._limits.body_bytes} bytes", self.request)
        if not self._first:
            self._first = chunk
        elif self._body is None:
            self._body = bytearray(self._first + chunk)
        else:
            self._body += chunk

    def on_message_complete(self) -> None:
        """All of a request."""
        request = self.request
        # Where the client offers an upgrade, the parser believes that this is all.
        if request is None or self._upgrading:
            return
        if self.size:
            request.body = self._first if self._body is None else bytes(self._body)
        if self._held:
            self._give_back()
        self.ready.append((request, Manner(request, keep_alive=self._parser.should_keep_alive())))
        self._forget()
        self.phase = Phase.NOTHING

    # Inside

    def _forget(self) -> None:
        """Nothing of one request is left when the next begins, nor held while its connection waits."""
        self.request = None
        self.size = 0
        self.wants_continue = False
        self._target = b""
        self._headers = _NO_HEADERS
        self._lower = _NONE_JOINED
        self._first = b""
        self._body = None

    def _replace_host(self, authority: str) -> None:
        """The target's host stands for the header's (RFC 9112, 3.2.2)."""
        self._lower["host"] = authority
        others = [(name, value) for name, value in self._headers if name.lower() != "host"]
        self._headers = [("Host", authority), *others]

    def _read_on(self, rest: bytes | memoryview) -> None:
        """Behind a head that offers an upgrade, which is declined by ignoring it (RFC 9110, 7.8).

        httptools takes what follows for another protocol, and reads no body. So another parser goes on, told of the head's framing only.
        Every Java client offers HTTP/2 with its first request, bodies and all.
        """
        if not self._upgrading:
            self.refusal = self.refusal or Refusal(501, "no other protocol is spoken here")
            return
        while True:
            framing = [f"{name}: {self._lower[name]}\r\n" for name in ("content-length", "transfer-encoding") if name in self._lower]
            closing = "" if self._parser.should_keep_alive() else "connection: close\r\n"
            self._upgrading = False
            self._parser = HttpRequestParser(_Resumed(self))
            try:
                self._parser.feed_data(f"POST / HTTP/1.1\r\n{''.join(framing)}{closing}\r\n".encode("ascii"))
                self._parser.feed_data(rest)
            except HttpParserUpgrade as upgrade:
                rest = rest[upgrade.args[0] :]
                continue
            except HttpParserError as error:
                self._fail(error)
            return

    def _settle(self, size: int) -> None:
        """Bound and count what has not come whole, also what the parser does not tell of: a head without end, chunks that are all frame."""
        if self.refusal is not None:
            return
        self._raw_size += size
        limits, budget = self._limits, self._budget
        size_of_body = self.size
        held = (self._raw_size if self.phase is Phase.HEAD else self._head_size + size_of_body) + HEADER_BYTES * len(self._headers)
        budget.used += held - self._held
        self._held = held
        most = limits.head_bytes + SLICE_BYTES
        if self.phase is Phase.HEAD and self._raw_size > most:
            self.refusal = Refusal(431, f"the request's head is over {limits.head_bytes} bytes")
        elif self.phase is Phase.BODY and self._raw_size > 2 * most + 8 * size_of_body:
            self.refusal = Refusal(400, "the body's chunks are mostly empty", self.request)

    def _give_back(self) -> None:
        self._budget.used -= self._held
        self._held = 0

    def _fail(self, error: HttpParserError) -> None:
        if isinstance(error, HttpParserCallbackError):
            if self.refusal is None:
                raise error.__context__ or error
        else:
            self.refusal = self.refusal or Refusal(400, str(error))

    def _refuse(self, status: int, message: str, request: HttpRequest | None = None) -> None:
        self.refusal = Refusal(status, message, request)
        raise _RefusedError


class _Resumed:
    """Hands a parser's events to the reader, but for the head that the reader knows already."""

    def __init__(self, reader: RequestReader) -> None:
        self._reader = reader
        self._known = True
        self.on_body = reader.on_body
        self.on_message_complete = reader.on_message_complete

    def on_message_begin(self) -> None:
        if not self._known:
            self._reader.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._known:
            self._reader.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._known:
            self._reader.on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._known:
            self._known = False
        else:
            self._reader.on_headers_complete()
