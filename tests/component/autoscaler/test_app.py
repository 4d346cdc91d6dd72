"""Whole autoscalers, as `run` wires them, against a small API server: pushed statistics become scales."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from lambent.autoscaler.app import LEASE, run
from lambent.settings.autoscaler import AutoscalerSettings
from tests.support.kube_world import KubeWorld


def a_function(**scaling: int) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "default", "name": "hello"},
        "spec": {"concurrency": 1, "scaling": scaling},
        "status": {"latestRevision": "r1", "readyRevision": "r1"},
    }


def a_deployment(replicas: int) -> dict[str, Any]:
    metadata = {"namespace": "default", "name": "hello", "labels": {"lambent.dev/function": "hello"}}
    return {"metadata": metadata, "spec": {"replicas": replicas}, "status": {"readyReplicas": replicas}}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(condition: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    async def wait() -> None:
        while not condition():  # noqa: ASYNC110 - what is waited for happens in several tasks, and none of them knows of tests
            await asyncio.sleep(0.02)

    try:
        await asyncio.wait_for(wait(), seconds)
    except TimeoutError:
        raise AssertionError(f"waited {seconds} s for {what}") from None


@dataclass
class Replica:
    name: str
    settings: AutoscalerSettings
    task: asyncio.Task[None]


@dataclass
class Setup:
    """An API server, autoscalers, and one activator that pushes `concurrency` (None: a heartbeat) five times a second."""

    world: KubeWorld
    kubeconfig: Path
    replicas: list[Replica] = field(default_factory=list)
    concurrency: float | None = None
    statuses: set[int] = field(default_factory=set)

    def start(self, name: str) -> Replica:
        settings = AutoscalerSettings(
            kubeconfig=str(self.kubeconfig), pod_name=name, statistics_port=free_port(), status_port=free_port(), tick_seconds=0.1
        )
        replica = Replica(name, settings, asyncio.create_task(run(settings)))
        self.replicas.append(replica)
        return replica

    async def stop(self, replica: Replica) -> None:
        self.replicas.remove(replica)
        replica.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await replica.task

    @property
    def holder(self) -> str:
        lease = self.world.objects.get(("Lease", "lambent-system", LEASE))
        return str(lease["spec"]["holderIdentity"]) if lease is not None else ""

    async def push_for_ever(self) -> None:
        async with aiohttp.ClientSession() as session:
            sequence = 0
            while True:
                sequence += 1
                function: dict[str, Any] = {
                    "namespace": "default",
                    "name": "hello",
                    "concurrency": self.concurrency,
                    "queued": 0,
                    "requests": 1,
                    "ready": 0,
                }
                function["ready"] = self.world.replicas("hello")
                functions = [] if self.concurrency is None else [function]
                body = {"activator": "a", "sequence": sequence, "intervalSeconds": 0.2, "functions": functions}
                for replica in list(self.replicas):
                    url = f"http://127.0.0.1:{replica.settings.statistics_port}/statistics"
                    with contextlib.suppress(aiohttp.ClientError):
                        headers = {"Authorization": "Bearer token-of-an-activator"}
                        async with session.post(url, data=json.dumps(body), headers=headers) as response:
                            self.statuses.add(response.status)
                await asyncio.sleep(0.2)


@contextlib.asynccontextmanager
async def a_setup(folder: Path, replicas: int, **scaling: int) -> AsyncIterator[Setup]:
    async with KubeWorld() as world:
        world.put("Function", a_function(**scaling))
        world.put("Deployment", a_deployment(replicas))
        path = folder / "config"
        cluster, context = {"name": "c", "cluster": {"server": world.url}}, {"name": "c", "context": {"cluster": "c", "user": "u"}}
        config = {"apiVersion": "v1", "kind": "Config", "current-context": "c", "clusters": [cluster], "contexts": [context]}
        path.write_text(json.dumps(config | {"users": [{"name": "u", "user": {}}]}))
        setup = Setup(world, path)
        pushing = asyncio.create_task(setup.push_for_ever())
        try:
            yield setup
        finally:
            pushing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await pushing
            for replica in setup.replicas[:]:
                await setup.stop(replica)


def test_load_brings_pods_and_its_end_takes_them_away(tmp_path: Path) -> None:
    async def test() -> None:
        async with a_setup(tmp_path, 0, maxScale=20, scaleToZeroAfterSeconds=1) as setup:
            setup.start("a")
            setup.concurrency = 50.0
            await until(lambda: setup.world.replicas("hello") == 20, "twenty pods")
            setup.concurrency = None
            await until(lambda: setup.world.replicas("hello") == 0, "no pods")
            await until(lambda: "lastInvoked" in setup.world.objects["Function", "default", "hello"]["status"], "the time of the last call")
            assert setup.statuses <= {204, 503}

    asyncio.run(test())


def test_pods_without_traffic_go_after_a_restart_too(tmp_path: Path) -> None:
    async def test() -> None:
        async with a_setup(tmp_path, 3, maxScale=20, scaleToZeroAfterSeconds=1) as setup:
            setup.start("a")
            await until(lambda: setup.world.replicas("hello") == 0, "no pods")

    asyncio.run(test())


def test_a_standby_takes_over_and_knows_what_the_leader_knew(tmp_path: Path) -> None:
    async def test() -> None:
        async with a_setup(tmp_path, 0, maxScale=20, scaleToZeroAfterSeconds=1) as setup:
            first = setup.start("first")
            await until(lambda: setup.holder == "first", "a leader")
            setup.start("second")
            setup.concurrency = 7.0
            await until(lambda: setup.world.replicas("hello") >= 10, "ten pods")
            await setup.stop(first)
            assert setup.holder == ""
            await until(lambda: setup.holder == "second", "another leader")
            setup.concurrency = 10.5
            await until(lambda: setup.world.replicas("hello") == 15, "fifteen pods")

    asyncio.run(test())


def test_scales_follow_when_the_api_server_is_back(tmp_path: Path) -> None:
    async def test() -> None:
        async with a_setup(tmp_path, 1, maxScale=20) as setup:
            setup.start("a")
            await until(lambda: setup.holder == "a", "a leader")
            setup.world.down = True
            setup.world.break_watches()
            setup.concurrency = 7.0
            await asyncio.sleep(0.5)
            assert setup.world.replicas("hello") == 1
            setup.world.down = False
            await until(lambda: setup.world.replicas("hello") >= 10, "ten pods")

    asyncio.run(test())
