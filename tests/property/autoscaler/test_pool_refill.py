"""Which pods may start, for any pools and any load."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from lambent.autoscaler.pools.refill import (
    PATIENCE_SECONDS,
    QUIET_SECONDS,
    RESTED_SECONDS,
    STARTING_AT_ONCE,
    STARVED_SECONDS,
    Demand,
    GatedPod,
    PoolKey,
    RefillState,
    hold_seconds,
    plan_refill,
)

NOW = 1000.0
gated_pods = st.lists(
    st.builds(GatedPod, st.text("abc", min_size=1, max_size=3), st.sampled_from(["T1", "T2", "T3"]), st.floats(960, 1000)),
    max_size=5,
    unique_by=lambda pod: pod.name,
).map(tuple)


@st.composite
def pools(draw: st.DrawFn) -> list[RefillState]:
    found = []
    for number in range(draw(st.integers(0, 5))):
        present = draw(st.integers(0, 6))
        held_until = draw(st.sampled_from([float("-inf"), NOW, NOW + 1.0]))
        starting = draw(st.integers(0, present))
        found.append(RefillState(PoolKey("team", f"r{number}"), draw(st.integers(0, 6)), present, starting, held_until, draw(gated_pods)))
    return found


moments = st.one_of(st.just(float("-inf")), st.floats(980, 1000))
demands = st.builds(Demand, st.booleans(), moments, moments, moments)


@given(pools(), demands)
def test_only_pods_that_are_wanted_wait_and_have_waited_are_let_go(states: list[RefillState], demand: Demand) -> None:
    by_key = {state.key: state for state in states}
    for key, name in plan_refill(NOW, states, demand):
        state = by_key[key]
        pod = next(pod for pod in state.gated if pod.name == name)
        assert state.present < state.wanted
        assert state.held_until <= NOW
        assert NOW - pod.seen_at >= QUIET_SECONDS
        hurried = 2 * state.present < state.wanted or any(NOW - other.seen_at >= PATIENCE_SECONDS for other in state.gated)
        assert hurried or NOW - demand.asked_at >= RESTED_SECONDS, "half a pool is in no hurry"
        older = [other for other in state.gated if other.created_at < pod.created_at]
        assert all(NOW - other.seen_at < QUIET_SECONDS for other in older), "the oldest first"


@given(pools(), demands)
def test_few_start_at_once_and_one_of_a_pool(states: list[RefillState], demand: Demand) -> None:
    plan = plan_refill(NOW, states, demand)
    starting = sum(state.starting for state in states)

    assert len(plan) <= max(0, STARTING_AT_ONCE - starting) or len(plan) == 1
    assert all(count == 1 for count in Counter(key for key, _ in plan).values())
    assert not {key for key, _ in plan} & {state.key for state in states if state.starting}


@given(pools(), st.builds(Demand, st.just(True), moments, moments, moments))
def test_while_somebody_waits_nothing_starts_but_one_in_a_while(states: list[RefillState], demand: Demand) -> None:
    plan = plan_refill(NOW, states, demand)

    assert len(plan) <= 1
    if NOW - demand.let_go_at < STARVED_SECONDS or NOW - demand.quiet_at < STARVED_SECONDS:
        assert plan == ()


@given(pools(), demands)
def test_no_pool_is_starved_for_ever(states: list[RefillState], demand: Demand) -> None:
    """With nothing let go and no calm for long, whoever may start does, whatever the load."""
    long_ago = Demand(demand.waiting, demand.asked_at, float("-inf"), float("-inf"))
    able = [
        state
        for state in states
        if state.present < state.wanted
        and state.starting == 0
        and state.held_until <= NOW
        and any(NOW - pod.seen_at >= PATIENCE_SECONDS for pod in state.gated)
    ]
    starting = sum(state.starting for state in states)

    if able and (not long_ago.is_quiet(NOW) or starting < STARTING_AT_ONCE):
        plan = plan_refill(NOW, states, long_ago)
        emptiest = min(state.present / state.wanted for state in able)
        first = next(state for state in states if state.key == plan[0].key)
        assert first.present / first.wanted <= emptiest, "the emptiest pool first"


@given(st.integers(1, 10), st.integers(0, 10), st.floats(QUIET_SECONDS, 2 * RESTED_SECONDS))
def test_a_pool_that_is_less_than_half_full_is_filled_as_soon_as_it_is_calm(wanted: int, present: int, calm: float) -> None:
    gated = (GatedPod("p", "T1", NOW - 2.0),)
    state = RefillState(PoolKey("team", "r"), wanted, present, 0, float("-inf"), gated)

    plan = plan_refill(NOW, [state], Demand(False, NOW - calm, NOW, NOW))

    assert bool(plan) == (present < wanted and (2 * present < wanted or calm >= RESTED_SECONDS))


@given(pools(), demands)
def test_the_order_in_which_pools_are_named_means_nothing(states: list[RefillState], demand: Demand) -> None:
    assert plan_refill(NOW, states, demand) == plan_refill(NOW, states[::-1], demand)


@given(st.integers(1, 200), st.booleans())
def test_many_pools_are_many_nodes(number: int, waiting: bool) -> None:
    gated = (GatedPod("p", "T1", 0.0),)
    states = [RefillState(PoolKey("team", f"r{each}"), 1, 0, 0, float("-inf"), gated) for each in range(number)]
    long_ago = Demand(waiting, float("-inf"), float("-inf"), float("-inf"))

    plan = plan_refill(NOW, states, long_ago)

    at_once = (1 if waiting else STARTING_AT_ONCE) * (1 + number // 20)
    assert len(plan) == min(number, at_once)


@given(st.integers(-5, 100))
def test_pauses_after_failures_double_up_to_five_minutes(failures: int) -> None:
    assert hold_seconds(failures) == (0.0 if failures <= 0 else min(300.0, 5.0 * 2.0 ** (failures - 1)))
