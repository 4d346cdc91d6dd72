"""Which activators to dial: what DNS says of the configured names, and what activators say of each other. Pure."""

from __future__ import annotations

from typing import Final

FIRST_RETRY_SECONDS: Final = 0.05
LONGEST_RETRY_SECONDS: Final = 5.0


class AddressBook:
    """Addresses `host:port`, by where they are known from."""

    def __init__(self) -> None:
        self._resolved: dict[str, frozenset[str]] = {}
        self._peers: dict[str, frozenset[str]] = {}

    def set_resolved(self, name: str, addresses: list[str]) -> None:
        """What a configured name resolves to now."""
        self._resolved[name] = frozenset(addresses)

    def set_peers(self, teller: str, addresses: list[str]) -> None:
        """What the activator at address `teller` says."""
        self._peers[teller] = frozenset(addresses)

    def forget_teller(self, teller: str) -> None:
        """The link to that activator is gone, and with it its word."""
        self._peers.pop(teller, None)

    def wanted(self) -> frozenset[str]:
        """All addresses to be linked to."""
        return frozenset().union(*self._resolved.values(), *self._peers.values())


def retry_delay(failures: int, jitter: float) -> float:
    """Seconds to wait after so many failures in a row; jitter is 0 to 1 and takes away up to half."""
    return min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** min(failures - 1, 20)) * (1 - jitter / 2)


def absolute_name(host: str) -> str:
    """A DNS name as the resolver should take it: a full name gets its dot, which spares the search list's lookups."""
    if "." not in host or ":" in host or host.endswith(".") or host.replace(".", "").isdigit():
        return host
    return host + "."
