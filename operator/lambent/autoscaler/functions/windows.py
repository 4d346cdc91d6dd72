"""Average concurrency over a sliding window, pure.

A window adds up concurrency × time in buckets, so that the average is weighted by time however often reports come, and however many
activators send them. As with Knative (pkg/autoscaler/aggregation), it is an average over the time since the first report while that is
shorter than the window, gaps count as zero, and a window without any report starts anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import Final

BUCKETS: Final = 60
"""Per window: 1 s buckets in a stable window of 60 s, 0.1 s in a panic window of 6 s."""

LEAST_SECONDS: Final = 1.0
"""An average is over at least so long (Knative's bucket): one invocation of 200 ms is no sign of a pod that is always busy."""


class Window:
    """`seconds` long; times are seconds of any clock that only goes forward."""

    __slots__ = ("_areas", "_bucket_seconds", "_first_at", "_last_at", "_total", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._bucket_seconds = seconds / BUCKETS
        # [bucket's number, concurrency × seconds], oldest first. A list: most functions are idle, and an empty deque takes 700 bytes.
        self._areas: list[list[float]] = []
        self._total = 0.0
        self._first_at = 0.0
        self._last_at = float("-inf")

    def add(self, start: float, end: float, concurrency: float) -> None:
        """The concurrency was that much from `start` to `end`, on top of what was added for that time before."""
        if end <= start:
            return
        start = max(start, end - self.seconds)
        if start - self._last_at >= self.seconds:
            self.clear()
            self._first_at = start
        # Two activators' first reports overlap: the window begins with the earlier one.
        self._first_at = min(self._first_at, start)
        self._last_at = max(self._last_at, end)
        number = floor(start / self._bucket_seconds)
        while start < end:
            edge = (number + 1) * self._bucket_seconds
            self._put(number, concurrency * (min(edge, end) - start))
            start, number = edge, number + 1
        self._forget(end)

    def average(self, now: float, pending: Sequence[tuple[float, float]] = ()) -> float:
        """Mean concurrency in the window that ends now; 0.0 where nothing was reported in it.

        `pending` are (reported until, concurrency) of those who go on: taken to go on as they were. Without that, the moments since their
        last reports would count as idle, and a steady load as one that sways.
        """
        self._forget(now)
        oldest = (floor(now / self._bucket_seconds) - BUCKETS + 1) * self._bucket_seconds
        area, first, last = self._total, self._first_at, self._last_at
        if now - last >= self.seconds:
            area, first, last = 0.0, min((until for until, _ in pending), default=now), now
        area += sum(concurrency * max(0.0, now - max(until, oldest)) for until, concurrency in pending)
        covered = max(now, last) - max(first, oldest)
        return max(0.0, area / max(covered, min(LEAST_SECONDS, self.seconds)))

    def clear(self) -> None:
        """Forget everything: the next report is the first."""
        self._areas.clear()
        self._total = 0.0
        self._last_at = float("-inf")

    def _put(self, number: int, area: float) -> None:
        index = len(self._areas)
        # Reports come nearly in order: the bucket is one of the last few.
        while index and self._areas[index - 1][0] >= number:
            index -= 1
            if self._areas[index][0] == number:
                self._areas[index][1] += area
                self._total += area
                return
        self._areas.insert(index, [number, area])
        self._total += area

    def _forget(self, now: float) -> None:
        oldest = floor(now / self._bucket_seconds) - BUCKETS + 1
        while self._areas and self._areas[0][0] < oldest:
            self._total -= self._areas.pop(0)[1]
        if not self._areas:
            self._total = 0.0  # no error of rounding outlives its window
