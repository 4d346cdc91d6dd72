"""Whose request it is that a trusted proxy passes on. Pure.

A proxy appends the address it was called from to `X-Forwarded-For`, so the list is true as far as the proxies that wrote it are trusted,
from its right end on: the first address there that is no trusted proxy's is the client's. What stands left of it anybody can have written.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from lambent.activator.http import HttpRequest

_MAX_ADDRESS = 45
"""Characters of an IPv6 address that ends in an IPv4 one."""
_KEPT = 1024
"""Addresses that are kept with their verdict: 0.2 MiB at most."""


class TrustedProxies:
    """Proxies that are believed, by their networks."""

    def __init__(self, networks: Iterable[str]) -> None:
        """`networks` in CIDR notation; raises ValueError for others."""
        self._networks: tuple[IPv4Network | IPv6Network, ...] = tuple(ip_network(each) for each in networks)
        self._trusts = lru_cache(maxsize=_KEPT)(self._look)

    def apply(self, request: HttpRequest) -> None:
        """Where the peer is a trusted proxy, set the request's client, scheme and port to what it says of them."""
        if not self._networks or not self._trusts(request.peer):
            return
        headers = request.lower
        if forwarded := headers.get("x-forwarded-for"):
            request.client = self._client(forwarded, request.peer)
        scheme = headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower()
        if scheme in ("http", "https"):
            request.scheme = scheme
            request.port = 443 if scheme == "https" else 80
        port = headers.get("x-forwarded-port", "").rpartition(",")[2].strip()
        if port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) <= 65_535:
            request.port = int(port)

    def _client(self, forwarded: str, peer: str) -> str:
        client = peer
        while forwarded:
            forwarded, _, last = forwarded.rpartition(",")
            address = _plain_address(last.strip())
            if address is None:
                break
            client = address
            if not self._trusts(address):
                break
        return client

    def _look(self, text: str) -> bool:
        address = _parse(text)
        return address is not None and any(address in network for network in self._networks)


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _plain_address(text: str) -> str | None:
    """An entry of X-Forwarded-For as an address, without the port that some proxies add; None where it is none."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    address = _parse(text) if len(text) <= _MAX_ADDRESS else None
    return None if address is None else str(address)
