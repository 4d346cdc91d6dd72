from __future__ import annotations

from typing import Any

import pytest

from bench.scale.functions import Growth
from bench.scale.measurement import Measured, Plan
from bench.scale.observation import Observation
from bench.scale.processes import Usage
from bench.scale.replay import Replayed
from bench.scale.restarts import ControllerRestart
from bench.scale.roles import ROLES
from bench.scale.summary import document, format_growth, format_requests, results_of, slopes_of

PROCESSES = (*ROLES, "apiserver", "controller-manager", "scheduler", "kwok")


def observed(functions: int, **changes: Any) -> Observation:
    usage = Usage(cpu_seconds=1.0, resident_mib=50.0 + functions / 1000, proportional_mib=40.0, peak_mib=60.0)
    given: dict[str, Any] = {
        "functions": functions,
        "seconds": 10.0,
        "usage": dict.fromkeys(PROCESSES, usage),
        "cpu_percent": dict.fromkeys(PROCESSES, 0.5),
        "requests": {("lambent-controller", "update", "leases"): 10, ("kwok", "patch", "pods/status"): 5},
        "etcd_mib": functions / 100,
        "elsewhere_percent": 20.0,
    }
    return Observation(**{**given, **changes})


def measured(functions: int = 10_000) -> Measured:
    sizes = Plan(functions=functions).sizes
    found = Measured(Plan(functions=functions))
    found.growths = [(size, Growth(1.0, 15.0, (1.0, 2.0)), observed(size)) for size in sizes]
    found.at_rest = [observed(0), *(observed(size) for size in sizes)]
    found.controller = [ControllerRestart(size, 1.0 + size / 1000, 2.0 + size / 500) for size in sizes]
    found.activator = found.autoscaler = [(size, size / 1000) for size in sizes]
    found.at_work, found.replayed, found.calls = observed(functions), Replayed(extra=[0.002, 0.004]), 20
    return found


def test_targets_are_held_against_ten_thousand_functions() -> None:
    verdicts = {result.name: result.verdict() for result in results_of(measured()) if result.verdict()}
    assert verdicts == {
        "10,000 idle functions: controller + activator + autoscaler, RSS": "aim",
        "10,000 idle functions: their CPU at rest": "least",
        "apply of 1,000 Functions until all Ready": "aim",
        "controller restarted with 10,000, until it follows a change": "aim",
    }


def test_other_sizes_have_no_targets() -> None:
    assert not [result for result in results_of(measured(500)) if result.verdict()]


def test_slopes_are_for_each_function_more() -> None:
    lines = slopes_of(measured())
    assert lines["controller, KiB"].slope == pytest.approx(1.024)
    assert lines["etcd's store, KiB"].slope == pytest.approx(10.24)
    assert lines["controller restarted until it follows a change, ms"].slope == pytest.approx(1.0)


def test_requests_are_told_by_client_with_what_is_asked_for_most() -> None:
    rows = format_requests(observed(100), "at rest").splitlines()[2:]
    assert rows == ["| lambent-controller | 1.00 | update leases 1 |", "| kwok | 0.50 | patch pods/status 0.5 |"]


def test_growth_is_told_for_each_function() -> None:
    found = measured(100)
    found.growths[-1] = (100, Growth(1.0, 15.0, (1.0,)), observed(100, requests={("lambent-controller", "get", "functions"): 100}))
    rows = format_growth(found).splitlines()
    assert "| controller | 0.5 | 1.0 |" in rows
    assert rows[-1] == "| everything else on the machine | 20.0 | |"


def test_the_document_holds_every_stretch() -> None:
    found = document(measured(), slopes_of(measured()))
    assert [stretch["functions"] for stretch in found["atRest"]] == [0, 1_000, 3_000, 10_000]
    assert found["atWork"]["requestsPerSecond"]["lambent-controller"] == pytest.approx(1.0)
