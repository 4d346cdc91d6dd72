"""Calls of functions as a client makes them, through the activators of a cluster or of `make dev`."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit


@dataclass(frozen=True)
class Response:
    """An HTTP answer and how long it took; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    cookies: tuple[str, ...]
    body: bytes
    seconds: float

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def function_error(self) -> str | None:
        """`Unhandled` where the handler failed."""
        return self.headers.get("x-amz-function-error")

    @property
    def reason(self) -> str | None:
        """Who failed and why."""
        return self.headers.get("x-lambent-reason")

    @property
    def log(self) -> str:
        """The log tail, where it was asked for."""
        return base64.b64decode(self.headers.get("x-amz-log-result", "")).decode(errors="replace")

    def __repr__(self) -> str:
        return f"<{self.status} {self.reason or ''} {self.body[:300]!r} after {self.seconds:.2f} s>"


class HttpClient:
    """One endpoint; a connection per call, so that each call may reach another activator."""

    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        assert parts.hostname is not None
        self.endpoint = endpoint
        self._address, self._port = parts.hostname, parts.port or 80

    def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, timeout: float = 60
    ) -> Response:
        """Any request; raises OSError or HTTPException where the connection fails."""
        begun = time.monotonic()
        connection = http.client.HTTPConnection(self._address, self._port, timeout=timeout)
        with contextlib.closing(connection):
            connection.request(method, path, body or None, dict(headers or {}))
            answer = connection.getresponse()
            data = answer.read()
        pairs = [(name.lower(), value) for name, value in answer.getheaders()]
        cookies = tuple(value for name, value in pairs if name == "set-cookie")
        return Response(answer.status, dict(pairs), cookies, data, time.monotonic() - begun)

    def invoke(
        self, namespace: str, name: str, event: object = None, *, tail: bool = False, timeout: float = 60, payload: bytes | None = None
    ) -> Response:
        """The Lambda API's Invoke; the namespace is the ARN's account."""
        arn = quote(f"arn:aws:lambda:us-east-1:{namespace}:function:{name}", safe="")
        data = json.dumps({} if event is None else event).encode() if payload is None else payload
        headers = {"Content-Type": "application/json", **({"X-Amz-Log-Type": "Tail"} if tail else {})}
        return self.request("POST", f"/2015-03-31/functions/{arn}/invocations", data, headers, timeout=timeout)
