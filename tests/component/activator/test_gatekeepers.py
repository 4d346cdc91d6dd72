"""Two activators' gatekeepers and a small API server: pods of functions are let go once, whatever watches and servers do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import yaml

from lambent.activator.admission.model import FunctionKey
from lambent.activator.cluster.gatekeeper import Gatekeeper
from lambent.kube.client import KubeClient
from tests.support.kube_world import KubeWorld

KEY = FunctionKey("default", "hello")


class Counts:
    def __init__(self) -> None:
        self.lifted: list[str] = []
        self.in_vain = 0

    def gate_lifted(self, why: str) -> None:
        self.lifted.append(why)

    def made_in_vain(self) -> None:
        self.in_vain += 1


class Setup:
    def __init__(self, world: KubeWorld, keepers: list[Gatekeeper], counts: Counts) -> None:
        self.world, self.keepers, self.counts = world, keepers, counts

    def make(self, name: str, **spec: Any) -> None:
        labels = {"lambent.dev/role": "function", "lambent.dev/function": "hello"}
        metadata = {"namespace": "default", "name": name, "uid": f"uid-{name}", "labels": labels, "creationTimestamp": f"T{name}"}
        self.world.put("Pod", {"metadata": metadata, "spec": {"schedulingGates": [{"name": "lambent.dev/start"}], **spec}})

    def bind(self, name: str) -> None:
        pod = self.world.objects["Pod", "default", name]
        assert not self.is_gated(name)
        self.world.put("Pod", {**pod, "spec": {**pod["spec"], "nodeName": "node"}})

    def is_gated(self, name: str) -> bool:
        return bool(self.world.objects["Pod", "default", name]["spec"]["schedulingGates"])

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(20):
                while not condition():  # noqa: ASYNC110 - what is waited for happens in several tasks, and none knows of tests
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"waited for {what}") from None

    async def until_watching(self) -> None:
        await self.until(lambda: len(self.world.watches) == len(self.keepers), "the watches")


@contextlib.asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Setup]:
    async with KubeWorld() as world:
        kubeconfig = folder / "kubeconfig"
        cluster = {"name": "c", "cluster": {"server": world.url}}
        context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
        config = {"clusters": [cluster], "contexts": [context], "current-context": "c", "users": [{"name": "u", "user": {}}]}
        kubeconfig.write_text(yaml.safe_dump(config))
        async with KubeClient(kubeconfig) as client:
            counts = Counts()
            keepers = [Gatekeeper(client, lambda _, leads=leads: leads, lambda _: 0, counts) for leads in (True, False)]
            tasks = [asyncio.create_task(work) for keeper in keepers for work in (keeper.watch(), keeper.tend())]
            try:
                yield Setup(world, keepers, counts)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                for keeper in keepers:
                    await keeper.close()


def test_a_pod_that_is_made_and_one_that_was_there_are_let_go(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as setup:
            setup.make("old")
            await setup.until_watching()
            await setup.until(lambda: not setup.is_gated("old"), "the older pod")
            setup.make("new")
            await setup.until(lambda: not setup.is_gated("new"), "the newer pod")
            setup.bind("new")
            setup.world.remove("Pod", "new")
            # Both have been seen to be let go by now, or gone: an order that came late would be refused.
            setup.make("last")
            await setup.until(lambda: not setup.is_gated("last"), "the last pod")
            assert setup.counts.lifted == ["wanted"] * 3
            assert setup.counts.in_vain == 0

    asyncio.run(scenario())


def test_a_pod_made_in_vain_is_never_written_to(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as setup:
            await setup.until_watching()
            taker, other = setup.keepers
            taker.took(KEY, "pool-1")
            other.took(KEY, "pool-1")
            setup.make("b")
            setup.make("a")
            await setup.until(lambda: not setup.is_gated("a"), "the older of two")
            taker.moved(KEY, "pool-1")
            setup.world.remove("Pod", "b")
            await setup.until(lambda: setup.counts.in_vain == 1, "it to be counted")
            setup.make("c")
            await setup.until(lambda: not setup.is_gated("c"), "one that is wanted again")
            assert {name for _, name, _ in setup.world.asked_of_pods} == {"a", "c"}

    asyncio.run(scenario())


def test_an_api_server_that_is_away_is_asked_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(tmp_path) as setup:
            await setup.until_watching()
            setup.world.down = True
            setup.make("a")
            await setup.until(lambda: bool(setup.world.asked_of_pods), "a write")
            setup.world.break_watches()
            setup.world.down = False
            await setup.until(lambda: not setup.is_gated("a"), "the pod")

    asyncio.run(scenario())
