"""A function at zero costs nothing until somebody says something of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from lambent.api.functions.scaling import Scaling
from lambent.autoscaler.functions.decision import Policy
from lambent.autoscaler.functions.fleet import Fleet
from lambent.autoscaler.functions.observed import DeploymentView, FunctionView
from lambent.autoscaler.statistics import FunctionKey, Push, Report
from lambent.telemetry.autoscaler_metrics import AutoscalerMetrics

KEY = FunctionKey("default", "hello")
VIEW = FunctionView(Scaling(max_scale=20), concurrency=1, timeout_seconds=3, proving=False, broken=False)
START = 1000.0


def fleet_at_rest(view: FunctionView = VIEW) -> Fleet:
    fleet = Fleet(Policy())
    fleet.set_function(KEY, view, START)
    fleet.set_deployment(KEY, DeploymentView("hello", 0, 0, 10), START)
    assert len(fleet.decide_all(START)) == 1
    return fleet


def say_invocation(fleet: Fleet) -> None:
    fleet.push(Push("a", 1, 0.2, (Report(KEY, 1.0, 1, 1, 0),)), START + 1)


def raise_scale(fleet: Fleet) -> None:
    fleet.set_deployment(KEY, DeploymentView("hello", 1, 0, 11), START + 1)


def ask_for_pods(fleet: Fleet) -> None:
    fleet.set_function(KEY, replace(VIEW, scaling=Scaling(min_scale=2, max_scale=20)), START + 1)


def write_scale(fleet: Fleet) -> None:
    fleet.applied(KEY, 1, 11, START + 1, written=True)


def test_it_is_decided_on_once() -> None:
    assert fleet_at_rest().decide_all(START + 2) == []


@pytest.mark.parametrize("say", [say_invocation, raise_scale, ask_for_pods, write_scale])
def test_whatever_is_said_of_it_wakes_it(say: Callable[[Fleet], None]) -> None:
    fleet = fleet_at_rest()
    fleet.decide_all(START + 0.5)
    say(fleet)
    assert [assessment.key for assessment in fleet.decide_all(START + 2)] == [KEY]


def test_it_sleeps_again_when_it_is_back_at_zero() -> None:
    fleet = fleet_at_rest()
    raise_scale(fleet)
    fleet.decide_all(START + 2)
    fleet.set_deployment(KEY, DeploymentView("hello", 0, 0, 12), START + 3)
    assert len(fleet.decide_all(START + 4)) == 1
    assert fleet.decide_all(START + 6) == []


@pytest.mark.parametrize(
    "view",
    [replace(VIEW, proving=True), replace(VIEW, scaling=Scaling(min_scale=1, max_scale=20))],
    ids=["a revision is being proved", "pods always run"],
)
def test_who_waits_for_something_is_looked_at_again(view: FunctionView) -> None:
    assert len(fleet_at_rest(view).decide_all(START + 2)) == 1


def test_one_that_is_gone_wakes_nobody() -> None:
    fleet = fleet_at_rest()
    fleet.set_function(KEY, None, START + 1)
    fleet.set_deployment(KEY, None, START + 1)
    assert fleet.decide_all(START + 2) == []


def test_only_functions_that_were_invoked_are_told_of() -> None:
    fleet = fleet_at_rest()
    assert fleet.last_invocations() == {}
    say_invocation(fleet)
    assert fleet.last_invocations() == {KEY: START + 1}
    fleet.set_function(KEY, None, START + 2)
    fleet.set_deployment(KEY, None, START + 2)
    assert fleet.last_invocations() == {}


def test_it_has_no_series_before_its_first_pod_and_keeps_them_after_its_last() -> None:
    registry = CollectorRegistry()
    metrics = AutoscalerMetrics(registry)

    def assess(desired: int) -> float | None:
        metrics.assessed(KEY, desired=desired, ready=0, stable=0.0, panic=0.0, panicking=False)
        return registry.get_sample_value("lambent_desired_replicas", {"namespace": "default", "function": "hello"})

    assert [assess(0), assess(1), assess(0)] == [None, 1.0, 0.0]
