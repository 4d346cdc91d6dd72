"""The HTTP server in front of the gateway: aiohttp's low-level server, without its application layer.

Only this module knows the server. A request's body is read whole, up to Lambda's limit; a client that goes away cancels its request.
"""

from __future__ import annotations

import asyncio
import logging
from email.utils import formatdate
from typing import Any, Protocol, cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from lambent.activator.api.invoke import MAX_PAYLOAD_BYTES
from lambent.activator.http import HttpRequest, HttpResponse
from lambent.api.reasons import CALLER_BAD_REQUEST, PLATFORM_INTERNAL

MAX_LINE_BYTES = 16 * 1024
KEEP_ALIVE_SECONDS = 75.0
BODY_SECONDS = 60.0
BACKLOG = 1024
_SPLIT_BYTES = 64 * 1024

_log = logging.getLogger("lambent.activator.front")


class Gateway(Protocol):
    """What answers requests."""

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """The answer."""

    def refuse_large(self, request: HttpRequest) -> HttpResponse:
        """The answer to a body that was not read."""


class _Answer:
    """A response written in one piece. aiohttp asks a response for these three and no more."""

    __slots__ = ("_head_only", "_response", "keep_alive")

    def __init__(self, response: HttpResponse, *, keep_alive: bool, head_only: bool = False) -> None:
        self.keep_alive = keep_alive
        self._response = response
        self._head_only = head_only

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write all of it."""
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client is gone")
        response = self._response
        head = encode_head(response, keep_alive=self.keep_alive, http_1_0=request.version < (1, 1))
        body = b"" if self._head_only or response.status in (204, 304) else response.body
        if len(body) < _SPLIT_BYTES:
            transport.write(head + body)
        else:
            transport.write(head)
            transport.write(body)
            await request.writer.drain()

    async def write_eof(self) -> None:
        """Nothing is left."""


class _Clock:
    """The Date header, made once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._text = ""

    def now(self, loop_seconds: float) -> str:
        second = int(loop_seconds)
        if second != self._second or not self._text:
            self._second = second
            self._text = formatdate(usegmt=True)
        return self._text


_date = _Clock()


def encode_head(response: HttpResponse, *, keep_alive: bool, http_1_0: bool = False) -> bytes:
    """Status line and headers. Values are latin-1 where they can be, else UTF-8, as browsers read them."""
    head = [f"HTTP/1.1 {response.status} {response.phrase}"]
    head += [f"{name}: {value}" for name, value in response.headers]
    if response.status != 204:
        head.append(f"content-length: {len(response.body)}")
    if not keep_alive:
        head.append("connection: close")
    elif http_1_0:
        head.append("connection: keep-alive")
    head.append(f"date: {_date.now(asyncio.get_running_loop().time())}\r\n\r\n")
    text = "\r\n".join(head)
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


class _Connection(RequestHandler):
    """aiohttp's connection, with errors in our shape and without tracebacks for what clients do wrong."""

    __slots__ = ()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """The answer to a request that is no HTTP, or that broke us; closes the connection."""
        reason = CALLER_BAD_REQUEST if status < 500 else PLATFORM_INTERNAL
        if status < 500:
            _log.info("bad request from %s: %s", request.remote, message, extra={"reason": reason.code})
        else:
            _log.error("error while handling %s %s", request.method, request.path, exc_info=exc, extra={"reason": reason.code})
        text = b'{"message":"Bad Request"}' if status < 500 else b'{"message":"Internal Server Error"}'
        headers = [("content-type", "application/json"), ("x-lambent-reason", reason.code)]
        return cast("web.StreamResponse", _Answer(HttpResponse(status, headers, text), keep_alive=False))


class _Server(web.Server):
    def __init__(self, handler: Any, **settings: Any) -> None:
        super().__init__(handler, handler_cancellation=True)
        self._settings = settings

    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=asyncio.get_running_loop(), **self._settings)


class Front:
    """Listens; hands each request to the gateway."""

    def __init__(self, gateway: Gateway, *, port: int) -> None:
        self._gateway = gateway
        self._port = port
        self._draining = False
        self._server = _Server(
            self._handle,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_LINE_BYTES,
            # What a client compressed is the handler's to read, as on Lambda.
            auto_decompress=False,
        )
        self._listener: asyncio.Server | None = None

    async def start(self, host: str | None, port: int) -> int:
        """Listen; the port, which is a free one for 0."""
        self._listener = await asyncio.get_running_loop().create_server(self._server, host, port, backlog=BACKLOG, reuse_address=True)
        bound = int(self._listener.sockets[0].getsockname()[1])
        self._port = self._port or bound
        return bound

    def drain(self) -> None:
        """From now on every answer closes its connection."""
        self._draining = True

    def stop_listening(self) -> None:
        """Take no new connection."""
        if self._listener is not None:
            self._listener.close()

    async def close(self, grace_seconds: float) -> None:
        """Close idle connections, wait for requests under way at most that long, then cut the rest."""
        self.drain()
        self.stop_listening()
        self._server.pre_shutdown()
        await self._server.shutdown(grace_seconds)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = split_target(request.raw_path)
        peer = request.transport.get_extra_info("peername") if request.transport is not None else None
        version = request.version
        parsed = HttpRequest(
            request.method,
            path,
            query,
            list(request.headers.items()),
            b"",
            peer[0] if peer else "",
            "HTTP/1.1" if version == (1, 1) else f"HTTP/{version.major}.{version.minor}",
            port=self._port,
        )
        keep_alive = request.keep_alive and not self._draining
        payload = request.content
        if payload.is_eof():
            parsed.body = payload.read_nowait()
        elif not await self._read_body(request, parsed):
            return cast("web.StreamResponse", _Answer(self._gateway.refuse_large(parsed), keep_alive=False))
        if len(parsed.body) > MAX_PAYLOAD_BYTES:
            response = self._gateway.refuse_large(parsed)
        else:
            response = await self._gateway.handle(parsed)
        return cast(
            "web.StreamResponse", _Answer(response, keep_alive=keep_alive and not self._draining, head_only=request.method == "HEAD")
        )

    @staticmethod
    async def _read_body(request: web.BaseRequest, parsed: HttpRequest) -> bool:
        """False where it is over the limit: the rest is left unread, and the connection has to be closed."""
        if (request.content_length or 0) > MAX_PAYLOAD_BYTES:
            return False
        if parsed.lower.get("expect", "").lower() == "100-continue" and request.transport is not None:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        chunks: list[bytes] = []
        size = 0
        async with asyncio.timeout(BODY_SECONDS):
            while chunk := await request.content.readany():
                size += len(chunk)
                if size > MAX_PAYLOAD_BYTES:
                    return False
                chunks.append(chunk)
        parsed.body = b"".join(chunks)
        return True


def split_target(target: str) -> tuple[str, str, str]:
    """(path, "?", query) of a request target in origin or absolute form (RFC 9112, 3.2), with no fragment."""
    if not target.startswith("/") and "://" in target:
        _, _, rest = target.partition("://")
        slash = rest.find("/")
        target = rest[slash:] if slash >= 0 else "/"
    return target.partition("#")[0].partition("?")
