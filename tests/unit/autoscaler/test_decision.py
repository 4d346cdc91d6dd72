"""The arithmetic by example, as docs/scaling.md tells it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambent.api.functions.scaling import Scaling
from lambent.autoscaler.functions.decision import Memory, Observed, Policy, Target, decide_scale

CALM = Observed(
    stable_concurrency=0.0,
    panic_concurrency=0.0,
    ready=1,
    replicas=1,
    in_flight=True,
    idle_seconds=0.0,
    waiting=0.0,
    informed=True,
)
TARGET = Target(Scaling(), concurrency=1)
NOW = 1000.0


def desired(observed: Observed, target: Target = TARGET, policy: Policy | None = None, memory: Memory | None = None) -> int:
    return decide_scale(NOW, observed, target, policy or Policy(), memory or Memory()).desired


@pytest.mark.parametrize(
    ("observed", "concurrency", "utilization", "pods"),
    [
        (7.0, 1, 0.7, 10),  # exactly: 7 / 0.7 is a little more than 10 in binary
        (7.01, 1, 0.7, 11),
        (7.0, 10, 0.7, 1),
        (7.01, 10, 0.7, 2),
        (5.0, 1, 1.0, 5),
        (0.2, 1, 0.7, 1),
    ],
)
def test_pods_for_a_steady_concurrency(observed: float, concurrency: int, utilization: float, pods: int) -> None:
    calm = replace(CALM, stable_concurrency=observed, panic_concurrency=observed, ready=pods, replicas=pods)
    assert desired(calm, Target(Scaling(target_utilization=utilization), concurrency)) == pods


def test_the_stable_window_decides_in_calm() -> None:
    assert desired(replace(CALM, stable_concurrency=2.1, panic_concurrency=3.0, ready=3, replicas=3)) == 3


def test_a_burst_begins_a_panic_and_the_panic_window_decides() -> None:
    decision = decide_scale(NOW, replace(CALM, stable_concurrency=1.4, panic_concurrency=7.0, ready=2), TARGET, Policy(), Memory())
    assert (decision.desired, decision.panicking, decision.memory.panicking_since) == (10, True, NOW)


def test_a_panic_ends_a_stable_window_after_its_last_cause() -> None:
    calm = replace(CALM, stable_concurrency=0.7, panic_concurrency=0.7, ready=10, replicas=10)
    memory = Memory(panicking_since=NOW - 60.0, highest_in_panic=10)
    assert decide_scale(NOW, calm, TARGET, Policy(), memory).desired == 10
    after = decide_scale(NOW + 0.1, calm, TARGET, Policy(), memory)
    assert (after.desired, after.panicking, after.memory.highest_in_panic) == (5, False, 0)


def test_a_scale_falls_by_half_of_the_ready_pods_at_most_and_rises_by_the_rate() -> None:
    assert desired(replace(CALM, stable_concurrency=0.7, ready=9, replicas=9)) == 4
    assert desired(replace(CALM, stable_concurrency=70.0, ready=3, replicas=3), policy=Policy(max_scale_up_rate=2.0)) == 6
    assert desired(replace(CALM, stable_concurrency=70.0, ready=1, replicas=1), policy=Policy(max_scale_up_rate=1.1)) == 2


@pytest.mark.parametrize(
    ("ready", "replicas", "expected"),
    [(0, 0, 3), (0, 3, 3), (2, 3, 5), (5, 5, 10), (20, 20, 40), (0, 30, 30), (48, 50, 96)],
)
def test_a_few_pods_start_at_once_and_more_as_those_come_up(ready: int, replicas: int, expected: int) -> None:
    observed = replace(CALM, stable_concurrency=700.0, panic_concurrency=700.0, ready=ready, replicas=replicas)

    assert (
        decide_scale(
            NOW, observed, replace(TARGET, scaling=replace(TARGET.scaling, max_scale=100)), Policy(starts_at_once=3), Memory()
        ).desired
        == expected
    )


@pytest.mark.parametrize(
    ("queued_seconds", "ready", "replicas", "expected"),
    [
        (None, 20, 20, 40),
        (0.9, 20, 20, 20),  # the activators are at it
        (1.0, 20, 20, 23),
        (1.0, 0, 0, 3),
        (9.0, 10, 0, 3),  # ten of a pool are at work, and not the Deployment's yet
        (9.0, 10, 30, 30),
    ],
)
def test_while_invocations_wait_no_more_than_a_few_are_added(
    queued_seconds: float | None, ready: int, replicas: int, expected: int
) -> None:
    burst = replace(CALM, stable_concurrency=700.0, panic_concurrency=700.0, ready=ready, replicas=replicas, queued_seconds=queued_seconds)

    assert desired(burst, policy=Policy(starts_at_once=3)) == expected


def test_what_waited_for_the_first_pod_asks_for_no_more_once_it_is_served() -> None:
    waiting = replace(CALM, ready=0, replicas=0, waiting=50.0, queued_seconds=1.5)
    first = decide_scale(NOW, waiting, TARGET, Policy(starts_at_once=3), Memory())
    served = replace(CALM, ready=3, replicas=3)

    assert first.desired == 3
    assert decide_scale(NOW + 1.0, served, TARGET, Policy(starts_at_once=3), first.memory).desired == 3


def test_a_wait_for_the_first_pod_asks_for_slots_without_headroom_and_is_no_panic() -> None:
    waiting = replace(CALM, ready=0, replicas=0, waiting=3.0)
    decision = decide_scale(NOW, waiting, TARGET, Policy(), Memory())
    assert (decision.desired, decision.panicking) == (3, False)
    assert desired(waiting, Target(Scaling(), concurrency=2)) == 2
    assert desired(replace(waiting, waiting=50.0), Target(Scaling(max_scale=20), 1)) == 20


def test_an_idle_function_has_its_minimum() -> None:
    idle = replace(CALM, in_flight=False, idle_seconds=60.0, replicas=9, ready=9)
    assert desired(idle) == 0
    assert desired(replace(idle, idle_seconds=59.9)) == 4
    assert desired(idle, Target(Scaling(min_scale=2), 1)) == 4
    assert desired(replace(idle, informed=False)) == 9
    assert desired(replace(idle, proving_seconds=10.0)) == 9
    assert desired(replace(idle, proving_seconds=610.0)) == 0


def test_a_function_nobody_calls_stays_at_zero() -> None:
    assert desired(replace(CALM, in_flight=False, idle_seconds=float("inf"), replicas=0, ready=0)) == 0
