"""Scales are written by the leader, one at a time for a function, and failures do not become a storm."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from lambent.autoscaler.functions.applier import Applier
from lambent.autoscaler.functions.fleet import ScaleOrder
from lambent.autoscaler.statistics import FunctionKey
from lambent.kube.client import KubeClient
from lambent.kube.scale import Scale
from tests.support.fake_kube import FakeKube, unavailable

KEY = FunctionKey("default", "hello")
PATH = "/apis/apps/v1/namespaces/default/deployments/hello/scale"


class World:
    def __init__(self, replicas: int) -> None:
        self.kube, self.now, self.leads = FakeKube(), 0.0, True
        self.kube.put(PATH, {"spec": {"replicas": replicas}})
        self.done: list[Scale] = []
        self.failed: list[Exception] = []
        self.applier = Applier(
            cast("KubeClient", self.kube),
            lambda: self.leads,
            lambda order, scale: self.done.append(scale),
            lambda order, error: self.failed.append(error),
            clock=lambda: self.now,
        )

    @property
    def replicas(self) -> Any:
        return self.kube.objects[PATH]["spec"]["replicas"]

    async def submit(self, current: int, desired: int) -> bool:
        accepted = self.applier.submit(ScaleOrder(KEY, "hello", current, desired, 20))
        for _ in range(10):
            await asyncio.sleep(0)
        return accepted


def test_an_order_is_written_and_told() -> None:
    async def run() -> None:
        world = World(1)
        assert await world.submit(1, 5)
        assert world.replicas == 5
        assert world.done == [Scale(5, written=True, version="2")]

    asyncio.run(run())


def test_a_lowering_is_not_written_over_a_raise_by_somebody_else() -> None:
    async def run() -> None:
        world = World(4)
        await world.submit(1, 0)
        assert world.replicas == 4
        assert world.done == [Scale(4, written=False, version="1")]

    asyncio.run(run())


def test_who_does_not_lead_writes_nothing() -> None:
    async def run() -> None:
        world = World(1)
        world.leads = False
        assert not await world.submit(1, 5)
        assert world.kube.calls == []

    asyncio.run(run())


def test_one_write_at_a_time() -> None:
    async def run() -> None:
        world = World(1)
        order = ScaleOrder(KEY, "hello", 1, 5, 20)
        assert world.applier.submit(order)
        assert not world.applier.submit(order)
        await world.applier.close()
        assert world.applier.submit(order)
        await world.applier.close()

    asyncio.run(run())


def test_after_failures_there_are_pauses_and_then_it_works_again() -> None:
    async def run() -> None:
        world = World(1)
        away = True

        def before(method: str, path: str) -> None:
            if away:
                raise unavailable(method, path)

        world.kube.before = before
        assert await world.submit(1, 5)
        assert len(world.failed) == 1
        assert not await world.submit(1, 5)
        away = False
        world.now += 20.0
        assert await world.submit(1, 5)
        assert world.replicas == 5

    asyncio.run(run())


def test_a_deployment_that_is_gone_is_no_failure() -> None:
    async def run() -> None:
        world = World(1)
        world.kube.objects.clear()
        await world.submit(1, 5)
        assert (world.failed, world.done) == ([], [])

    asyncio.run(run())
