"""A request and a response as the gateway sees them: plain data, whatever server is in front.

Bytes of headers are latin-1 on the wire; here they are text. Nothing in this module does I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus

Headers = list[tuple[str, str]]

_PHRASES = {status.value: status.phrase for status in HTTPStatus}


@dataclass(slots=True)
class HttpRequest:
    """One request, its body already read whole."""

    method: str
    path: str
    """As it was sent, percent-encoding and all, without the query."""
    query: str
    """As it was sent, without the question mark."""
    headers: Headers
    """In the order sent; names as sent."""
    body: bytes
    client: str
    """The peer's address."""
    version: str = "HTTP/1.1"
    scheme: str = "http"
    port: int = 80
    """The port it came in on."""
    lower: dict[str, str] = field(default_factory=dict)
    """Headers by lower-case name, several of one name joined with commas."""

    def __post_init__(self) -> None:
        lower = self.lower
        for name, value in self.headers:
            key = name.lower()
            lower[key] = f"{lower[key]},{value}" if key in lower else value

    @property
    def host(self) -> str:
        """The Host header in lower case without its port."""
        host = self.lower.get("host", "").lower()
        if host.startswith("["):
            return host.partition("]")[0] + "]"
        return host.partition(":")[0]


@dataclass(slots=True)
class HttpResponse:
    """One response; the server adds content-length, date and connection."""

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes = b""

    @property
    def phrase(self) -> str:
        """The reason phrase of its status."""
        return _PHRASES.get(self.status, "Unknown")
