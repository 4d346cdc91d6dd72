"""Connections to the link port that have not proved themselves: few at a time, and few failures, for each address and in all. Pure.

Whoever reaches the port may connect, and each hello costs the API server a TokenReview. So an address that has failed too often is not even
listened to for a while, and what all of them together can take is bounded.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

REMEMBERED: Final = 4096
"""Addresses whose failures are kept in mind; of more, those that failed longest ago are forgotten first."""


class Turned(StrEnum):
    """Why a connection is not taken: the metric label `why`."""

    TOO_MANY = "too_many"
    TOO_MANY_OF_ADDRESS = "too_many_of_address"
    FAILED_TOO_OFTEN = "failed_too_often"


@dataclass(frozen=True, slots=True)
class LinkLimits:
    """What is allowed before a shim has proved who it is."""

    unproved: int = 256
    """Connections at a time, from all addresses."""
    unproved_per_address: int = 16
    """At a time from one address. Where a cluster hides its pods' addresses behind their node's, this is for all pods of a node."""
    failures_per_minute: int = 30
    """Of one address; as many may come at once. An honest shim that is refused comes back every 5 s at most."""


class Unproved:
    """`admit`, then `leave` when it is proved or gone, and `fail` where it was refused."""

    def __init__(self, limits: LinkLimits) -> None:
        self.count = 0
        """Connections that have not proved themselves."""
        self._limits = limits
        self._by_address: dict[str, int] = {}
        self._failures: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """(failures that count still, when they were counted) by address: a bucket that leaks `failures_per_minute`."""

    def admit(self, address: str, now: float) -> Turned | None:
        """Take a connection; or why it is not taken."""
        limits = self._limits
        if self._level(address, now) > limits.failures_per_minute - 1:
            return Turned.FAILED_TOO_OFTEN
        if self._by_address.get(address, 0) >= limits.unproved_per_address:
            return Turned.TOO_MANY_OF_ADDRESS
        if self.count >= limits.unproved:
            return Turned.TOO_MANY
        self.count += 1
        self._by_address[address] = self._by_address.get(address, 0) + 1
        return None

    def leave(self, address: str) -> None:
        """One that was taken has proved itself, or is gone; once for each."""
        self.count -= 1
        left = self._by_address[address] - 1
        if left:
            self._by_address[address] = left
        else:
            del self._by_address[address]

    def fail(self, address: str, now: float) -> None:
        """One was refused."""
        self._failures[address] = (self._level(address, now) + 1, now)
        self._failures.move_to_end(address)
        if len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    def _level(self, address: str, now: float) -> float:
        level, at = self._failures.get(address, (0.0, now))
        left = level - (now - at) * self._limits.failures_per_minute / 60
        if left <= 0:
            self._failures.pop(address, None)
            return 0.0
        return left
