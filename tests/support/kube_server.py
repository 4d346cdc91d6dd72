"""An API server of a few lines on a loopback port: scripted answers, and a record of what was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from lambent.kube.access import ClusterAccess, Credentials, NoCredentials
from lambent.kube.client import KubeClient


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    peer: Any


Answer = Callable[[Asked, web.Request], Awaitable[web.StreamResponse]]


def status_of(code: int, reason: str, message: str = "no", **headers: str) -> Answer:
    async def answer(_: Asked, __: web.Request) -> web.StreamResponse:
        body = {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}
        return web.json_response(body, status=code, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return answer


def json_of(body: Any) -> Answer:
    async def answer(_: Asked, __: web.Request) -> web.StreamResponse:
        return web.json_response(body)

    return answer


async def broken_off(_: Asked, request: web.Request) -> web.StreamResponse:
    """The connection ends without an answer."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


def lines_of(*events: dict[str, Any], then: str = "end") -> Answer:
    """A watch's stream; `then` is end, break or hang."""

    async def answer(_: Asked, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for event in events:
            line = json.dumps(event).encode() + b"\n"
            await response.write(line[: len(line) // 2])
            await response.write(line[len(line) // 2 :])
        if then == "hang":
            await asyncio.sleep(3600)
        if then == "break" and request.transport is not None:
            request.transport.close()
        return response

    return answer


@dataclass
class KubeServer:
    """`answers` are used one after the other; the last one stays."""

    answers: list[Answer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def client(self, credentials: Credentials | None = None, timeout_seconds: float = 5.0) -> KubeClient:
        return KubeClient(ClusterAccess(self.url, credentials or NoCredentials(), None), timeout_seconds=timeout_seconds)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        body = json.loads(text) if text else None
        peer = request.transport.get_extra_info("peername") if request.transport is not None else None
        asked = Asked(request.method, request.path, dict(request.query), dict(request.headers), body, peer)
        self.asked.append(asked)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(asked, request)
