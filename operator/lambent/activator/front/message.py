"""What a connection knows of the requests that come in on it. Data only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from lambent.activator.http import HttpRequest


class Phase(Enum):
    """What of the next request has come."""

    NOTHING = auto()
    HEAD = auto()
    BODY = auto()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no more of this connection is read. `request` is set where its head was understood."""

    status: int
    message: str
    request: HttpRequest | None = None


class Manner:
    """How the answer to a request is to be written."""

    __slots__ = ("head_only", "http_1_0", "keep_alive")

    def __init__(self, request: HttpRequest, *, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.head_only = request.method == "HEAD"
        self.http_1_0 = request.version == "HTTP/1.0"


class Budget:
    """Bytes of requests that nobody has taken yet, of all connections."""

    __slots__ = ("limit", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
