"""The HTTP server: listens, bounds and times its connections, and drains."""

from __future__ import annotations

import asyncio
import logging
import resource
import time
from collections import deque
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Any, Final

from lambent.activator.front.connection import Connection
from lambent.activator.front.encoding import is_short_authority, split_short_target
from lambent.activator.front.entrance import Entrance
from lambent.activator.front.limits import REQUESTS_PER_TURN, FrontLimits
from lambent.activator.front.message import Budget
from lambent.activator.front.pacer import RefusalPacer
from lambent.activator.front.ports import Client, Gateway
from lambent.activator.lambda_api.invoke import parse_short_target
from lambent.telemetry.front_metrics import FrontFigures

BACKLOG = 4096
TICK_SECONDS = 0.5
_TOLD_CONNECTIONS = 500
"""How many over the limit are told so; more are cut at once."""
_OTHER_FILES = 2_000
"""Descriptors for what else a process holds: those over the limit, links, files."""

_CACHES: Final[Mapping[str, Any]] = {"targets": split_short_target, "hosts": is_short_authority, "functions": parse_short_target}

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
        self._connections: set[Client] = set()
        self._behind: dict[Client, int] = {}
        """Whose clients read too slowly, and by how many bytes at most; those who have been behind for longest come first."""
        self._call_soon: Callable[[Callable[[], None]], object] | None = None
        """The event loop's, once there is one."""
        self._turns_taken = 0
        """Requests that were answered in this turn of it."""
        self._pacer: RefusalPacer | None = None
        self._deferred: deque[Client] = deque()
        self._holders: set[Client] = set()
        """Of whose requests something may be held that have not come whole, or wait."""
        self._no_room_at = 0.0
        """When nobody was found last who would give way."""
        self.gave_way = 0
        """Connections that gave way so far."""
        self.cut_behind = 0
        """Connections that were cut so far because they were behind in reading."""
        self._listeners: list[asyncio.Server] = []
        self._timer: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    def figures(self) -> FrontFigures:
        """What is held, and who was ended."""
        return FrontFigures(
            connections=len(self._connections),
            receiving_bytes=self.budget.used,
            unread_bytes=self.behind_bytes,
            gave_way=self.gave_way,
            cut_behind=self.cut_behind,
            refusals_held=self._pacer.held if self._pacer is not None else 0,
            cached={name: cache.cache_info().currsize for name, cache in _CACHES.items()},
        )

    @property
    def behind_bytes(self) -> int:
        """What clients are behind in reading, at most."""
        return sum(self._behind.values())

    async def start(self, host: str | None, port: int) -> int:
        """Listen; the port, which is a free one for 0. Raises OSError where it is taken."""
        allow_files(self.limits.connections + _OTHER_FILES)
        loop = asyncio.get_running_loop()
        self._call_soon = loop.call_soon
        self._pacer = RefusalPacer(loop)
        listener = await loop.create_server(lambda: Connection(self), host, port, backlog=BACKLOG, reuse_address=True)
        self._listeners.append(listener)
        self._keep_time()
        bound = int(listener.sockets[0].getsockname()[1])
        self.port = self.port or bound
        return bound

    async def open_entrance(self, gateway: Gateway, host: str | None, port: int) -> int:
        """Listen at another port too, whose requests another gateway answers; the port. Raises OSError where it is taken."""
        entrance = Entrance(self, gateway)
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(lambda: Connection(entrance), host, port, backlog=BACKLOG, reuse_address=True)
        self._listeners.append(listener)
        entrance.port = int(listener.sockets[0].getsockname()[1])
        return entrance.port

    def say_goodbye(self) -> None:
        """From now on every answer ends its connection, so that clients who keep theirs go elsewhere; new ones are still taken."""
        self.draining = True

    def stop_listening(self) -> None:
        """Take no new connection."""
        for listener in self._listeners:
            listener.close()

    async def close(self, grace_seconds: float) -> None:
        """Close idle connections, wait for requests under way at most that long, then cut the rest."""
        self.say_goodbye()
        self.stop_listening()
        for connection in list(self._connections):
            connection.drain()
        try:
            async with asyncio.timeout(grace_seconds):
                await self._empty.wait()
        except TimeoutError:
            _log.warning("cutting %s connections that are not done after %g s", len(self._connections), grace_seconds)
        for connection in list(self._connections):
            connection.abort()
        if self._timer is not None:
            self._timer.cancel()

    # Time

    def tick(self, now: float, epoch_seconds: float) -> None:
        """Time in steps: asking the clock for every request would tell no more than deadlines of many seconds need.

        `now` is the loop's time.
        """
        passed, self.now = now - self.now, now
        self.date = formatdate(epoch_seconds, usegmt=True)
        if self._holders and passed > 0:
            self._holders = {each for each in self._holders if each.measure_pace(passed)}
        for connection in [each for each in self._connections if each.deadline <= now]:
            connection.expire()

    def _keep_time(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(TICK_SECONDS, self._keep_time)
        self.tick(loop.time(), time.time())

    # For connections

    def opened(self, connection: Client) -> bool:
        """Count it; False if there are too many."""
        self._connections.add(connection)
        self._empty.clear()
        excess = len(self._connections) - self.limits.connections
        if excess > _TOLD_CONNECTIONS:
            connection.abort()
        return excess <= 0

    def closed(self, connection: Client) -> None:
        """It is gone."""
        self._connections.discard(connection)
        self._holders.discard(connection)
        if not self._connections:
            self._empty.set()

    def behind(self, connection: Client) -> None:
        """Its client reads slower than it is written to. When that is too much of all together, those are cut who lag longest."""
        self._behind[connection] = connection.unread_bytes
        limit = self.limits.sending_bytes
        if self.behind_bytes <= limit:
            return
        for each in self._behind:
            self._behind[each] = each.unread_bytes
        total = self.behind_bytes
        for each in list(self._behind):
            if total > limit and each is not connection:
                _log.warning("cutting a connection that is %s bytes behind: all are %s", self._behind[each], total)
                total -= self._behind.pop(each)
                self.cut_behind += 1
                each.abort()

    def caught_up(self, connection: Client) -> None:
        """It does no more."""
        self._behind.pop(connection, None)

    def takes_turn(self) -> bool:
        """Whether another request may be answered in this turn of the event loop.

        libuv polls up to 48 times in a turn while there are 1,024 events each time (`uv__io_poll`). That many come where clients have
        their answers, and send the next request, within the turn; what is to be done after it, as sending to links, then waits for seconds.
        """
        if self._call_soon is None:
            return True
        if not self._turns_taken:
            self._call_soon(self._begin_turn)
        self._turns_taken += 1
        return self._turns_taken <= REQUESTS_PER_TURN

    def defer(self, connection: Client) -> None:
        """Resume it in a later turn."""
        self._deferred.append(connection)

    def _begin_turn(self) -> None:
        self._turns_taken = 0
        for _ in range(min(len(self._deferred), REQUESTS_PER_TURN)):
            self._deferred.popleft().resume()

    def tell(self, refusal: Callable[[], None]) -> None:
        """Call what tells a client to come again later: now, or in a moment where many are told."""
        if self._pacer is None:
            refusal()
        else:
            self._pacer.tell(refusal)

    def holds(self, connection: Client) -> None:
        """From now on something is held of its requests."""
        self._holders.add(connection)

    def make_room(self, connection: Client) -> bool:
        """The budget is overdrawn, by this one last: whether it is not any more, as others gave way.

        Those do who hold most and bring least. Whoever keeps a good pace does not: then it is the newcomer who has to come again.
        """
        budget = self.budget
        if self._no_room_at == self.now:
            # Nobody's pace is known any better before the next tick.
            return budget.used <= budget.limit
        least = max(self.limits.give_way_seconds, connection.seconds_to_bring)
        slow = sorted(((each.seconds_to_bring, id(each), each) for each in self._holders if each is not connection), reverse=True)
        # A little more than is needed, so that this is not done for each slice that comes.
        enough = budget.limit - budget.limit // 16
        for seconds, _, each in slow:
            if budget.used <= enough or seconds <= least:
                break
            self.gave_way += 1
            each.give_way()
        if budget.used <= budget.limit:
            return True
        self._no_room_at = self.now
        return False


def allow_files(wanted: int) -> None:
    """Let this process have that many open, as far as the system lets it: containers often start with 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most < wanted:
        _log.warning("only %s files may be open; for all the connections that are allowed it would take %s", most, wanted)
