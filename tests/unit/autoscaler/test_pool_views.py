"""Of pools, their pods and the Functions that may use them, the autoscaler keeps little."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lambent.api.quantity import GIB
from lambent.autoscaler.pools.refill import PoolKey
from lambent.autoscaler.pools.views import PoolPod, PoolUser, PoolView, view_pod, view_pool, view_user

KEY = PoolKey("team", "python3.11")
CREATED = datetime(2026, 1, 1, 12, tzinfo=UTC)


def a_function(status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    metadata = {"name": "hello", "namespace": "team", "creationTimestamp": "2026-01-01T12:00:00Z"}
    return {"metadata": metadata, "spec": {"runtime": "python3.11", "code": {"inline": {"a.py": ""}}, **spec}, "status": status}


def a_pod(**changes: Any) -> dict[str, Any]:
    labels = {"lambent.dev/role": "pool", "lambent.dev/runtime": "python3.11"}
    metadata = {"name": "p", "namespace": "team", "uid": "u", "creationTimestamp": "T", "labels": labels, **changes.pop("metadata", {})}
    return {"metadata": metadata, "spec": changes.pop("spec", {}), "status": changes}


def test_a_function_asks_for_its_pool_by_being_made_and_by_being_invoked() -> None:
    assert view_user(a_function(), GIB) == PoolUser(KEY, CREATED.timestamp(), 100)
    assert view_user(a_function({"lastInvoked": "2026-01-01T13:00:00Z"}), GIB) == PoolUser(KEY, CREATED.timestamp() + 3600.0, 100)


@pytest.mark.parametrize("stamp", [None, "", "yesterday", 7])
def test_a_time_that_is_none_stops_nothing(stamp: object) -> None:
    body = a_function({"lastInvoked": stamp})
    del body["metadata"]["creationTimestamp"]

    assert view_user(body, GIB) == PoolUser(KEY, float("-inf"), 100)


@pytest.mark.parametrize(
    "spec", [{"serviceAccountName": "x"}, {"memory": "2Gi"}, {"runtime": None, "image": "x"}, {"memory": "lots"}, {"code": 1}]
)
def test_a_function_that_uses_no_pool_is_nobody_here(spec: dict[str, Any]) -> None:
    assert view_user(a_function(**spec), GIB) is None


def test_a_pool_is_its_scale_and_whether_it_is_being_replaced() -> None:
    metadata = {"name": "lambent-pool-x", "namespace": "team", "resourceVersion": "7", "labels": {"lambent.dev/runtime": "python3.11"}}

    plain = {"metadata": metadata, "spec": {"replicas": 2}, "status": {"replicas": 2, "updatedReplicas": 2}}
    assert view_pool(plain) == (KEY, PoolView("lambent-pool-x", 2, 7, updating=False))
    assert view_pool({**plain, "status": {"replicas": 3, "updatedReplicas": 1}})[1].updating
    assert view_pool({"metadata": metadata}) == (KEY, PoolView("lambent-pool-x", 1, 7, updating=False))


def test_a_pod_waits_behind_its_gate_wherever_that_is_among_others() -> None:
    gates = {"schedulingGates": [{"name": "kueue.x-k8s.io/admission"}, {"name": "lambent.dev/refill"}]}

    assert view_pod(a_pod()) == (KEY, PoolPod("p", "u", "T", None, ready=False, bad=False, deleting=False))
    assert view_pod(a_pod(spec=gates))[1].gate == 1
    assert view_pod(a_pod(spec={"schedulingGates": gates["schedulingGates"][:1]}))[1].gate is None


def test_a_pod_is_ready_as_its_condition_says() -> None:
    assert view_pod(a_pod(conditions=[{"type": "Ready", "status": "True"}]))[1].ready
    assert not view_pod(a_pod(conditions=[{"type": "Ready", "status": "False"}, {"type": "Initialized", "status": "True"}]))[1].ready


@pytest.mark.parametrize("status", [{"phase": "Failed"}, {"phase": "Succeeded"}, {"containerStatuses": [{"restartCount": 1}]}])
def test_a_pod_whose_container_has_ended_once_is_for_nobody(status: dict[str, Any]) -> None:
    assert view_pod(a_pod(**status))[1].bad
    assert not view_pod(a_pod(phase="Running", containerStatuses=[{"restartCount": 0}, {}]))[1].bad


def test_a_pod_on_its_way_out_is_seen_as_such() -> None:
    assert view_pod(a_pod(metadata={"deletionTimestamp": "now"}))[1].deleting
