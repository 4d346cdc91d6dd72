"""Time-weighted concurrency of one function: the integral of its level over the interval since the last reading."""

from __future__ import annotations


class Meter:
    """`level` invocations are running or queued; `requests` have come, and `starts` pods were asked for, since the last reading.

    Times in seconds.
    """

    __slots__ = ("_area", "_changed_at", "_read_at", "level", "requests", "starts")

    def __init__(self, now: float) -> None:
        self.level = 0
        self.requests = 0
        self.starts = 0
        self._area = 0.0
        self._changed_at = now
        self._read_at = now

    def change(self, by: int, now: float) -> None:
        """The level changes by that much."""
        self._area += self.level * (now - self._changed_at)
        self._changed_at = now
        self.level += by

    def read(self, now: float) -> tuple[float, int, int]:
        """(mean level, requests, starts) since the last reading; begins the next interval."""
        self.change(0, now)
        interval = now - self._read_at
        mean = self._area / interval if interval > 0 else float(self.level)
        requests, starts = self.requests, self.starts
        self._area, self._read_at, self.requests, self.starts = 0.0, now, 0, 0
        return mean, requests, starts

    @property
    def idle(self) -> bool:
        """Whether there is nothing to say: no level, no request and no area since the last reading."""
        return self.level == 0 and self.requests == 0 and self._area == 0.0
