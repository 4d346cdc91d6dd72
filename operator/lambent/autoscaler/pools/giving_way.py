"""When generic pods give way to Functions whose pods a quota refuses, pure.

A generic pod counts in its namespace's ResourceQuota as any other, gated or not. So where a pod that a Function needs is refused for want
of room, the namespace's pools are emptied, and stay so while any of its Functions is refused and for a while after that: the longer, the
sooner it happened again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from lambent.autoscaler.statistics import FunctionKey

PATIENCE_SECONDS: Final = 1.0
"""A ReplicaSet asks for a pod in vain while one of a pool is handed over to it (docs/decisions/0007): that one may be refused."""
YOUNG_SECONDS: Final = 10.0
"""For how long a refusal asks for another look soon."""
FIRST_HOLD_SECONDS: Final = 60.0
LONGEST_HOLD_SECONDS: Final = 3600.0


@dataclass(slots=True)
class _Namespace:
    refused: dict[tuple[str, str], float] = field(default_factory=dict)
    """Since when, by who says so and the Function's name."""
    hold_seconds: float = 0.0
    held_until: float = float("-inf")

    def end(self, since: float, now: float) -> None:
        """A refusal is over; one too short to be given way to leaves nothing behind."""
        if now - since < PATIENCE_SECONDS:
            return
        again = self.hold_seconds > 0.0 and now < self.held_until + 2 * self.hold_seconds
        # Several Functions that wait for the same room are one occasion.
        if now >= self.held_until:
            self.hold_seconds = min(LONGEST_HOLD_SECONDS, 2 * self.hold_seconds) if again else FIRST_HOLD_SECONDS
        self.held_until = now + self.hold_seconds


class GivingWay:
    """Which namespaces' pools give way."""

    def __init__(self) -> None:
        self._namespaces: dict[str, _Namespace] = {}

    def note(self, key: FunctionKey, said_by: str, now: float, *, refused: bool) -> bool:
        """A quota refuses a pod of that Function, or not (any more), as `said_by` has it; whether that is new."""
        name = (said_by, key.name)
        if refused:
            namespace = self._namespaces.setdefault(key.namespace, _Namespace())
            return namespace.refused.setdefault(name, now) == now
        known = self._namespaces.get(key.namespace)
        since = known.refused.pop(name, None) if known is not None else None
        if known is None or since is None:
            return False
        known.end(since, now)
        return True

    def keep(self, said_by: str, keys: frozenset[FunctionKey], now: float) -> None:
        """After a list: of all others, `said_by` says nothing any more."""
        for name, namespace in self._namespaces.items():
            gone = [FunctionKey(name, each) for by, each in namespace.refused if by == said_by and FunctionKey(name, each) not in keys]
            for key in gone:
                self.note(key, said_by, now, refused=False)

    def is_due(self, namespace: str, now: float) -> bool:
        """Whether that namespace's pools are to have no pods."""
        known = self._namespaces.get(namespace)
        return known is not None and (now < known.held_until or self.refused_seconds(namespace, now) >= PATIENCE_SECONDS)

    def refused_seconds(self, namespace: str, now: float) -> float:
        """For how long a Function of that namespace has been refused; 0 where none is."""
        known = self._namespaces.get(namespace)
        return now - min(known.refused.values(), default=now) if known is not None else 0.0

    def is_young(self, now: float) -> bool:
        """Whether a refusal has come of late: it is worth looking again soon. What nobody needs to remember is forgotten."""
        for name, known in list(self._namespaces.items()):
            if not known.refused and now >= known.held_until + 2 * known.hold_seconds:
                del self._namespaces[name]
        return any(now - since < YOUNG_SECONDS for known in self._namespaces.values() for since in known.refused.values())
