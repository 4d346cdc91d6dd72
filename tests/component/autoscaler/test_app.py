"""Whole autoscalers, as `run` wires them, against a small API server: pushed statistics become scales."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
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
    queued: int = 0
    starts: int = 0
    """Told once."""
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
                    "queued": self.queued,
                    "requests": 1,
                    "ready": self.world.replicas("hello"),
                    "starts": self.starts,
                }
                self.starts = 0
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


POOL_LABELS = {"lambent.dev/role": "pool", "lambent.dev/runtime": "python3.11"}


def put_pool(world: KubeWorld, replicas: int) -> None:
    metadata = {"namespace": "default", "name": "lambent-pool-python3-11", "labels": POOL_LABELS}
    world.put("Deployment", {"metadata": metadata, "spec": {"replicas": replicas}})


def put_pool_pod(world: KubeWorld, name: str, *, ready: bool = False, restarts: int = 0) -> None:
    metadata = {"namespace": "default", "name": name, "uid": name, "creationTimestamp": "2026-01-01T00:00:00Z", "labels": POOL_LABELS}
    gates = [] if ready else [{"name": "lambent.dev/refill"}]
    status = {
        "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        "containerStatuses": [{"restartCount": restarts}],
    }
    world.put("Pod", {"metadata": metadata, "spec": {"schedulingGates": gates}, "status": status})


def put_pooled_function(world: KubeWorld, name: str = "hello") -> None:
    spec = {"runtime": "python3.11", "code": {"inline": {"app.py": ""}}, "scaling": {"maxScale": 20}}
    created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    world.put("Function", {"metadata": {"namespace": "default", "name": name, "creationTimestamp": created}, "spec": spec})


def gates_of(world: KubeWorld, name: str) -> Any:
    return world.objects["Pod", "default", name]["spec"]["schedulingGates"]


def test_a_pools_pods_are_let_go_oldest_first_and_not_while_an_invocation_waits(tmp_path: Path) -> None:
    async def test() -> None:
        async with a_setup(tmp_path, 1, maxScale=20) as setup:
            put_pooled_function(setup.world)
            put_pool(setup.world, 2)
            setup.concurrency, setup.queued = 1.0, 3
            setup.start("a")
            await until(lambda: setup.holder == "a" and 204 in setup.statuses, "a leader that hears of waiting invocations")
            put_pool_pod(setup.world, "p1")
            put_pool_pod(setup.world, "p2")
            await asyncio.sleep(2.0)
            assert gates_of(setup.world, "p1") == gates_of(setup.world, "p2") == [{"name": "lambent.dev/refill"}]
            setup.queued = 0
            await until(lambda: gates_of(setup.world, "p1") == [], "the first pod to be let go")
            assert gates_of(setup.world, "p2") != [], "one at a time"
            put_pool_pod(setup.world, "p1", ready=True)
            await until(lambda: gates_of(setup.world, "p2") == [], "the second pod to be let go")

    asyncio.run(test())


def test_pods_that_were_wanted_make_their_pool_larger_and_leave_functions_scales_alone(tmp_path: Path) -> None:
    async def test() -> None:
        async with a_setup(tmp_path, 1, maxScale=20) as setup:
            put_pooled_function(setup.world)
            put_pool(setup.world, 2)
            setup.start("a")
            await until(lambda: 204 in setup.statuses, "statistics to be taken in")
            setup.concurrency, setup.starts = 0.5, 7
            await until(lambda: setup.world.replicas("lambent-pool-python3-11") == 7, "a larger pool")
            assert setup.world.replicas("hello") == 1

    asyncio.run(test())


def test_a_pool_of_which_nobody_asked_for_long_has_no_pods(tmp_path: Path) -> None:
    async def test() -> None:
        async with a_setup(tmp_path, 0, maxScale=20) as setup:
            put_pool(setup.world, 2)
            setup.start("a")
            await until(lambda: setup.world.replicas("lambent-pool-python3-11") == 0, "no pods")

    asyncio.run(test())


def test_a_pods_container_that_was_restarted_ends_the_pod(tmp_path: Path) -> None:
    async def test() -> None:
        async with a_setup(tmp_path, 0, maxScale=20) as setup:
            put_pooled_function(setup.world)
            put_pool(setup.world, 2)
            put_pool_pod(setup.world, "used", ready=True, restarts=1)
            put_pool_pod(setup.world, "good", ready=True)
            setup.start("a")
            await until(lambda: ("Pod", "default", "used") not in setup.world.objects, "the used pod to go")
            assert ("Pod", "default", "good") in setup.world.objects
            assert [(method, name) for method, name, _ in setup.world.asked_of_pods] == [("DELETE", "used")]

    asyncio.run(test())
