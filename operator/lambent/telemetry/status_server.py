"""Every role's status port: /healthz (is the process alive), /readyz (may it be given work) and /metrics (Prometheus)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from lambent.telemetry.listener import Listener

Check = Callable[[], str | None]
"""None where all is well, else a short reason why not."""
_PLAIN: Final = "text/plain"


class StatusServer(Listener):
    """Serves from `start` to `close`; an asynchronous context manager.

    `ready` are the checks of /readyz by name, `healthy` those of /healthz (none: alive as long as the event loop turns). Each answers 200
    `ok`, or 503 with one `name: reason` a line. Checks are called per request and must be quick.
    """

    def __init__(
        self,
        port: int,
        registry: CollectorRegistry,
        *,
        ready: Mapping[str, Check] | None = None,
        healthy: Mapping[str, Check] | None = None,
        host: str | None = None,
    ) -> None:
        """`port` 0 takes a free one (see `port` after the start); `host` None means all addresses."""
        super().__init__(port, host)
        self._registry = registry
        self._ready = dict(ready or {})
        self._healthy = dict(healthy or {})

    def build_application(self) -> web.Application:
        """The three paths."""
        app = web.Application()
        app.router.add_get("/healthz", self._answer_healthz)
        app.router.add_get("/readyz", self._answer_readyz)
        app.router.add_get("/metrics", self._answer_metrics)
        return app

    async def _answer_healthz(self, _: web.Request) -> web.Response:
        return _verdict(self._healthy)

    async def _answer_readyz(self, _: web.Request) -> web.Response:
        return _verdict(self._ready)

    async def _answer_metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})


def _verdict(checks: Mapping[str, Check]) -> web.Response:
    reasons = [f"{name}: {reason}" for name, check in checks.items() if (reason := check()) is not None]
    if reasons:
        return web.Response(status=503, text="\n".join(reasons) + "\n", content_type=_PLAIN)
    return web.Response(text="ok\n", content_type=_PLAIN)
