"""A gateway whose functions answer what a test says, without links or processes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from lambent.activator.admission.model import Failure, FunctionKey, Invocation, Rules
from lambent.activator.catalog.catalog import Configuration
from lambent.activator.gateway.gateway import EVERY_DOOR, Doors, Gateway
from lambent.activator.gateway.proxies import TrustedProxies
from lambent.activator.gateway.request_ids import Identities
from lambent.activator.http import Headers, HttpRequest, HttpResponse
from lambent.activator.reply import Reply
from lambent.activator.routing.table import Table
from lambent.api.functions.function import parse_function
from lambent.api.triggers.hosts import Domains
from lambent.api.triggers.trigger import parse_trigger

EPOCH_SECONDS = 1_583_348_638.39
META = {"durationMs": 2.5, "billedMs": 3, "memoryMb": 30}


class CountedMetrics:
    """Remembers what was counted."""

    def __init__(self) -> None:
        self.counted: list[tuple[Any, ...]] = []

    def succeeded(self, function: FunctionKey, total_seconds: float, queue_seconds: float) -> None:
        self.counted.append(("succeeded", *function))

    def failed(self, function: FunctionKey, outcome: str, reason: str, total_seconds: float) -> None:
        self.counted.append(("failed", *function, outcome, reason))

    def cold_start(self, function: FunctionKey, wait_seconds: float) -> None:
        self.counted.append(("cold", *function))

    def request_refused(self, reason: str) -> None:
        self.counted.append(("refused", reason))


class GatewayWorld:
    """`answer` is what functions answer: a value to be JSON, a `Reply`, a `Failure`, or a function of the invocation."""

    def __init__(self, answer: Any = None, domains: Domains | None = None, trusted_proxies: Sequence[str] = ()) -> None:
        self.answer = answer
        self.invocations: list[Invocation] = []
        self.rules: dict[FunctionKey, Rules | None] = {}
        self.metrics = CountedMetrics()
        self.cancelled: list[Invocation] = []
        self.gateway = Gateway(
            self,
            self.metrics,
            clock=lambda: EPOCH_SECONDS,
            identities=Identities(lambda count: bytes(range(256)) * (count // 256)),
            proxies=TrustedProxies(trusted_proxies),
            table=Table(domains),
        )
        self.configuration = Configuration(self.gateway, self.rules.__setitem__, lambda _: None, domains=domains)

    def submit(self, invocation: Invocation) -> None:
        """The gateway's `Invoker`: answers at once."""
        self.invocations.append(invocation)
        answer = self.answer(invocation) if isinstance(self.answer, Callable) else self.answer  # type: ignore[arg-type]
        invocation.waiter(
            answer if isinstance(answer, Reply | Failure) else Reply(json.dumps(answer).encode(), function_error=False, meta=META)
        )

    def cancel(self, invocation: Invocation) -> None:
        """Remember it."""
        self.cancelled.append(invocation)

    def add_function(self, name: str = "hello", namespace: str = "default", **spec: Any) -> None:
        body = {
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"runtime": "python3.11", "code": {"inline": {"app.py": "x"}}, **spec},
            "status": {"readyRevision": "r1", "latestRevision": "r1", "conditions": [{"type": "Ready", "status": "True"}]},
        }
        self.configuration.put_function(parse_function(body))

    def add_trigger(
        self, function: str = "hello", name: str = "t", namespace: str = "default", created: str = "2026-01-01T00:00:00Z", **http: Any
    ) -> None:
        metadata = {"name": name, "namespace": namespace, "creationTimestamp": created}
        body = {"metadata": metadata, "spec": {"function": {"name": function}, "http": http}}
        self.configuration.put_trigger(parse_trigger(body))

    @staticmethod
    def key(name: str, namespace: str = "default") -> FunctionKey:
        return FunctionKey(namespace, name)

    def request(
        self,
        method: str,
        target: str,
        *,
        host: str = "127.0.0.1:8080",
        headers: Headers | None = None,
        body: bytes = b"",
        doors: Doors = EVERY_DOOR,
    ) -> HttpResponse:
        path, _, query = target.partition("?")
        request = HttpRequest(method, path, query, [("Host", host), *(headers or [])], body, "203.0.113.7", port=8080)
        responses: list[HttpResponse] = []
        self.gateway.handle_at(doors, request, responses.append)
        (response,) = responses
        return response

    def invoke(self, name: str = "hello", body: bytes = b"{}", **headers: str) -> HttpResponse:
        named = [(key.replace("_", "-"), value) for key, value in headers.items()]
        return self.request("POST", f"/2015-03-31/functions/{name}/invocations", headers=named, body=body)

    @property
    def event(self) -> dict[str, Any]:
        """The last event."""
        return dict(json.loads(self.invocations[-1].payload))

    @property
    def meta(self) -> dict[str, Any]:
        """The last INVOKE's meta."""
        return dict(json.loads(self.invocations[-1].meta))


def header(response: HttpResponse, name: str) -> str | None:
    """The one value of a response header."""
    values = [value for key, value in response.headers if key == name]
    assert len(values) <= 1
    return values[0] if values else None
