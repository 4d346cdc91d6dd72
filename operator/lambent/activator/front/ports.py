"""What the HTTP front needs: somebody who answers requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

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

    def refuse(self, request: HttpRequest | None, status: int, message: str) -> HttpResponse:
        """The answer to what was not taken: no HTTP, too large, too slow. `request` is set where its head was understood."""
