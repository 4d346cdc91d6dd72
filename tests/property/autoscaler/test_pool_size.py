"""A pool's size, for any history: its bounds, its end, and that it never goes back and forth."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from lambent.autoscaler.pools.size import (
    FORGOTTEN_SECONDS,
    REFILL_SECONDS,
    REMEMBERED_SECONDS,
    STILL_SECONDS,
    FunctionStarts,
    PoolHistory,
    PoolPolicy,
    rescale_pool,
    size_pool,
)

policies = st.builds(
    lambda size, more, idle: PoolPolicy(size, size + more, idle),
    st.integers(1, 5),
    st.integers(0, 20),
    st.sampled_from([60.0, 3600.0, 86_400.0]),
)
bursts = st.lists(st.tuples(st.floats(0, 4000), st.integers(0, 12)), max_size=30).map(sorted)


def history_of(starts: list[tuple[float, int]]) -> PoolHistory:
    history = PoolHistory()
    for at, count in starts:
        history.note_starts(count, at)
    return history


def most_within_a_refill(starts: list[tuple[float, int]], since: float) -> int:
    """The same by another way: for each start, all those in the refill time up to it."""
    return max(
        (sum(n for at, n in starts if end - REFILL_SECONDS < at <= end) for end, count in starts if count and end >= since), default=0
    )


@given(bursts, policies, st.floats(0, 100_000))
def test_it_is_none_or_within_its_bounds(starts: list[tuple[float, int]], policy: PoolPolicy, later: float) -> None:
    now = (starts[-1][0] if starts else 0.0) + later

    assert size_pool(now, history_of(starts), policy) in {0, *range(policy.size, policy.max_size + 1)}


@given(bursts, policies, st.floats(0, 100_000))
def test_there_are_none_exactly_where_nothing_was_asked_for_the_idle_time(
    starts: list[tuple[float, int]], policy: PoolPolicy, later: float
) -> None:
    history = history_of(starts)
    history.note_asked(1.0)
    now = max(history.asked_at, 0.0) + later

    assert (size_pool(now, history, policy) == 0) == (now - history.asked_at >= policy.idle_seconds)


@given(bursts, policies)
def test_a_burst_like_those_of_the_last_ten_minutes_finds_its_pods(starts: list[tuple[float, int]], policy: PoolPolicy) -> None:
    assume(any(count for _, count in starts))
    now = starts[-1][0]
    assume(now - max(at for at, count in starts if count) < policy.idle_seconds)
    of_late = most_within_a_refill(starts, now - REMEMBERED_SECONDS)

    assert size_pool(now, history_of(starts), policy) >= min(of_late, policy.max_size)


@given(bursts)
def test_what_is_predicted_of_late_is_the_largest_burst_and_no_more(starts: list[tuple[float, int]]) -> None:
    now = max((at for at, count in starts if count), default=0.0)
    assume(now < REMEMBERED_SECONDS)

    assert history_of(starts).predict(now) == most_within_a_refill(starts, 0.0)


@given(bursts, policies)
def test_what_is_more_than_an_hour_ago_counts_for_nothing(starts: list[tuple[float, int]], policy: PoolPolicy) -> None:
    history = history_of(starts)
    now = (starts[-1][0] if starts else 0.0) + FORGOTTEN_SECONDS
    history.note_asked(now)

    assert size_pool(now, history, policy) == policy.size


@given(bursts, policies, st.lists(st.floats(0, 600), min_size=2, max_size=40))
def test_without_further_starts_it_only_falls(starts: list[tuple[float, int]], policy: PoolPolicy, pauses: list[float]) -> None:
    history, now, sizes = history_of(starts), starts[-1][0] if starts else 0.0, list[int]()
    for pause in pauses:
        now += pause
        sizes.append(size_pool(now, history, policy))

    assert sizes == sorted(sizes, reverse=True)


@given(bursts, policies, st.floats(0, 600), st.integers(0, 10))
def test_a_further_start_never_makes_it_smaller(starts: list[tuple[float, int]], policy: PoolPolicy, later: float, count: int) -> None:
    now = (starts[-1][0] if starts else 0.0) + later
    history = history_of(starts)
    before = size_pool(now, history, policy)
    history.note_starts(count, now)

    assert size_pool(now, history, policy) >= before


@given(bursts, policies, st.floats(0, 100), st.integers(0, 40))
def test_pods_that_may_just_be_changing_hands_are_not_taken_away(
    starts: list[tuple[float, int]], policy: PoolPolicy, later: float, current: int
) -> None:
    history = history_of(starts)
    now = (starts[-1][0] if starts else 0.0) + later
    scale = rescale_pool(now, current, history, policy)

    assert scale in {current, size_pool(now, history, policy)}
    if now - history.started_at < STILL_SECONDS:
        assert scale >= current


reports = st.lists(st.tuples(st.floats(0.01, 4.0), st.integers(0, 8), st.integers(0, 12)), max_size=30)


@given(reports, st.integers(1, 12))
def test_a_function_takes_no_more_pods_within_a_refill_than_it_may_have(told: list[tuple[float, int, int]], max_scale: int) -> None:
    starts, now, counted = FunctionStarts(), 0.0, list[tuple[float, int]]()
    for pause, wanted, ready in told:
        now += pause
        counted.append((now, starts.count(wanted, ready, max_scale, now)))
        assert 0 <= counted[-1][1] <= wanted

    # Two of its refill times may meet in any ten seconds.
    assert most_within_a_refill(counted, 0.0) <= 2 * max_scale


@given(st.integers(0, 12), st.integers(1, 12))
def test_a_burst_from_zero_counts_in_full(wanted: int, max_scale: int) -> None:
    assert FunctionStarts().count(wanted, 0, max_scale, 5.0) == min(wanted, max_scale)
    assert FunctionStarts().count(wanted, wanted, max_scale, 5.0) == min(wanted, max_scale), "also where they came at once"


@given(bursts)
def test_what_is_remembered_stays_small(starts: list[tuple[float, int]]) -> None:
    history = history_of(starts)

    assert len(history._peaks) <= most_within_a_refill(starts, 0.0)
    assert all(at > starts[-1][0] - REFILL_SECONDS for at, _ in history._recent) or not starts or not starts[-1][1]
