"""The HTTP server: listens, bounds and times its connections, and drains."""

from __future__ import annotations

import asyncio
import logging
from email.utils import formatdate

from lambent.activator.front.connection import Connection
from lambent.activator.front.limits import FrontLimits
from lambent.activator.front.ports import Gateway
from lambent.activator.front.reader import Budget, Refusal
from lambent.activator.http import HttpResponse

BACKLOG = 1024
TICK_SECONDS = 0.5

_log = logging.getLogger("lambent.activator.front")


class Front:
    """Hands each request to the gateway. Runs on one event loop; implements what connections ask of their server."""

    def __init__(self, gateway: Gateway, *, port: int = 0, limits: FrontLimits | None = None) -> None:
        self.gateway = gateway
        self.limits = limits or FrontLimits()
        self.budget = Budget(self.limits.receiving_bytes)
        self.port = port
        """The port callers see in `x-forwarded-port`; 0: the one that is listened on."""
        self.draining = False
        self.now = 0.0
        self.date = ""
        self._connections: set[Connection] = set()
        self._listener: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    async def start(self, host: str | None, port: int) -> int:
        """Listen; the port, which is a free one for 0."""
        self._tick()
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: Connection(self), host, port, backlog=BACKLOG, reuse_address=True)
        bound = int(self._listener.sockets[0].getsockname()[1])
        self.port = self.port or bound
        return bound

    def drain(self) -> None:
        """From now on every answer closes its connection; those that wait for nothing are closed."""
        self.draining = True
        for connection in list(self._connections):
            connection.drain()

    def stop_listening(self) -> None:
        """Take no new connection."""
        if self._listener is not None:
            self._listener.close()

    async def close(self, grace_seconds: float) -> None:
        """Close idle connections, wait for requests under way at most that long, then cut the rest."""
        self.stop_listening()
        self.drain()
        try:
            async with asyncio.timeout(grace_seconds):
                await self._empty.wait()
        except TimeoutError:
            _log.warning("cutting %s connections that are not done after %g s", len(self._connections), grace_seconds)
        for connection in list(self._connections):
            connection.abort()
        if self._timer is not None:
            self._timer.cancel()

    # For connections

    def opened(self, connection: Connection) -> bool:
        """Count it; False if there are too many."""
        self._connections.add(connection)
        self._empty.clear()
        return len(self._connections) <= self.limits.connections

    def closed(self, connection: Connection) -> None:
        """It is gone."""
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    def refused(self, refusal: Refusal, client: str) -> HttpResponse:
        """The answer to what was not taken."""
        _log.info("refused a request of %s: %s", client, refusal.message, extra={"status": refusal.status})
        return self.gateway.refuse(refusal.request, refusal.status, refusal.message)

    def _tick(self) -> None:
        """Time in steps: asking the clock for every request would tell no more than deadlines of many seconds need."""
        loop = asyncio.get_running_loop()
        self.now = loop.time()
        self.date = formatdate(usegmt=True)
        for connection in [each for each in self._connections if each.deadline <= self.now]:
            connection.expire()
        self._timer = loop.call_later(TICK_SECONDS, self._tick)
