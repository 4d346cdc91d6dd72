"""What a function's callers see of a tenant who does all that a tenant may: the 95th percentile of their latency, quiet and beside it.

The tenant, in a namespace of its own, applies a thousand Triggers, changes a hundred Functions in a loop, and has one of its functions
called five hundred times a second where it can answer one, so that nearly all are answered 429. As the API server's work for so many
writes takes CPU from everybody on a small machine, the same is measured once more with ConfigMaps, which concern nobody here.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from bench import functions, kube
from bench.neighbour import SECONDS, STEADY, build_steady, call_steadily, start_load
from bench.report import Result, quantile
from lambent.api.group import API_VERSION, FUNCTIONS, TRIGGERS
from lambent.kube.client import KubeClient
from lambent.kube.errors import AlreadyExistsError
from lambent.kube.paths import collection_path, object_path

NAMESPACE = "lambent-bench-tenant"
BUSY = "busy"
FUNCTION_COUNT = 100
SETTLE_SECONDS = 10.0
"""After which what the tenant did before is done with."""
TRIGGERS_PER_SECOND, CHANGES_PER_SECOND, CALLS_PER_SECOND = 50, 25, 500
WRITES_AT_ONCE = 8
LAMBENT, CONFIG_MAPS = "lambent", "configmaps"
"""What the tenant writes: Triggers and Functions, or as many ConfigMaps."""


def measure(rounds: int) -> list[Result]:
    """The steady caller alone, then beside the tenant; `rounds` times for each of what the tenant writes."""
    kube.apply(build_steady())
    kube.wait_ready(STEADY)
    name = "another namespace's p95 beside a hostile tenant, over its quiet p95"
    results = [
        Result(name, _compare(rounds, LAMBENT), "×", "lower", 1.5, 1.1),
        Result("the same where the tenant writes as many ConfigMaps", _compare(rounds, CONFIG_MAPS), "×", "lower"),
    ]
    kube.kubectl("-n", kube.NAMESPACE, "delete", "functions.lambent.dev", STEADY)
    return results


def _compare(rounds: int, written: str) -> float:
    """p95 beside the tenant over p95 without it."""
    quiet: list[float] = []
    beside: list[float] = []
    tenant = start_load("bench.tenant", written)
    try:
        for number in range(rounds):
            time.sleep(SETTLE_SECONDS)
            quiet += call_steadily(SECONDS, lambda: None)
            beside += call_steadily(SECONDS, partial(_act, tenant))
            print(f"  tenant: round {number + 1} done", flush=True)
        told, errors = tenant.communicate("")
        if tenant.returncode:
            raise kube.BenchError(errors.strip())
        print(f"  tenant: {told.splitlines()[-1]}", flush=True)
    finally:
        tenant.kill()
        kube.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=180s")
    print(f"  tenant, {written}: p95 {quantile(quiet, 0.95):.2f} ms quiet, {quantile(beside, 0.95):.2f} ms beside it", flush=True)
    return quantile(beside, 0.95) / quantile(quiet, 0.95)


def _act(process: subprocess.Popen[str]) -> None:
    """Have the tenant act for as long as is measured."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    if process.stdout.readline().strip() != "acted":
        raise kube.BenchError(f"the tenant ended: {process.communicate()[1].strip()}")


