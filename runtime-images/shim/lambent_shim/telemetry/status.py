"""The status server: /healthz, /readyz and /metrics for the kubelet and Prometheus, in the shim's own event loop.

It speaks as much HTTP as these two need, so that it costs a cold start nothing; prometheus-client is loaded at the first scrape.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Final, cast

_LONGEST_REQUEST: Final = 16_384
_REASONS: Final = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}
_JSON: Final = "application/json"
_LAMBDA_APIS: Final = ("/2018-06-01/", "/2020-01-01/", "/2020-08-15/", "/2022-07-01/")
"""Paths of Lambda's Runtime, Extensions, Logs and Telemetry APIs, which AWS_LAMBDA_RUNTIME_API sends tools to."""


class StatusProtocol(asyncio.Protocol):
    """One connection: one request, one answer."""

    def __init__(self, why_not_ready: Callable[[], str], render_metrics: Callable[[], tuple[bytes, str]]) -> None:
        self._why_not_ready = why_not_ready
        self._render_metrics = render_metrics
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Asyncio."""
        if self._task is not None:
            return
        self._received += data
        if len(self._received) > _LONGEST_REQUEST:
            self._answer(400, b'{"error":"request head is over 16384 bytes"}', _JSON)
        elif b"\r\n\r\n" in self._received:
            self._task = asyncio.get_running_loop().create_task(self._serve())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it so
        """Asyncio."""
        if self._task is not None:
            self._task.cancel()

    async def _serve(self) -> None:
        words = self._received.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        if len(words) != 3:
            self._answer(400, b'{"error":"no HTTP request"}', _JSON)
            return
        method, path = words[0], words[1].partition("?")[0]
        if path.startswith(_LAMBDA_APIS):
            self._answer(404, b'{"errorMessage":"the Lambda Runtime API is not served to Python functions","errorType":"NotFound"}', _JSON)
        elif method not in {"GET", "HEAD"}:
            self._answer(405, b'{"error":"GET and HEAD are answered"}', _JSON)
        elif path == "/healthz":
            self._answer(200, b'{"status":"ok"}', _JSON)
        elif path == "/readyz":
            why = self._why_not_ready()
            body = {"status": "not ready", "reason": why} if why else {"status": "ok"}
            self._answer(503 if why else 200, json.dumps(body).encode(), _JSON)
        elif path == "/metrics":
            # In a thread: the first scrape imports prometheus-client, which takes a while.
            body_and_type = await asyncio.get_running_loop().run_in_executor(None, self._render_metrics)
            self._answer(200, *body_and_type)
        else:
            self._answer(404, b'{"error":"paths are /healthz, /readyz and /metrics"}', _JSON)

    def _answer(self, status: int, body: bytes, content_type: str) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        head = (
            f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
            "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
        )
        is_head = self._received.startswith(b"HEAD ")
        self._transport.write(head.encode() + (b"" if is_head else body))
        self._transport.close()


async def serve_status(port: int, why_not_ready: Callable[[], str], render_metrics: Callable[[], tuple[bytes, str]]) -> asyncio.Server:
    """Listen on all addresses of the pod, before the first await. Raises OSError when the port is taken."""
    try:
        listener = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    except (OSError, ValueError):  # a kernel without IPv6
        listener = socket.create_server(("", port))
    return await asyncio.get_running_loop().create_server(lambda: StatusProtocol(why_not_ready, render_metrics), sock=listener)
