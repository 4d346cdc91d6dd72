"""A request and a response as the gateway sees them: plain data, whatever server is in front.

Bytes of headers are latin-1 on the wire; here they are text. Nothing in this module does I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Headers = list[tuple[str, str]]


class HttpRequest:
    """One request, its body already read whole."""

    __slots__ = ("body", "client", "headers", "host", "lower", "method", "path", "peer", "port", "query", "scheme", "version")

    def __init__(
        self,
        method: str,
        path: str,
        query: str,
        headers: Headers,
        body: bytes,
        client: str,
        version: str = "HTTP/1.1",
        scheme: str = "http",
        port: int = 80,
        lower: dict[str, str] | None = None,
    ) -> None:
        self.method = method
        self.path = path
        """As it was sent, percent-encoding and all, without the query."""
        self.query = query
        """As it was sent, without the question mark."""
        self.headers = headers
        """In the order sent; names as sent."""
        self.body = body
        self.peer = client
        """The address at the other end of the connection."""
        self.client = client
        """Whose request it is: the peer's address, or what a trusted proxy says (`lambent.activator.gateway.proxies`)."""
        self.version = version
        self.scheme = scheme
        self.port = port
        """The port it came in on; of a trusted proxy, where it says so."""
        self.lower = join_headers(headers) if lower is None else lower
        """Headers by lower-case name, several of one name joined with commas."""
        self.host = host_name(self.lower.get("host", ""))
        """The Host header in lower case without its port."""


@dataclass(slots=True)
class HttpResponse:
    """One response; the server adds content-length, date and connection."""

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    come_again: bool = False
    """Whether it tells a client to come again later, so that it may be told so a moment later itself, where many are."""


def join_headers(headers: Headers) -> dict[str, str]:
    """Values by lower-case name, several of one name joined with commas (RFC 9110, 5.3)."""
    joined: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        joined[key] = f"{joined[key]},{value}" if key in joined else value
    return joined


def host_name(authority: str) -> str:
    """`Example.com:80` without its port and in lower case; brackets of an IPv6 address stay."""
    authority = authority.lower()
    if authority.startswith("["):
        return authority.partition("]")[0] + "]"
    return authority.partition(":")[0]
