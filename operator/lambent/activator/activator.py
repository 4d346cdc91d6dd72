"""An activator put together from its parts, wherever it runs; what differs between a cluster and a laptop is passed in."""

from __future__ import annotations

import asyncio
import logging

from picows import ws_create_server
from prometheus_client import CollectorRegistry

from lambent.activator.admission.core import Admission
from lambent.activator.admission.model import Limits
from lambent.activator.configuration import Configuration
from lambent.activator.exchange import Exchange
from lambent.activator.front.limits import FrontLimits
from lambent.activator.front.server import BACKLOG, Front
from lambent.activator.gateway import Gateway
from lambent.activator.ports import InitializationReporter, Provisioner, Verifier
from lambent.activator.session import MAX_FRAME_BYTES
from lambent.api.names import DEFAULT_REGION
from lambent.telemetry.activator_metrics import ActivatorMetrics, FigureCollector

_log = logging.getLogger("lambent.activator")


class Activator:
    """Start it, feed its `configuration`, and in the end `close` it."""

    def __init__(
        self,
        limits: Limits,
        provisioner: Provisioner,
        verifier: Verifier,
        reporter: InitializationReporter,
        registry: CollectorRegistry,
        *,
        identity: str,
        region: str = DEFAULT_REGION,
        front_limits: FrontLimits | None = None,
    ) -> None:
        self.admission = Admission(limits)
        self.metrics = ActivatorMetrics(registry)
        registry.register(FigureCollector(self.admission.figures))
        self.exchange = Exchange(self.admission, provisioner, verifier, reporter, self.metrics, identity=identity)
        self.gateway = Gateway(self.exchange, self.metrics)
        self.configuration = Configuration(self.gateway, self.exchange.set_rules, self.metrics.forget, region=region)
        self._front = Front(self.gateway, limits=front_limits)
        self._links: asyncio.Server | None = None
        self._timer: asyncio.Task[None] | None = None
        self.http_port = 0
        self.link_port = 0

    async def start_links(self, host: str | None, port: int) -> None:
        """Take shims."""
        self._links = await ws_create_server(
            self.exchange.accept,
            host,
            port,
            max_frame_size=MAX_FRAME_BYTES,
            use_aiofastnet=False,
            backlog=BACKLOG,
            reuse_address=True,
        )
        self.link_port = self._links.sockets[0].getsockname()[1]
        self._timer = asyncio.get_running_loop().create_task(self.exchange.run())

    async def start_http(self, host: str | None, port: int) -> None:
        """Take requests."""
        self.http_port = await self._front.start(host, port)

    def say_goodbye(self) -> None:
        """From now on every answer ends its connection, so that kept ones move to another activator; new ones are still taken."""
        self._front.say_goodbye()

    async def close(self, grace_seconds: float) -> None:
        """Answer what is under way, at most that long; then let the shims go."""
        await self._front.close(grace_seconds)
        self.exchange.leave()
        if self._links is not None:
            self._links.close()
        if self._timer is not None:
            self._timer.cancel()
