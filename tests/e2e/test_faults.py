"""Short faults under a steady load: nothing runs twice, nothing is lost but what was under way. `make faults` has all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.faults.arena import QUICK_WATCH, Arena, Fault, describe, helm_runner, prepare, run_fault
from tests.e2e.faults.catalog import all_faults
from tests.e2e.framework.control_plane import ControlPlane
from tests.e2e.framework.workspace import Workspace


@pytest.fixture(scope="module")
def arena(workspace: Workspace, control_plane: ControlPlane, helm: str, kubeconfig: str) -> Iterator[Arena]:
    prepared = prepare(workspace, control_plane, helm_runner(helm, kubeconfig))
    yield prepared
    prepared.recorder.close()


@pytest.mark.parametrize("fault", [fault for fault in all_faults() if fault.quick], ids=lambda fault: fault.name)
def test_under_a_short_fault_nothing_runs_twice_and_nothing_is_lost_but_what_was_under_way(arena: Arena, fault: Fault) -> None:
    verdict = run_fault(arena, fault, QUICK_WATCH)

    assert verdict.is_clean, describe(fault, verdict, arena.moments)
