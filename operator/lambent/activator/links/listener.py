"""The port that shims dial: takes connections, bounds those that have not proved themselves, and makes links of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from picows import WSAutoPingStrategy, WSUpgradeRequest
from picows.picows import WSProtocol  # type: ignore[attr-defined]

from lambent.activator.front.server import BACKLOG
from lambent.activator.links.hello import MAX_HELLO_BYTES
from lambent.activator.links.session import HELLO_SECONDS, MAX_FRAME_BYTES, LinkSession
from lambent.activator.links.unproved import Unproved

LINK_PATH: Final = "/link"
MAX_UPGRADE_BYTES: Final = 16 * 1024
"""Of the request that opens a WebSocket, as picows has it."""
UNPROVED_BYTES: Final = MAX_UPGRADE_BYTES + MAX_HELLO_BYTES + 256
"""All that is read of a connection before its shim is proved."""

_picows_log = logging.getLogger("picows.server")


class LinkConnection(WSProtocol):  # type: ignore[misc]
    """One connection, from its first byte on: picows' protocol, which is one of a WebSocket alone, within bounds."""

    def __init__(self, port: LinkPort) -> None:
        keep_alive: dict[str, Any] = {"enable_auto_ping": False, "auto_ping_idle_timeout": 20, "auto_ping_reply_timeout": 20}
        super().__init__(
            host_port=None,
            ws_path=None,
            is_client_side=False,
            ws_listener_factory=self._begin,
            logger=_picows_log,
            disconnect_on_exception=True,
            websocket_handshake_timeout=HELLO_SECONDS,
            auto_ping_strategy=WSAutoPingStrategy.PING_WHEN_IDLE,
            enable_auto_pong=False,
            max_frame_size=MAX_FRAME_BYTES,
            extra_headers=None,
            read_buffer_init_size=16 * 1024,
            **keep_alive,
        )
        self._port = port
        self._tcp: asyncio.Transport | None = None
        self._address = ""
        self._taken = False
        """Whether it counts among the unproved."""
        self._read_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Asyncio: somebody has connected."""
        peer = transport.get_extra_info("peername")
        self._tcp, self._address = transport, peer[0] if peer else ""
        turned = self._port.unproved.admit(self._address, self._port.clock())
        if turned is not None:
            # Told nothing: what is written to somebody who does not read would have to be kept.
            self._port.count_refusal(turned)
            transport.abort()
            return
        self._taken = True
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio: the connection is gone."""
        if self.transport is not None:
            super().connection_lost(exc)
        self._leave()
        self._tcp = None

    def buffer_updated(self, nbytes: int) -> None:
        """Asyncio: bytes have come."""
        if self._taken:
            self._read_bytes += nbytes
            if self._read_bytes > UNPROVED_BYTES and self._tcp is not None:
                self.refused("too_large")
                self._tcp.abort()
                return
        super().buffer_updated(nbytes)
        if self.transport.is_close_frame_sent and self._tcp is not None and not self._tcp.is_closing():
            # By picows, of what is no WebSocket frame: it would read on, into a buffer without bound, until the close is answered.
            self.refused("protocol")
            self._tcp.abort()

    # What the session tells

    def proved(self) -> None:
        """Its shim is who it says."""
        self._leave()

    def refused(self, why: str) -> None:
        """Its shim is not who it says, or does not keep to the protocol."""
        self._port.count_refusal(why)
        if self._taken:
            self._port.unproved.fail(self._address, self._port.clock())

    def _begin(self, request: WSUpgradeRequest) -> LinkSession | None:
        """Picows: a WebSocket is asked for; None is answered 404."""
        if request.path not in (LINK_PATH, LINK_PATH.encode()):
            self.refused("path")
            return None
        return self._port.make_session(self)

    def _leave(self) -> None:
        if self._taken:
            self._taken = False
            self._port.unproved.leave(self._address)


class LinkPort:
    """Listens from `start` to `close`. `make_session` makes the link of a connection; `count_refusal` counts, by reason."""

    def __init__(
        self,
        unproved: Unproved,
        make_session: Callable[[LinkConnection], LinkSession],
        count_refusal: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self.unproved = unproved
        self.make_session = make_session
        self.count_refusal = count_refusal
        self.clock = clock
        self._server: asyncio.Server | None = None

    async def start(self, host: str | None, port: int) -> int:
        """Take shims; the port that it is."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: LinkConnection(self), host, port, backlog=BACKLOG, reuse_address=True)
        self._server = server
        return int(server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Take no more."""
        if self._server is not None:
            self._server.close()
