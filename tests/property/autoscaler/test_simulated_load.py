"""Whatever the load does, the scale keeps its promises: a simulated function, a simulated clock."""

from __future__ import annotations

import math
from collections.abc import Callable
from math import ceil

from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.api.functions.scaling import Scaling
from tests.support.autoscaler_simulation import Simulation
from tests.support.examples_drawn import examples

Load = Callable[[float], float]


def steady(level: float) -> Load:
    return lambda _: level


def burst(level: float, at: float, seconds: float) -> Load:
    return lambda t: level if at <= t < at + seconds else 0.0


def sine(level: float, period: float) -> Load:
    return lambda t: level * (1 + math.sin(2 * math.pi * t / period)) / 2


def spikes(level: float, period: float, width: float) -> Load:
    return lambda t: level if t % period < width else 0.0


levels = st.floats(0.5, 60.0)
loads = st.one_of(
    st.builds(steady, levels),
    st.builds(burst, levels, st.floats(0.0, 30.0), st.floats(0.1, 30.0)),
    st.builds(sine, levels, st.floats(5.0, 120.0)),
    st.builds(spikes, levels, st.floats(3.0, 40.0), st.floats(0.1, 3.0)),
)


@st.composite
def scalings(draw: st.DrawFn) -> Scaling:
    low = draw(st.integers(0, 3))
    stable = draw(st.sampled_from([6, 20, 60]))
    return Scaling(
        min_scale=low,
        max_scale=low + draw(st.integers(1, 40)),
        target_utilization=draw(st.sampled_from([0.3, 0.7, 1.0])),
        scale_to_zero_after_seconds=draw(st.integers(1, 90)),
        stable_window_seconds=stable,
        panic_window_seconds=draw(st.sampled_from([1, stable // 6, stable])),
        panic_threshold=draw(st.sampled_from([1.1, 2.0, 10.0])),
    )


@settings(max_examples=examples(60))
@given(loads, scalings(), st.integers(1, 10), st.integers(1, 3), st.floats(0.05, 8.0))
def test_the_scale_stays_in_its_bounds_and_never_is_zero_with_an_invocation_in_flight(
    load: Load, scaling: Scaling, concurrency: int, activators: int, start_seconds: float
) -> None:
    simulation = Simulation(load, scaling, concurrency, activators, start_seconds, replicas=scaling.min_scale).run(100.0)
    for _, replicas, _ in simulation.history:
        assert scaling.min_scale <= replicas <= scaling.max_scale
    for before, after in zip(simulation.history, simulation.history[1:], strict=False):
        if before[1] > 0 and after[1] == 0:
            idle_since = after[0] - scaling.scale_to_zero_after_seconds + 0.5
            assert all(level == 0 for at, _, level in simulation.history if idle_since <= at <= after[0])
    for _, assessment in simulation.assessments:
        if assessment.observed.in_flight:
            assert assessment.decision.desired >= 1


@settings(max_examples=examples(40))
@given(st.integers(1, 40), scalings(), st.integers(1, 10))
def test_a_steady_load_gets_what_it_needs_and_then_nothing_changes(level: int, scaling: Scaling, concurrency: int) -> None:
    simulation = Simulation(steady(level), scaling, concurrency).run(140.0)
    needed = ceil(round(level / (concurrency * scaling.target_utilization), 6))
    expected = min(max(needed, scaling.min_scale, 1), scaling.max_scale)
    assert set(simulation.replicas_between(120.0, 140.0)) == {expected}


@settings(max_examples=examples(40))
@given(st.integers(1, 60), st.floats(0.1, 20.0), scalings())
def test_a_function_goes_to_its_minimum_when_its_idle_time_is_over_and_not_before(level: int, seconds: float, scaling: Scaling) -> None:
    idle = scaling.scale_to_zero_after_seconds
    simulation = Simulation(burst(level, 0.0, seconds), scaling).run(seconds + max(idle, 3 * scaling.stable_window_seconds) + 5.0)
    assert simulation.replicas == scaling.min_scale
    assert min(simulation.replicas_between(0.1, seconds + idle - 0.5)) >= 1
    if scaling.min_scale == 0:
        assert max(simulation.replicas_between(seconds + idle + 2.5, float("inf"))) == 0


@settings(max_examples=examples(30))
@given(st.integers(2, 40), st.floats(0.05, 8.0))
def test_a_raise_by_an_activator_is_not_lowered_before_a_stable_window_has_passed(raised_to: int, start_seconds: float) -> None:
    scaling = Scaling(max_scale=40)
    simulation = Simulation(steady(0.5), scaling, start_seconds=start_seconds).run(5.0)
    simulation.scale(max(raised_to, simulation.replicas))
    simulation.run(59.0)
    assert min(simulation.replicas_between(5.05, 64.0)) >= raised_to
    simulation.run(30.0)
    assert simulation.replicas == 1


@settings(max_examples=examples(30))
@given(st.integers(1, 3), st.floats(0.05, 3.0))
def test_fifty_invocations_from_zero_ask_for_all_twenty_pods_within_300_ms(activators: int, start_seconds: float) -> None:
    simulation = Simulation(steady(50), Scaling(max_scale=20), 1, activators, start_seconds)
    simulation.scale = lambda replicas: None  # type: ignore[method-assign]  # neither the activator nor a write gets through
    simulation.run(0.3)
    assert simulation.assessments
    assert simulation.assessments[-1][1].decision.desired == 20


@settings(max_examples=examples(30))
@given(st.floats(1.0, 40.0), st.floats(20.0, 59.0))
def test_no_scale_is_lowered_during_a_burst_shorter_than_a_stable_window(level: float, seconds: float) -> None:
    simulation = Simulation(burst(level + 10, 30.0, seconds), Scaling(max_scale=100, min_scale=1), replicas=1).run(30.0 + seconds)
    during = simulation.replicas_between(31.0, 30.0 + seconds)
    assert during == sorted(during)


@settings(max_examples=examples(30))
@given(st.floats(0.05, 8.0), st.integers(1, 3), st.floats(0.01, 0.5))
def test_one_short_invocation_from_zero_starts_one_pod(start_seconds: float, activators: int, seconds: float) -> None:
    """However long it waits for that pod: a wait is not load."""
    answered = start_seconds + seconds + 0.05
    simulation = Simulation(burst(1.0, 0.0, answered), Scaling(), 1, activators, start_seconds).run(answered + 70.0)
    assert max(simulation.replicas_between(0.0, 100.0)) == 1
    assert simulation.replicas == 0