class Tenant:
    """What it does, and what came of it."""

    def __init__(self, client: KubeClient, address: tuple[str, int], written: str) -> None:
        self.counts: Counter[str] = Counter()
        self._client = client
        self._address = address
        self._writes_lambent = written == LAMBENT
        self._gate = asyncio.Semaphore(WRITES_AT_ONCE)
        self._triggers, self._changes = itertools.count(), itertools.count()

    async def prepare(self) -> None:
        """Make its namespace and Functions; all but one start no pod."""
        await self._create(collection_path("v1", "namespaces"), {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        functions_path = collection_path(API_VERSION, FUNCTIONS, NAMESPACE)
        await self._create(functions_path, functions.build_function(BUSY, functions.SLEEPER, max_scale=1))
        for number in range(FUNCTION_COUNT):
            name = f"changed-{number}"
            if self._writes_lambent:
                await self._create(functions_path, functions.build_function(name, functions.HELLO, initial_scale=0))
            else:
                await self._create(collection_path("v1", "configmaps", NAMESPACE), build_config_map(name))
        kube.kubectl("-n", NAMESPACE, "wait", "--for=condition=Ready", f"functions.lambent.dev/{BUSY}", "--timeout=120s")

    async def act(self, seconds: float) -> None:
        """Everything at once, for so long."""
        ends = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pace(ends, TRIGGERS_PER_SECOND, self._apply_trigger))
            group.create_task(self._pace(ends, CHANGES_PER_SECOND, self._change_function))
            group.create_task(self._pace(ends, CALLS_PER_SECOND, self._call_once))

    async def _pace(self, ends: float, per_second: int, act: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """So many each second, whatever comes of them; what is still waiting at the end is cancelled."""
        tasks: set[asyncio.Task[None]] = set()
        began, started = time.monotonic(), 0
        while time.monotonic() < ends:
            due = int((time.monotonic() - began) * per_second)
            for _ in range(started, due):
                task = asyncio.get_running_loop().create_task(act())
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            started = due
            await asyncio.sleep(0.01)
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _apply_trigger(self) -> None:
        number = next(self._triggers)
        async with self._gate:
            if self._writes_lambent:
                await self._create(collection_path(API_VERSION, TRIGGERS, NAMESPACE), build_trigger(number))
            else:
                await self._create(collection_path("v1", "configmaps", NAMESPACE), build_config_map(f"t{number}"))
            self.counts["applied"] += 1

    async def _change_function(self) -> None:
        number = next(self._changes)
        name = f"changed-{number % FUNCTION_COUNT}"
        async with self._gate:
            if self._writes_lambent:
                path = object_path(API_VERSION, FUNCTIONS, NAMESPACE, name)
                await self._client.patch(path, {"spec": {"env": [{"name": "TURN", "value": str(number)}]}})
            else:
                await self._client.patch(object_path("v1", "configmaps", NAMESPACE, name), {"data": {"turn": str(number)}})
            self.counts["changed"] += 1

    async def _call_once(self) -> None:
        self.counts["called"] += 1
        async with _connection(self._address) as (reader, writer):
            writer.write(f"GET / HTTP/1.1\r\nHost: {BUSY}.{NAMESPACE}\r\nConnection: close\r\n\r\n".encode())
            line = await reader.readline()
            self.counts[f"answered {line[9:12].decode()}"] += 1

    async def _create(self, path: str, body: dict[str, Any]) -> None:
        try:
            await self._client.create(path, body)
        except AlreadyExistsError:
            return


def build_config_map(name: str) -> dict[str, Any]:
    """About as large as a Function."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"app.py": functions.HELLO, "turn": ""}}


def build_trigger(number: int) -> dict[str, Any]:
    """The number-th Trigger: paths that begin alike, so that much of them could match a request."""
    kinds = ["x" if number >> bit & 1 else f"{{p{bit}}}" for bit in range(10)]
    http = {"host": f"api{number // 1024}.tenant.example", "path": f"/{'/'.join(kinds)}/end{number}"}
    return {
        "apiVersion": API_VERSION,
        "kind": "Trigger",
        "metadata": {"name": f"t{number}"},
        "spec": {"function": {"name": BUSY}, "http": http},
    }


@asynccontextmanager
async def _connection(address: tuple[str, int]) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(*address)
    try:
        yield reader, writer
    finally:
        writer.close()


async def _run(written: str) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    async with KubeClient(kube.STATE / "kubeconfig", user_agent="bench-tenant", timeout_seconds=30.0) as client:
        tenant = Tenant(client, kube.endpoint(), written)
        await tenant.prepare()
        print("ready", flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            # One second less than is measured: the steady caller begins a second earlier.
            await tenant.act(SECONDS - 1.0)
            print("acted", flush=True)
        print(json.dumps(dict(sorted(tenant.counts.items()))), flush=True)


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1]))
