"""How often a Function's status follows its counts: at once, then once a second with what they are by then. Pure.

A burst of starts changes the counts with every pod, and each write of a status costs the API server, and all who watch it, more than the
number is worth. What else a status says never waits.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

PERIOD_SECONDS: Final = 1.0
Name = tuple[str, str]


@dataclass(slots=True)
class StatusPace:
    """Remembers whose status was written within the last period. A clock that is set back makes nobody wait."""

    _written: OrderedDict[Name, datetime] = field(default_factory=OrderedDict)
    """In the order of writing."""

    def wait_seconds(self, name: Name, now: datetime) -> float:
        """For how long a status that says nothing but counts is kept back; 0 for not at all."""
        written = self._written.get(name)
        if written is None:
            return 0.0
        elapsed = (now - written).total_seconds()
        return PERIOD_SECONDS - elapsed if 0.0 <= elapsed < PERIOD_SECONDS else 0.0

    def wrote(self, name: Name, now: datetime) -> None:
        """A status was written, whatever it says."""
        self._written.pop(name, None)
        self._written[name] = now
        for first, written in list(self._written.items()):
            if timedelta(0) <= now - written < timedelta(seconds=PERIOD_SECONDS):
                break
            del self._written[first]
