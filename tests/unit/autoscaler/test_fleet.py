"""What all functions and activators together lead to: silence, restarts, races with other writers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambent.api.functions.scaling import Scaling
from lambent.autoscaler.functions.decision import Policy
from lambent.autoscaler.functions.fleet import Fleet, ScaleOrder
from lambent.autoscaler.functions.observed import DeploymentView, FunctionView
from lambent.autoscaler.statistics import FunctionKey, Push, Report

KEY = FunctionKey("default", "hello")
VIEW = FunctionView(Scaling(max_scale=20), concurrency=1, timeout_seconds=3, proving=False, broken=False)
START = 1000.0


class World:
    def __init__(self, replicas: int = 1, view: FunctionView = VIEW) -> None:
        self.fleet, self.now, self.sequence = Fleet(Policy()), START, 0
        self.fleet.set_function(KEY, view, self.now)
        self.deploy(replicas, version=10)

    def deploy(self, replicas: int, version: int) -> None:
        self.fleet.set_deployment(KEY, DeploymentView("hello", replicas, replicas, version), self.now)

    def push(self, concurrency: float | None = None, activator: str = "a", ready: int = 1, requests: int = 0, *, queued: int = 0) -> None:
        self.sequence += 1
        reports = () if concurrency is None else (Report(KEY, concurrency, queued, requests, ready),)
        self.fleet.push(Push(activator, self.sequence, 0.2, reports), self.now)

    def beat(self, seconds: float, concurrency: float | None = None, activator: str = "a") -> World:
        """Pushes for so long."""
        for _ in range(round(seconds / 0.2)):
            self.now += 0.2
            self.push(concurrency, activator)
        return self

    @property
    def order(self) -> ScaleOrder | None:
        (assessment,) = self.fleet.decide_all(self.now)
        return assessment.order


def test_an_idle_function_goes_to_zero_after_its_time() -> None:
    world = World().beat(59)
    assert world.order is None
    world.beat(2)
    assert world.order == ScaleOrder(KEY, "hello", 1, 0, 20)


def test_the_idle_time_begins_with_the_last_invocation() -> None:
    world = World().beat(50).beat(0.4, 0.01).beat(59)
    assert world.order is None
    world.beat(2)
    assert world.order is not None


def queued_seconds(world: World) -> float | None:
    (assessment,) = world.fleet.decide_all(world.now)
    seconds = assessment.observed.queued_seconds
    return None if seconds is None else round(seconds, 3)


def test_how_long_invocations_wait_is_known_of_all_activators_together() -> None:
    world = World()
    world.push(9.0, "a", queued=5)
    assert queued_seconds(world) == 0.0
    world.now += 0.6
    world.push(9.0, "b", queued=1)
    world.push(9.0, "a", queued=0)
    assert queued_seconds(world) == 0.6
    world.now += 0.2
    world.push(9.0, "b", queued=0)
    assert queued_seconds(world) is None
    world.push(9.0, "b", queued=1)
    assert queued_seconds(world) == 0.0


def test_a_wait_that_ends_between_two_decisions_has_ended() -> None:
    world = World()
    world.push(9.0, queued=5)
    assert queued_seconds(world) == 0.0
    for queued in (0, 5):
        world.now += 0.2
        world.push(9.0, queued=queued)

    assert queued_seconds(world) == 0.0


def test_each_wait_begins_anew_after_one_that_ended_in_silence() -> None:
    world = World()
    world.push(9.0, queued=5)
    world.now += 0.5
    world.push()
    world.now += 0.5
    world.push(9.0, queued=5)

    assert queued_seconds(world) == 0.0


def test_what_waits_at_an_activator_that_has_fallen_silent_is_not_left_to_it() -> None:
    world = World()
    world.push(9.0, queued=5)
    world.now += 2.1
    world.push(activator="b")

    assert queued_seconds(world) is None


def test_without_any_activator_nothing_goes_to_zero() -> None:
    world = World().beat(30)
    world.now += 1000
    assert world.order is None
    world.push()
    assert world.order is not None


def test_an_activator_that_falls_silent_keeps_its_invocation_in_flight_for_as_long_as_it_could_take() -> None:
    world = World(view=replace(VIEW, timeout_seconds=600, scaling=Scaling(scale_to_zero_after_seconds=5))).beat(1, 1.0, "b")
    world.beat(590)
    assert world.order is None or world.order.desired > 0
    world.beat(30)
    assert world.order is not None
    assert world.order.desired == 0


def test_an_activator_that_was_killed_does_not_keep_pods_of_a_short_function_for_long() -> None:
    world = World(view=replace(VIEW, scaling=Scaling(scale_to_zero_after_seconds=5))).beat(1, 1.0, "b").beat(25)
    assert world.order is not None
    assert world.order.desired == 0


def test_a_push_that_leaves_a_function_out_says_that_it_is_idle_there() -> None:
    world = World(view=replace(VIEW, scaling=Scaling(scale_to_zero_after_seconds=2))).beat(1, 1.0)
    world.beat(1.8)
    assert world.order is None or world.order.desired > 0
    world.beat(0.6)
    assert world.order is not None
    assert world.order.desired == 0


def test_concurrency_is_summed_over_activators() -> None:
    world = World(replicas=5)
    for _ in range(600):
        world.now += 0.2
        world.push(3.0, "a", ready=5)
        world.push(4.0, "b", ready=5)
    (assessment,) = world.fleet.decide_all(world.now)
    assert assessment.observed.stable_concurrency == pytest.approx(7.0, abs=1e-6)
    assert assessment.decision.desired == 10


def test_a_push_that_comes_twice_or_late_is_left_aside_and_one_of_a_restarted_activator_is_not() -> None:
    world = World()
    fleet = world.fleet
    fleet.push(Push("a", 50, 0.2, (Report(KEY, 1.0, 0, 0, 1),)), START)
    fleet.push(Push("a", 50, 0.2, ()), START + 0.1)
    fleet.push(Push("a", 49, 0.2, ()), START + 0.1)
    assert fleet.decide_all(START + 0.2)[0].observed.in_flight
    fleet.push(Push("a", 1, 0.2, ()), START + 0.3)
    assert not fleet.decide_all(START + 0.4)[0].observed.in_flight


def test_what_was_read_before_our_own_write_does_not_look_like_a_raise_by_somebody_else() -> None:
    world = World(replicas=5)
    world.beat(61, 0.1)
    world.fleet.applied(KEY, 2, 20, world.now, written=True)
    world.deploy(5, version=15)
    (assessment,) = world.fleet.decide_all(world.now)
    assert assessment.observed.replicas == 2
    assert assessment.decision.desired <= 2


def test_a_raise_that_was_found_when_writing_holds() -> None:
    world = World(replicas=1).beat(61, 0.1)
    world.fleet.applied(KEY, 6, 20, world.now, written=False)
    world.beat(50, 0.1)
    assert world.order is None
    world.beat(12, 0.1)
    assert world.order is not None
    assert world.order.desired < 6


def test_after_a_restart_the_pods_that_are_there_stay_for_a_whole_period_and_then_go() -> None:
    world = World(replicas=7).beat(59)
    assert world.order is None
    world.beat(3)
    assert world.order == ScaleOrder(KEY, "hello", 7, 0, 20)


def test_pods_of_a_first_revision_stay_until_it_has_initialised() -> None:
    world = World(view=replace(VIEW, proving=True)).beat(300)
    assert world.order is None
    world.fleet.set_function(KEY, VIEW, world.now)
    world.beat(59)
    assert world.order is None
    world.beat(3)
    assert world.order is not None


def test_pods_of_a_first_revision_that_never_initialises_go_in_the_end() -> None:
    world = World(view=replace(VIEW, proving=True)).beat(620)
    assert world.order is not None
    assert world.order.desired == 0


def test_a_function_that_cannot_initialise_gets_no_pods_for_its_callers() -> None:
    world = World(replicas=0, view=replace(VIEW, broken=True)).beat(5, 3.0)
    assert world.order is None


def test_a_pod_that_an_activator_starts_to_try_a_broken_function_stays_for_the_trial_and_goes_after_it() -> None:
    world = World(replicas=0, view=replace(VIEW, broken=True, scaling=Scaling(max_scale=20, scale_to_zero_after_seconds=1))).beat(300)
    world.deploy(1, version=11)
    world.beat(0.2, 1.0)
    for _ in range(200):  # an image is pulled, an import waits for its limit
        world.beat(0.2, 1.0)
        assert world.order is None
    world.beat(0.8)
    assert world.order is None
    world.beat(0.6)
    assert world.order == ScaleOrder(KEY, "hello", 1, 0, 20)


def test_a_standby_that_saw_the_same_pushes_decides_the_same() -> None:
    leader, standby = World(replicas=3), World(replicas=3)
    for world in (leader, standby):
        world.beat(70, 5.0)
    assert leader.order == standby.order
    assert leader.order is not None


def test_what_is_deleted_is_forgotten() -> None:
    world = World()
    world.fleet.set_function(KEY, None, START)
    assert world.fleet.decide_all(START) == []
    world.fleet.keep_deployments([], START)
    assert world.fleet.keys() == frozenset()
    world.push(1.0)
    assert world.fleet.keys() == frozenset()


def test_decisions_on_a_function_keep_their_distance_and_none_is_lost() -> None:
    world = World()
    world.push(1.0)
    assert len(world.fleet.decide_due(START)) == 1
    world.push(5.0)
    assert world.fleet.decide_due(START + 0.05) == []
    due_in = world.fleet.due_in(START + 0.05)
    assert due_in == pytest.approx(0.05)
    assert len(world.fleet.decide_due(START + 0.1)) == 1
    assert world.fleet.due_in(START + 0.1) is None
