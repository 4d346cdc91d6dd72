"""How long a function's invocations take, and whether one may be sent ahead of a slot because they take but a moment."""

from __future__ import annotations

from typing import Final

from lambent.activator.admission.link import Link
from lambent.activator.admission.links import Links
from lambent.activator.admission.model import Invocation, Limits

_WEIGHT: Final = 0.2
"""Of the last invocation, in the moving average of their durations."""
_LEAST_SECONDS: Final = 0.0005
"""Clocks may tell nothing below a millisecond: what takes 0 is known to be quick, and not unknown."""


class Pace:
    """Of one function; remembered when it has gone to zero."""

    __slots__ = ("_limits", "_none_ahead_until", "seconds")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.seconds = 0.0
        """That an invocation takes in a pod, as of late; 0: none has ended yet."""
        self._none_ahead_until = 0.0

    def ended(self, invocation: Invocation, now: float) -> None:
        """One has ended."""
        took = max(now - invocation.dispatched_at, _LEAST_SECONDS)
        if invocation.ahead:
            took /= 2  # it has waited for another one to end
        self.seconds = took if not self.seconds else self.seconds + (took - self.seconds) * _WEIGHT

    def came_back(self, invocation: Invocation, now: float) -> None:
        """One was bounced."""
        if invocation.ahead:
            self._none_ahead_until = now + self._limits.ahead_pause_seconds

    def current(self, now: float, links: Links) -> float:
        """As of late, but no shorter than every pod has been at work by now without an end: a handler may have become slow."""
        ages = [now - next(iter(link.in_flight.values())).dispatched_at for link in links.by_number.values() if link.in_flight]
        return max(self.seconds, min(ages)) if ages and self.seconds else self.seconds

    def sends_ahead(self, invocation: Invocation, link: Link, now: float) -> bool:
        """Whether it is worth an invocation's while to wait in the pod: for a moment, and where its payload is small."""
        limits = self._limits
        fast = 0 < self.seconds <= limits.ahead_seconds and now >= self._none_ahead_until
        return fast and link.takes_ahead and len(invocation.payload) <= limits.ahead_bytes
