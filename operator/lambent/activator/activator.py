"""An activator put together from its parts, wherever it runs; what differs between a cluster and a laptop is passed in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from lambent.activator.admission.admission import Admission
from lambent.activator.admission.model import Limits
from lambent.activator.catalog.catalog import Configuration
from lambent.activator.front.limits import FrontLimits
from lambent.activator.front.server import Front
from lambent.activator.gateway.gateway import EVERY_DOOR, Doors, Gateway, GatewayAt
from lambent.activator.gateway.proxies import TrustedProxies
from lambent.activator.links.exchange import Exchange
from lambent.activator.links.listener import LinkPort
from lambent.activator.links.ports import Adopter, Blueprints, InitializationReporter, Provisioner, Verifier
from lambent.activator.links.unproved import LinkLimits, Unproved
from lambent.activator.routing.table import Table
from lambent.api.names import DEFAULT_REGION
from lambent.api.namespace_limits import NamespaceLimits
from lambent.api.triggers.hosts import Domains
from lambent.tasks.supervisor import Failed, Supervisor
from lambent.telemetry.activator_metrics import ActivatorMetrics, FigureCollector, PoolCollector
from lambent.telemetry.front_metrics import FrontCollector
from lambent.telemetry.link_metrics import LinkCollector, LinkFigures

_log = logging.getLogger("lambent.activator")


@dataclass(frozen=True, slots=True)
class PoolAccess:
    """What an activator needs to take generic pods."""

    blueprints: Blueprints
    adopter: Adopter
    memory_bytes: int
    """The largest memory of a function that they have room for."""


class Activator:
    """Start it, feed its `configuration`, and in the end `close` it."""

    def __init__(
        self,
        limits: Limits,
        provisioner: Provisioner,
        verifier: Verifier,
        reporter: InitializationReporter,
        metrics: ActivatorMetrics,
        *,
        identity: str,
        region: str = DEFAULT_REGION,
        front_limits: FrontLimits | None = None,
        pool: PoolAccess | None = None,
        trusted_proxies: Sequence[str] = (),
        failed: Failed | None = None,
        domains: Domains | None = None,
        link_limits: LinkLimits | None = None,
        doors: Doors = EVERY_DOOR,
        namespace_limits: NamespaceLimits | None = None,
    ) -> None:
        """Without `pool` all pods are started as the function's. `trusted_proxies` are networks.

        `failed` counts background tasks that fail.
        """
        loop = asyncio.get_running_loop()
        self.background = Supervisor(failed)
        """All that runs beside requests, until `close`: whoever has more of that starts it here."""
        self.admission = Admission(limits)
        self.metrics = metrics
        metrics.registry.register(FigureCollector(self.admission.figures))
        self.admission.pools.name = identity
        metrics.registry.register(PoolCollector(self.admission.pools.figures))
        self.exchange = Exchange(
            self.admission,
            provisioner,
            verifier,
            reporter,
            self.metrics,
            identity=identity,
            blueprints=pool.blueprints if pool is not None else None,
            adopter=pool.adopter if pool is not None else None,
            failed=failed,
        )
        proxies = TrustedProxies(trusted_proxies) if trusted_proxies else None
        self.gateway = Gateway(self.exchange, self.metrics, proxies=proxies, table=Table(domains))
        self.configuration = Configuration(
            self.gateway,
            self.exchange.set_rules,
            self.metrics.forget,
            region=region,
            pool_memory_bytes=pool.memory_bytes if pool is not None else 0,
            domains=domains,
            limits=namespace_limits,
        )
        self.front = Front(self.gateway if doors == EVERY_DOOR else GatewayAt(self.gateway, doors), limits=front_limits)
        metrics.registry.register(FrontCollector(self.front.figures))
        self._links = LinkPort(Unproved(link_limits or LinkLimits()), self.exchange.accept, metrics.link_refused, loop.time)
        metrics.registry.register(LinkCollector(self._figures_of_links))
        self.http_port = 0
        self.link_port = 0

    @property
    def unproved(self) -> int:
        """Connections to the link port that have not proved themselves."""
        return self._links.unproved.count

    def _figures_of_links(self) -> LinkFigures:
        budget = self.admission.budget
        return LinkFigures(self.exchange.count_links(), self._links.unproved.count, budget.used, budget.refused)

    async def start_links(self, host: str | None, port: int) -> None:
        """Take shims."""
        self.link_port = await self._links.start(host, port)
        self.background.start("clock", self.exchange.run)

    async def start_http(self, host: str | None, port: int) -> None:
        """Take requests."""
        self.http_port = await self.front.start(host, port)

    async def open_port(self, host: str | None, port: int, doors: Doors) -> int:
        """Take requests at another port too, for some doors; the port. Raises OSError where it is taken."""
        return await self.front.open_entrance(GatewayAt(self.gateway, doors), host, port)

    def say_goodbye(self) -> None:
        """From now on every answer ends its connection, so that kept ones move to another activator; new ones are still taken."""
        self.front.say_goodbye()

    async def close(self, grace_seconds: float) -> None:
        """Answer what is under way, at most that long; then let the shims go."""
        await self.front.close(grace_seconds)
        self.exchange.leave()
        self._links.close()
        await self.background.close()
