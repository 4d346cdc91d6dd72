"""A window's average is that of a list of everything ever added."""

from __future__ import annotations

import math
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.autoscaler.functions.windows import BUCKETS, Window


class Oracle:
    """Keeps every report and adds all of them up anew, each time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.reports: list[tuple[float, float, float]] = []

    def add(self, start: float, end: float, concurrency: float) -> None:
        start = max(start, end - self.seconds)
        if self.reports and start - max(end for _, end, _ in self.reports) >= self.seconds:
            self.reports = []
        self.reports.append((start, end, concurrency))

    def average(self, now: float) -> float:
        last = max((end for _, end, _ in self.reports), default=-math.inf)
        if now - last >= self.seconds:
            return 0.0
        bucket = self.seconds / BUCKETS
        oldest = (floor(now / bucket) - BUCKETS + 1) * bucket
        area = sum(concurrency * max(0.0, end - max(start, oldest)) for start, end, concurrency in self.reports)
        covered = max(now, last) - max(min(start for start, _, _ in self.reports), oldest)
        return area / max(covered, 1.0)


@st.composite
def reports(draw: st.DrawFn) -> list[tuple[float, float, float]]:
    """(start, end, concurrency), nearly in order, with gaps up to more than a window."""
    now, found = 1000.0, []
    for _ in range(draw(st.integers(1, 60))):
        now += draw(st.sampled_from([0.0, 0.05, 0.2, 0.25, 1.0, 7.0, 61.0]))
        late = draw(st.sampled_from([0.0, 0.01, 0.1]))
        length = draw(st.sampled_from([0.05, 0.2, 0.21, 1.3, 5.0]))
        found.append((now - late - length, now - late, draw(st.floats(0.0, 1000.0))))
    return found


@given(reports(), st.sampled_from([1.0, 6.0, 7.0, 60.0]), st.sampled_from([0.0, 0.1, 3.0, 30.0, 100.0]))
def test_the_average_equals_a_naive_sum(added: list[tuple[float, float, float]], seconds: float, later: float) -> None:
    window, oracle, now = Window(seconds), Oracle(seconds), 0.0
    for start, end, concurrency in added:
        window.add(start, end, concurrency)
        oracle.add(start, end, concurrency)
        now = max(now, end)
        assert window.average(now) == pytest.approx(oracle.average(now), rel=1e-6, abs=1e-6)
    now += later
    assert window.average(now) == pytest.approx(oracle.average(now), rel=1e-6, abs=1e-6)


@given(st.floats(0.0, 1000.0), st.integers(1, 5), st.floats(0.05, 0.4))
def test_a_steady_load_is_seen_as_steady_however_the_reports_of_activators_are_timed(
    level: float, activators: int, interval: float
) -> None:
    window, reported = Window(6.0), {}
    pushes = sorted((1000.0 + (turn + index / activators) * interval, index) for index in range(activators) for turn in range(200))
    for at, index in pushes:
        window.add(reported.get(index, at), at, level)
        reported[index] = at
        if at >= 1008.0:  # the first reports have left the window
            pending = [(until, level) for until in reported.values()]
            assert window.average(at, pending) == pytest.approx(level * activators, rel=1e-6, abs=1e-6)
