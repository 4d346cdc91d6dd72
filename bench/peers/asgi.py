"""Bare ASGI: the upper limit that warm calls are compared with."""

import json
from collections.abc import Awaitable, Callable
from typing import Any


async def app(scope: dict[str, Any], receive: Callable[[], Any], send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:  # noqa: ARG001
    """Answer every request with the hello of bench/functions.py."""
    if scope["type"] != "http":
        return
    body = json.dumps({"hello": "world"}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
