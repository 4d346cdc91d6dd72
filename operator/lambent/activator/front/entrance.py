"""Another port of a server, with a gateway of its own: its connections share limits, time and drain with all others of the server."""

from __future__ import annotations

from collections.abc import Callable

from lambent.activator.front.ports import Client, Gateway, Server


class Entrance:
    """What connections of that port ask of their server."""

    __slots__ = ("_server", "budget", "gateway", "limits", "port")

    def __init__(self, server: Server, gateway: Gateway, port: int = 0) -> None:
        self._server = server
        self.gateway = gateway
        self.limits = server.limits
        self.budget = server.budget
        self.port = port
        """The port callers see; set when it is known."""

    @property
    def date(self) -> str:
        """Value of the Date header, of this second."""
        return self._server.date

    @property
    def now(self) -> float:
        """The loop's time, of this second."""
        return self._server.now

    @property
    def draining(self) -> bool:
        """Whether connections end with their next answer."""
        return self._server.draining

    def opened(self, connection: Client) -> bool:
        """Count it; False if there are too many."""
        return self._server.opened(connection)

    def closed(self, connection: Client) -> None:
        """It is gone."""
        self._server.closed(connection)

    def behind(self, connection: Client) -> None:
        """Its client reads slower than it is written to."""
        self._server.behind(connection)

    def caught_up(self, connection: Client) -> None:
        """It does no more."""
        self._server.caught_up(connection)

    def holds(self, connection: Client) -> None:
        """From now on something is held of its requests."""
        self._server.holds(connection)

    def make_room(self, connection: Client) -> bool:
        """The budget is overdrawn, by this one last: whether it is not any more, as others gave way."""
        return self._server.make_room(connection)

    def takes_turn(self) -> bool:
        """Whether another request may be answered in this turn of the event loop."""
        return self._server.takes_turn()

    def defer(self, connection: Client) -> None:
        """Resume it in a later turn."""
        self._server.defer(connection)

    def tell(self, refusal: Callable[[], None]) -> None:
        """Call what tells a client to come again later: now, or in a moment where many are told."""
        self._server.tell(refusal)
