"""What the parts of the HTTP front ask of each other, and what all of it needs: somebody who answers requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from lambent.activator.front.limits import FrontLimits
from lambent.activator.front.message import Budget, Refusal
from lambent.activator.http import HttpRequest, HttpResponse

Respond = Callable[[HttpResponse], None]
"""Takes the one answer to a request; further ones, and one that comes after `Ticket.cancel`, are dropped."""


class Ticket(Protocol):
    """A request that is being answered."""

    def cancel(self) -> None:
        """Nobody waits for the answer any more."""


class Gateway(Protocol):
    """What answers requests."""

    def handle(self, request: HttpRequest, respond: Respond) -> Ticket | None:
        """Answer by `respond`, before returning (then None is returned) or later."""

    def refuse(self, refusal: Refusal, client: str) -> HttpResponse:
        """The answer to what was not taken of a client: no HTTP, too large, too slow."""


class Client(Protocol):
    """One connection, as its server sees it."""

    deadline: float
    """When `expire` is to be called, by the loop's time."""

    @property
    def unread_bytes(self) -> int:
        """What the client has yet to read, besides what the kernel holds."""

    @property
    def seconds_to_bring(self) -> float:
        """How long the client would need, at its pace of late, to bring again what is held of its requests."""

    def measure_pace(self, seconds: float) -> bool:
        """So much time has passed since the last measure; False where nothing is held any more."""

    def give_way(self) -> None:
        """Let go of what is held: others need the room."""

    def resume(self) -> None:
        """It is this connection's turn again."""

    def expire(self) -> None:
        """The deadline has passed."""

    def drain(self) -> None:
        """The server takes no more: close if nothing is under way."""

    def abort(self) -> None:
        """Cut it, whatever is under way."""


class Server(Protocol):
    """What the connections of one server share."""

    limits: FrontLimits
    budget: Budget
    gateway: Gateway
    port: int

    @property
    def date(self) -> str:
        """Value of the Date header, of this second."""

    @property
    def now(self) -> float:
        """The loop's time, of this second."""

    @property
    def draining(self) -> bool:
        """Whether connections end with their next answer."""

    def opened(self, connection: Client) -> bool:
        """Count it; False if there are too many."""

    def closed(self, connection: Client) -> None:
        """It is gone."""

    def behind(self, connection: Client) -> None:
        """Its client reads slower than it is written to."""

    def caught_up(self, connection: Client) -> None:
        """It does no more."""

    def holds(self, connection: Client) -> None:
        """From now on something is held of its requests."""

    def make_room(self, connection: Client) -> bool:
        """The budget is overdrawn, by this one last: whether it is not any more, as others gave way."""

    def takes_turn(self) -> bool:
        """Whether another request may be answered in this turn of the event loop."""

    def defer(self, connection: Client) -> None:
        """Resume it in a later turn."""

    def tell(self, refusal: Callable[[], None]) -> None:
        """Call what tells a client to come again later: now, or in a moment where many are told."""
