"""Bursts from zero, in virtual time, by real admissions on simulated cores: nobody is forgotten, the order is kept, and how long it takes.

The seconds are the model's own and exact: they depend on nothing but the decisions.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.activator.admission.model import Limits
from tests.support.examples_drawn import examples
from tests.support.start_simulation import StartSimulation


def check(simulation: StartSimulation, invocations: int) -> None:
    """Everybody is served once, in the order they came; more pods than are allowed fail within the simulation."""
    assert len({id(invocation) for _, invocation in simulation.served}) == len(simulation.served) == invocations
    if simulation.activators == 1:
        # With several, one that meets a slot just taken by another activator's goes back to its place and is begun later.
        assert simulation.begun == sorted(simulation.begun)


simulations = st.builds(
    StartSimulation,
    cores=st.integers(1, 32),
    seconds=st.sampled_from((0.0005, 0.01, 0.2, 1.0, 5.0)),
    max_scale=st.integers(1, 50),
    pool=st.integers(0, 12),
    activators=st.integers(1, 3),
    concurrency=st.integers(1, 4),
    idle_seconds=st.sampled_from((0.0, 0.4)),
    limits=st.builds(Limits, starts_at_once=st.integers(1, 12), queue_seconds=st.just(1e9)),
    autoscaler=st.booleans(),
    longest_seconds=st.just(1e4),
)


@settings(max_examples=examples(60))
@given(simulations, st.integers(1, 150))
def test_every_burst_is_served_whole_and_in_order(simulation: StartSimulation, invocations: int) -> None:
    simulation.run(invocations)
    check(simulation, invocations)


@pytest.mark.parametrize("autoscaler", [False, True])
@pytest.mark.parametrize("activators", [1, 2])
@pytest.mark.parametrize(
    ("cores", "max_scale", "pool", "within_seconds"),
    [
        (2, 40, 0, 11.5),  # the best there is: 10.6
        (2, 40, 10, 9.2),
        (4, 40, 0, 9.0),
        (100, 40, 0, 7.1),  # the best there is: 5.5, with all forty at once
        (100, 200, 0, 4.6),
    ],
)
def test_two_hundred_invocations_of_a_second_take_little_more_than_they_must(
    activators: int, cores: int, max_scale: int, pool: int, within_seconds: float, *, autoscaler: bool
) -> None:
    """An autoscaler neither helps nor gets in the way."""
    simulation = StartSimulation(cores, 1.0, max_scale, pool, activators, autoscaler=autoscaler)

    assert simulation.run(200) <= within_seconds
    check(simulation, 200)


@pytest.mark.parametrize("activators", [1, 2])
def test_a_burst_of_milliseconds_takes_one_generic_pod_and_starts_none(activators: int) -> None:
    simulation = StartSimulation(2, 0.001, pool=10, activators=activators)

    assert simulation.run(100) <= 0.15
    assert (len(simulation.taken_at), simulation.own) == (1, 0)


@pytest.mark.parametrize("activators", [1, 2])
def test_a_burst_of_seconds_takes_the_whole_pool_within_a_tenth_of_a_second(activators: int) -> None:
    simulation = StartSimulation(2, 1.0, pool=10, activators=activators)
    simulation.run(100)

    assert len(simulation.taken_at) == 10
    assert max(simulation.taken_at) <= 0.1


@pytest.mark.parametrize("autoscaler", [False, True])
def test_few_starts_run_at_once_on_few_cores_and_many_on_many(*, autoscaler: bool) -> None:
    few, many = (StartSimulation(cores, 1.0, autoscaler=autoscaler) for cores in (2, 100))
    for simulation in (few, many):
        simulation.run(200)

    assert few.most_starting <= 6
    assert many.most_starting >= 16
