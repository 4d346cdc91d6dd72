"""Pools are changed by the leader, each thing by one write at a time, and only where it still is what was decided on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from lambent.autoscaler.pools.applier import PAUSE_SECONDS, PoolApplier
from lambent.autoscaler.pools.fleet import Lift, PoolFleet, PoolOrder, PoolScale, Remove
from lambent.autoscaler.pools.refill import QUIET_SECONDS, PoolKey
from lambent.autoscaler.pools.size import PoolPolicy
from lambent.autoscaler.pools.views import PoolPod, PoolUser, PoolView
from lambent.autoscaler.statistics import FunctionKey
from lambent.kube.client import JSON_PATCH, KubeClient
from lambent.kube.errors import InvalidError, KubeError, KubeUnavailableError, NotFoundError
from lambent.telemetry.autoscaler_metrics import AutoscalerMetrics

KEY = PoolKey("team", "python3.11")
POD = "/api/v1/namespaces/team/pods/p"
SCALE = "/apis/apps/v1/namespaces/team/deployments/pool/scale"
LIFT, SCALING, REMOVE = Lift(KEY, "p", "uid-p", 1), PoolScale(KEY, "pool", 2, 6), Remove(KEY, "p", "uid-p", 1)


class Kube:
    """What KubeClient is asked, and what it answers."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Any]] = []
        self.replicas = 2
        self.error: KubeError | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def get(self, path: str) -> Any:
        return {"metadata": {"resourceVersion": "7"}, "spec": {"replicas": self.replicas}}

    async def patch(self, path: str, body: Any, *, kind: str, field_manager: str) -> Any:
        await self._called(kind, path, body)
        if path == SCALE:
            self.replicas = body["spec"]["replicas"]
        return {"metadata": {"resourceVersion": "8"}, "spec": {"replicas": self.replicas}}

    async def delete(self, path: str, *, uid: str, grace_period_seconds: int) -> Any:
        await self._called("DELETE", path, uid)

    async def _called(self, method: str, path: str, body: Any) -> None:
        self.calls.append((method, path, body))
        await self.gate.wait()
        if self.error is not None:
            raise self.error


class World:
    def __init__(self) -> None:
        self.kube, self.now, self.leads = Kube(), 1000.0, True
        self.fleet = PoolFleet(PoolPolicy(2, 10, 3600.0))
        self.fleet.set_user(FunctionKey("team", "hello"), PoolUser(KEY, 0.0, 20), self.now, 0.0)
        self.fleet.set_pool(KEY, PoolView("pool", 2, 1, updating=False))
        self.fleet.set_pod(KEY, "p", PoolPod("p", "uid-p", "T", 1, ready=False, bad=False, deleting=False), self.now)
        self.now += QUIET_SECONDS
        self.metrics = AutoscalerMetrics(CollectorRegistry())
        self.applier = PoolApplier(cast("KubeClient", self.kube), lambda: self.leads, self.fleet, self.metrics, lambda: self.now)

    async def submit(self, order: PoolOrder) -> bool:
        accepted = self.applier.submit(order)
        for _ in range(10):
            await asyncio.sleep(0)
        return accepted

    @property
    def errors(self) -> float:
        return float(self.metrics.pool_errors.labels(*KEY)._value.get())


def run(test: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        world = World()
        await test(world)
        await world.applier.close()

    asyncio.run(main())


def test_a_gate_goes_where_it_still_is_that_pods_refill_gate() -> None:
    async def test(world: World) -> None:
        assert await world.submit(LIFT)
        operations = [
            {"op": "test", "path": "/metadata/uid", "value": "uid-p"},
            {"op": "test", "path": "/spec/schedulingGates/1", "value": {"name": "lambent.dev/refill"}},
            {"op": "remove", "path": "/spec/schedulingGates/1"},
        ]
        assert world.kube.calls == [(JSON_PATCH, POD, operations)]
        assert world.fleet.decide(world.now) == (), "it counts as let go at once"

    run(test)


def test_a_scale_is_written_on_condition_that_it_is_what_was_seen() -> None:
    async def test(world: World) -> None:
        world.kube.replicas = 4
        assert await world.submit(SCALING)
        assert world.kube.calls == []
        (figures,) = world.fleet.figures(world.now)
        world.fleet.set_pool(KEY, PoolView("pool", 2, 1, updating=False))
        assert world.fleet.decide(world.now)[0] == PoolScale(KEY, "pool", 4, figures.desired), "what was found is remembered"

        await world.submit(PoolScale(KEY, "pool", 4, 2))
        assert world.kube.replicas == 2

    run(test)


def test_a_used_pod_is_deleted_and_never_another_of_its_name() -> None:
    async def test(world: World) -> None:
        assert await world.submit(REMOVE)
        assert world.kube.calls == [("DELETE", POD, "uid-p")]

    run(test)


def test_who_does_not_lead_writes_nothing() -> None:
    async def test(world: World) -> None:
        world.leads = False
        assert [await world.submit(order) for order in (LIFT, SCALING, REMOVE)] == [False, False, False]
        assert world.kube.calls == []
        assert world.fleet.decide(world.now) == (LIFT,)

    run(test)


@pytest.mark.parametrize("order", [LIFT, SCALING, REMOVE])
def test_one_thing_is_written_once_at_a_time(order: PoolOrder) -> None:
    async def test(world: World) -> None:
        world.kube.gate.clear()
        assert await world.submit(order)
        assert not await world.submit(order)
        world.kube.gate.set()
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(world.kube.calls) == 1

    run(test)


@pytest.mark.parametrize("order", [LIFT, SCALING, REMOVE])
@pytest.mark.parametrize("error", [InvalidError(422, "Invalid", "test failed", ""), KubeUnavailableError(0, "Timeout", "no answer", "")])
def test_what_fails_is_counted_and_tried_again_after_a_pause(order: PoolOrder, error: KubeError) -> None:
    async def test(world: World) -> None:
        world.kube.error = error
        assert await world.submit(order)
        assert world.errors == 1.0
        assert LIFT in world.fleet.decide(world.now), "a gate that stayed holds nothing up"
        assert not await world.submit(order)
        world.now += PAUSE_SECONDS
        world.kube.error = None
        assert await world.submit(order)
        assert world.errors == 1.0

    run(test)


@pytest.mark.parametrize("order", [LIFT, SCALING, REMOVE])
def test_what_is_gone_is_no_failure(order: PoolOrder) -> None:
    async def test(world: World) -> None:
        world.kube.error = NotFoundError(404, "NotFound", "not found", "")
        assert await world.submit(order)
        assert world.errors == 0.0

    run(test)


def test_writes_under_way_end_with_the_process() -> None:
    async def test(world: World) -> None:
        world.kube.gate.clear()
        await world.submit(LIFT)
        async with asyncio.timeout(5.0):
            await world.applier.close()

    run(test)
