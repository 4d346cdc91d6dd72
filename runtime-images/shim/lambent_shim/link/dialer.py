"""Keeps a link to every activator: resolves, dials, dials again."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable
from typing import Final, cast

from lambent_shim.link.addresses import AddressBook, absolute_name, retry_delay
from lambent_shim.link.link import Link, LinkEvents
from lambent_shim.link.websocket import WSError, ws_connect

_RESOLVE_AGAIN_SECONDS: Final = 15.0
_RESOLVE_RETRY_SECONDS: Final = 0.2
_HANDSHAKE_SECONDS: Final = 5.0
_IDLE_PING_SECONDS: Final = 10.0
_STABLE_SECONDS: Final = 5.0
_TWIN_SECONDS: Final = 60.0
"""How long to leave an address alone that led to an activator already linked."""


class Dialer:
    """One task per wanted address."""

    def __init__(self, events: LinkEvents, activators: tuple[str, ...], say: Callable[[str], None]) -> None:
        self._events = events
        self._activators = activators
        self._say = say
        self._book = AddressBook()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._resolvers: list[asyncio.Task[None]] = []
        self._closing = False

    def start(self) -> None:
        """Begin to resolve and dial."""
        for activator in self._activators:
            self._resolvers.append(asyncio.get_running_loop().create_task(self._resolve(activator)))

    async def close(self) -> None:
        """Dial no more; links that are open stay."""
        self._closing = True
        tasks = [*self._resolvers, *self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def set_peers(self, link: Link, peers: list[str]) -> None:
        """WELCOME or PEERS of a link."""
        self._book.set_peers(link.address, peers)
        self._dial_wanted()

    def forget(self, link: Link) -> None:
        """The link is gone."""
        self._book.forget_teller(link.address)

    def _dial_wanted(self) -> None:
        if self._closing:
            return
        for address in self._book.wanted():
            if address not in self._tasks:
                task = asyncio.get_running_loop().create_task(self._keep(address))
                self._tasks[address] = task
                task.add_done_callback(lambda _, address=address: self._tasks.pop(address, None))  # type: ignore[misc]

    async def _resolve(self, activator: str) -> None:
        host, _, port = activator.rpartition(":")
        name = absolute_name(host.strip("[]"))
        loop = asyncio.get_running_loop()
        while True:
            try:
                found = await loop.getaddrinfo(name, int(port), type=socket.SOCK_STREAM)
            except OSError as error:
                self._say(f"{activator} does not resolve: {error}")
                await asyncio.sleep(_RESOLVE_RETRY_SECONDS)
                continue
            self._book.set_resolved(activator, [_join(str(address[4][0]), int(address[4][1])) for address in found])
            self._dial_wanted()
            await asyncio.sleep(_RESOLVE_AGAIN_SECONDS * (0.75 + random.random() / 2))  # noqa: S311 - spreads load

    async def _keep(self, address: str) -> None:
        """Keep a link to the address for as long as it is wanted."""
        loop = asyncio.get_running_loop()
        failures = 0
        while address in self._book.wanted():
            began = loop.time()
            link: Link | None = None
            try:
                transport, listener = await ws_connect(
                    lambda: Link(self._events, address),
                    f"ws://{address}/link",
                    websocket_handshake_timeout=_HANDSHAKE_SECONDS,
                    enable_auto_ping=True,
                    auto_ping_idle_timeout=_IDLE_PING_SECONDS,
                    auto_ping_reply_timeout=_IDLE_PING_SECONDS,
                    use_aiofastnet=False,
                )
                link = cast("Link", listener)
                await transport.wait_disconnected()
            except (OSError, WSError, TimeoutError) as error:
                if failures == 0:
                    self._say(f"activator {address}: {error}")
            if link is not None and link.twin:
                await asyncio.sleep(_TWIN_SECONDS * (0.75 + random.random() / 2))  # noqa: S311 - spreads load
                continue
            # A link that lived for a while starts the count anew.
            failures = 1 if loop.time() - began > _STABLE_SECONDS else failures + 1
            await asyncio.sleep(retry_delay(failures, random.random()))  # noqa: S311 - spreads load


def _join(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
