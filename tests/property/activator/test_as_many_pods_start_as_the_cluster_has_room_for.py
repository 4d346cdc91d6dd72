"""The window by which one function's starts are paced, against clusters of every size."""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lambent.activator.admission.links import Links
from lambent.activator.admission.meter import Meter
from lambent.activator.admission.model import FunctionKey, Invocation, Limits, Rules
from lambent.activator.admission.starts import Starts
from lambent.activator.admission.waiting import Waiting
from lambent.activator.admission.window import Window

LEAST_SECONDS = 0.01


def grow(least: int, seconds_of: deque[float], pods: int) -> list[int]:
    """The window's sizes while `pods` starts come up one after another, each after the seconds that are next in the row."""
    window, now, firm, sizes = Window(least, LEAST_SECONDS, 0), 0.0, 0, [least]
    coming: list[tuple[float, int]] = []
    asked = 0
    while firm < pods:
        goal = min(pods, firm + window.size)
        window.ask(goal, now)
        while asked < goal:
            heappush(coming, (now + seconds_of[0], asked))
            seconds_of.rotate(-1)
            asked += 1
        now, _ = heappop(coming)
        firm += 1
        window.observe(firm, now)
        sizes.append(window.size)
    return sizes


@given(st.integers(1, 10), st.lists(st.floats(0.001, 30), min_size=1, max_size=20))
def test_a_window_is_never_below_what_may_always_start_and_grows_by_one_at_most(least: int, seconds: list[float]) -> None:
    sizes = grow(least, deque(seconds), 100)

    assert min(sizes) >= least
    assert all(after <= before + 1 for before, after in pairwise(sizes))


@given(st.integers(1, 10), st.floats(0.02, 30))
def test_it_grows_with_every_start_where_the_cluster_has_room(least: int, seconds: float) -> None:
    assert grow(least, deque([seconds]), 50) == list(range(least, least + 51))


@given(st.integers(1, 4), st.integers(1, 16), st.floats(0.1, 2))
def test_it_settles_where_starts_share_cores(least: int, cores: int, work: float) -> None:
    """Generations of starts that all share the cores: each takes as long as there are others."""
    window, now, firm, sizes = Window(least, LEAST_SECONDS, 0), 0.0, 0, []
    for _ in range(60):
        size = window.size
        window.ask(firm + size, now)
        now += work * max(1.0, size / cores)
        firm += size
        window.observe(firm, now)
        sizes.append(size)

    # One generation too many, before it is known that it was.
    assert max(sizes) <= 4 * max(least, cores)
    assert min(sizes[10:]) >= min(max(least, cores), max(sizes)) / 2


def test_pods_that_were_not_asked_for_and_pods_that_go_teach_nothing() -> None:
    window = Window(2, LEAST_SECONDS, firm=3)
    window.observe(5, 1.0)
    assert window.size == 2

    window.ask(7, 1.0)
    window.observe(4, 2.0)
    window.observe(7, 100.0)
    assert window.size == 2


def test_what_seems_quicker_than_a_start_can_be_is_no_measure_of_others() -> None:
    """Another activator may have asked for it before."""
    window = Window(2, 0.6, firm=0)
    window.ask(2, 10.0)
    window.observe(1, 10.001)
    window.observe(2, 10.8)
    assert window.size == 4


@given(st.integers(1, 50), st.integers(1, 10), st.integers(1, 300), st.integers(1, 3), st.sampled_from((0.0, 0.001, 0.5, 20.0)))
def test_somebody_who_waits_from_zero_is_started_for_and_never_beyond_the_maximum(
    maximum: int, least: int, count: int, concurrency: int, pace: float
) -> None:
    waiting = Waiting(Meter(0.0), 0.1)
    for _ in range(count):
        waiting.add(Invocation(FunctionKey("team", "hello"), b"{}", b"x"))
    starts, rules = Starts(Limits(starts_at_once=least)), Rules(concurrency, maximum)

    goal = starts.ask(0.0, waiting, Links(), rules, pace)

    assert goal is not None
    assert 1 <= goal <= min(maximum, least, count)
    assert starts.ask(0.5, waiting, Links(), rules, pace) is None, "it was asked for"
