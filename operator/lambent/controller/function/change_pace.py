"""How soon a change of a Function is carried out that was changed a moment ago: a namespace has so many of these a second. Pure.

A change costs the API server, and all who watch it, ten times what it costs the one who writes it. A first change, and one after a quiet
minute, never wait, however many Functions a namespace has: only those do that are changed again and again, and the last one counts.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

QUIET_SECONDS: Final = 60.0
AT_ONCE_SECONDS: Final = 10.0
"""What was not used in so many seconds may be used at once."""
TELL_SECONDS: Final = 5.0
"""Whoever waits longer is told."""
Name = tuple[str, str]
"""(namespace, name)."""


@dataclass(slots=True)
class ChangePace:
    """Remembers which Functions were changed within the last minute, and which of them wait. A clock that is set back makes nobody wait."""

    per_second: float
    """Changes of Functions that were changed within the last minute, for each namespace; 0: all there are."""
    _carried_out: OrderedDict[Name, tuple[int, datetime]] = field(default_factory=OrderedDict)
    """The generation that was carried out last, and when; in the order of time."""
    _due: dict[Name, datetime] = field(default_factory=dict)
    """Of Functions that wait."""
    _next: dict[str, datetime] = field(default_factory=dict)
    """By namespace: when its next change would be due if none were carried out before its time (the generic cell rate algorithm)."""
    _told: dict[str, datetime] = field(default_factory=dict)
    _latest: datetime | None = None

    def wait_seconds(self, name: Name, now: datetime) -> float:
        """Return for how long a Function whose change was put off goes on waiting; 0 where it does not."""
        self._look_at_clock(now)
        due = self._due.get(name)
        return max(0.0, (due - now).total_seconds()) if due is not None else 0.0

    def ask(self, name: Name, generation: int, now: datetime) -> float:
        """Return in how many seconds this generation of a Function may be carried out; 0: now, and then it counts as carried out."""
        self._look_at_clock(now)
        known = self._carried_out.get(name)
        if not self.per_second or (known is not None and known[0] == generation):
            self._due.pop(name, None)
            return 0.0
        due = self._due.get(name)
        if due is None and known is not None:
            due = self._reserve(name[0], now)
        if due is not None and due > now:
            self._due[name] = due
            return (due - now).total_seconds()
        self._due.pop(name, None)
        self._carried_out.pop(name, None)
        self._carried_out[name] = (generation, now)
        return 0.0

    def is_to_be_told(self, namespace: str, wait_seconds: float, now: datetime) -> bool:
        """Return whether somebody in the namespace is to be told of such a wait: once a minute one is."""
        told = self._told.get(namespace)
        if wait_seconds < TELL_SECONDS or (told is not None and now - told < timedelta(seconds=QUIET_SECONDS)):
            return False
        self._told[namespace] = now
        return True

    def forget(self, name: Name) -> None:
        """A Function is gone."""
        self._due.pop(name, None)

    def _reserve(self, namespace: str, now: datetime) -> datetime:
        each = timedelta(seconds=1.0 / self.per_second)
        following = max(self._next.get(namespace, now), now)
        self._next[namespace] = following + each
        return max(now, following + each - timedelta(seconds=AT_ONCE_SECONDS))

    def _look_at_clock(self, now: datetime) -> None:
        """Forget what is over."""
        if self._latest is not None and now < self._latest:
            self._due.clear()
            self._next.clear()
            self._told.clear()
        self._latest = now
        for name, (_, at) in list(self._carried_out.items()):
            if timedelta(0) <= now - at < timedelta(seconds=QUIET_SECONDS):
                break
            del self._carried_out[name]
        for stamps in (self._next, self._told):
            if len(stamps) > 1000:
                over = [namespace for namespace, at in stamps.items() if now - at > timedelta(seconds=QUIET_SECONDS)]
                for namespace in over:
                    del stamps[namespace]
