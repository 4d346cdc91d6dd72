"""One decision, for any observation: bounds, idle rule, panic and delay."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from lambent.api.functions.scaling import Scaling
from lambent.autoscaler.functions.decision import Memory, Observed, Policy, Target, decide_scale, note_raise

observations = st.builds(
    Observed,
    stable_concurrency=st.floats(0, 1e4),
    panic_concurrency=st.floats(0, 1e4),
    ready=st.integers(0, 50),
    replicas=st.integers(0, 50),
    in_flight=st.booleans(),
    idle_seconds=st.floats(0, 1e5),
    waiting=st.one_of(st.just(0.0), st.floats(0, 1e4)),
    informed=st.booleans(),
    proving_seconds=st.one_of(st.none(), st.floats(0, 1e4)),
    broken=st.booleans(),
    queued_seconds=st.one_of(st.none(), st.floats(0, 5)),
)
memories = st.builds(
    Memory,
    panicking_since=st.one_of(st.none(), st.floats(0, 1000)),
    highest_in_panic=st.integers(0, 50),
    raised_to=st.integers(0, 50),
    raised_until=st.floats(0, 2000),
)
policies = st.builds(Policy, st.floats(1.01, 1000), st.floats(1.01, 1000), st.sampled_from([0.0, 30.0]))
targets = st.builds(
    lambda low, more, concurrency: Target(Scaling(min_scale=low, max_scale=low + more), concurrency),
    st.integers(0, 10),
    st.integers(1, 100),
    st.integers(1, 100),
)
NOW = 1000.0


@given(observations, targets, policies, memories)
def test_desired_is_within_min_and_max_scale_unless_pods_would_not_help(
    observed: Observed, target: Target, policy: Policy, memory: Memory
) -> None:
    desired = decide_scale(NOW, observed, target, policy, memory).desired
    assert desired <= target.scaling.max_scale
    assert desired >= target.scaling.min_scale or (observed.broken and desired == min(observed.replicas, target.scaling.min_scale))


@given(observations, targets, policies, memories)
def test_a_function_with_an_invocation_in_flight_never_goes_to_zero(
    observed: Observed, target: Target, policy: Policy, memory: Memory
) -> None:
    observed = replace(observed, in_flight=True, broken=False)
    # At zero, it is the activators' for a moment: a pod of a pool may be on its way.
    theirs = observed.replicas == 0 and observed.queued_seconds is not None and observed.queued_seconds < 1.0
    assert decide_scale(NOW, observed, target, policy, memory).desired >= (0 if theirs else 1)


@given(observations, targets, policies, memories)
def test_nothing_is_lowered_while_no_activator_is_heard_of(observed: Observed, target: Target, policy: Policy, memory: Memory) -> None:
    observed = replace(observed, informed=False)
    desired = decide_scale(NOW, observed, target, policy, memory).desired
    assert desired >= min(observed.replicas, target.scaling.max_scale)


@given(observations, targets, policies, memories)
def test_pods_whose_first_initialisation_is_awaited_stay(observed: Observed, target: Target, policy: Policy, memory: Memory) -> None:
    observed = replace(observed, proving_seconds=10.0, in_flight=False, idle_seconds=1e6)
    assert decide_scale(NOW, observed, target, policy, memory).desired >= min(observed.replicas, target.scaling.max_scale)


@given(observations, targets, memories, st.integers(1, 10), st.floats(0, 5))
def test_while_invocations_wait_the_activators_start_pods_for_them_and_the_autoscaler_no_more_than_a_few(
    observed: Observed, target: Target, memory: Memory, starts_at_once: int, queued_seconds: float
) -> None:
    memory = replace(memory, raised_until=0.0)
    observed = replace(observed, queued_seconds=queued_seconds, in_flight=True)
    decision = decide_scale(NOW, observed, target, Policy(starts_at_once=starts_at_once), memory)
    few = min(observed.ready, observed.replicas) + starts_at_once if queued_seconds >= 1.0 else 0
    assert decision.desired <= max(observed.replicas, few, target.scaling.min_scale)


@given(observations, targets, memories)
def test_a_panic_never_lowers(observed: Observed, target: Target, memory: Memory) -> None:
    memory = replace(memory, panicking_since=NOW - 1.0, raised_until=0.0)
    observed = replace(observed, in_flight=True, broken=False, queued_seconds=None)
    decision = decide_scale(NOW, observed, target, Policy(), memory)
    assert decision.desired >= min(memory.highest_in_panic, target.scaling.max_scale)
    assert decision.memory.highest_in_panic >= memory.highest_in_panic


@given(observations, targets, memories, st.integers(0, 100), st.floats(0, 59.9))
def test_a_raise_holds_for_a_stable_window(observed: Observed, target: Target, memory: Memory, replicas: int, later: float) -> None:
    observed = replace(observed, in_flight=True, broken=False, queued_seconds=None)
    memory = note_raise(memory, replicas, NOW, 60.0)
    assert decide_scale(NOW + later, observed, target, Policy(), memory).desired >= min(replicas, target.scaling.max_scale)


@given(observations, targets, st.lists(st.tuples(st.floats(0.1, 20), st.floats(0, 100)), min_size=1, max_size=20))
def test_a_scale_down_delay_applies_the_highest_scale_desired_within_it(
    observed: Observed, target: Target, steps: list[tuple[float, float]]
) -> None:
    observed = replace(observed, in_flight=True, broken=False, informed=True, proving_seconds=None, ready=50, replicas=1, waiting=0.0)
    observed = replace(observed, queued_seconds=None)
    target = replace(target, scaling=replace(target.scaling, panic_threshold=10.0, max_scale=1000, min_scale=0))
    delayed_memory = plain_memory = Memory()
    now, desired = NOW, []
    for pause, concurrency in steps:
        now += pause
        observed = replace(observed, stable_concurrency=concurrency, panic_concurrency=concurrency)
        plain = decide_scale(now, observed, target, Policy(), plain_memory)
        delayed = decide_scale(now, observed, target, Policy(scale_down_delay_seconds=30.0), delayed_memory)
        plain_memory, delayed_memory = plain.memory, delayed.memory
        desired.append((now, plain.desired))
        assert delayed.desired == max(scale for at, scale in desired if now - at < 30.0)
