"""What a function's callers see of a tenant who does all that a tenant may: the 95th percentile of their latency, quiet and beside it.

The tenant, in a namespace of its own, applies a thousand Triggers, changes a hundred Functions in a loop, and has one of its functions
called five hundred times a second where it can answer one, so that nearly all are answered 429.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from bench import functions, kube
from bench.neighbour import SECONDS, STEADY, call_steadily, start_load
from bench.report import Result, quantile
from lambent.api.group import API_VERSION, FUNCTIONS, TRIGGERS
from lambent.kube.client import KubeClient
from lambent.kube.errors import AlreadyExistsError
from lambent.kube.paths import collection_path, object_path

NAMESPACE = "lambent-bench-tenant"
BUSY = "busy"
TRIGGER_COUNT, FUNCTION_COUNT, CALLS_PER_SECOND = 1000, 100, 500
AT_ONCE = 8
"""Requests of the tenant's own to the API server."""


def measure(rounds: int) -> list[Result]:
    """The steady caller alone, then beside the tenant; `rounds` times."""
    kube.apply(functions.build_function(STEADY, functions.HELLO))
    kube.wait_ready(STEADY)
    quiet: list[float] = []
    beside: list[float] = []
    tenant = start_load("bench.tenant")
    try:
        for number in range(rounds):
            quiet += call_steadily(SECONDS, lambda: None)
            beside += call_steadily(SECONDS, partial(_act, tenant))
            print(f"  tenant: round {number + 1} done", flush=True)
        told, errors = tenant.communicate("")
        if tenant.returncode:
            raise kube.BenchError(errors.strip())
        print(f"  tenant: {told.splitlines()[-1]}", flush=True)
    finally:
        tenant.kill()
        kube.kubectl("delete", "namespace", NAMESPACE, "--wait=false", "--ignore-not-found")
    ratio = quantile(beside, 0.95) / quantile(quiet, 0.95)
    print(f"  tenant: p95 {quantile(quiet, 0.95):.2f} ms quiet, {quantile(beside, 0.95):.2f} ms beside it", flush=True)
    kube.kubectl("-n", kube.NAMESPACE, "delete", "functions.lambent.dev", STEADY)
    return [Result("another namespace's p95 beside a hostile tenant, over its quiet p95", ratio, "×", "lower", 1.5, 1.1)]


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

    def __init__(self, client: KubeClient, address: tuple[str, int]) -> None:
        self.counts: Counter[str] = Counter()
        self._client = client
        self._address = address
        self._turn = 0

    async def prepare(self) -> None:
        """Its namespace and Functions; all but one start no pod."""
        await self._create(collection_path("v1", "namespaces"), {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        busy = functions.build_function(BUSY, functions.SLEEPER, max_scale=1)
        changed = [functions.build_function(f"changed-{number}", functions.HELLO, initial_scale=0) for number in range(FUNCTION_COUNT)]
        for body in (busy, *changed):
            await self._create(collection_path(API_VERSION, FUNCTIONS, NAMESPACE), body)
        kube.kubectl("-n", NAMESPACE, "wait", "--for=condition=Ready", f"functions.lambent.dev/{BUSY}", "--timeout=120s")

    async def act(self, seconds: float) -> None:
        """Everything at once, for so long."""
        ends = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            group.create_task(self._apply_triggers(ends))
            for place in range(AT_ONCE // 2):
                group.create_task(self._change_functions(ends, place))
            group.create_task(self._call(ends))

    async def _apply_triggers(self, ends: float) -> None:
        turn = self._turn
        self._turn += 1
        gate = asyncio.Semaphore(AT_ONCE // 2)

        async def apply(number: int) -> None:
            async with gate:
                if time.monotonic() < ends:
                    await self._create(collection_path(API_VERSION, TRIGGERS, NAMESPACE), build_trigger(turn, number))
                    self.counts["triggers"] += 1

        await asyncio.gather(*(apply(number) for number in range(TRIGGER_COUNT)))

    async def _change_functions(self, ends: float, place: int) -> None:
        number = place
        while time.monotonic() < ends:
            path = object_path(API_VERSION, FUNCTIONS, NAMESPACE, f"changed-{number % FUNCTION_COUNT}")
            await self._client.patch(path, {"spec": {"env": [{"name": "TURN", "value": str(number)}]}})
            self.counts["changes"] += 1
            number += AT_ONCE // 2

    async def _call(self, ends: float) -> None:
        """At a steady pace, whatever comes back; what is still waiting at the end is let go."""
        calls: set[asyncio.Task[None]] = set()
        began, sent = time.monotonic(), 0
        while time.monotonic() < ends:
            due = int((time.monotonic() - began) * CALLS_PER_SECOND)
            for _ in range(sent, due):
                task = asyncio.get_running_loop().create_task(self._call_once())
                calls.add(task)
                task.add_done_callback(calls.discard)
            sent = due
            await asyncio.sleep(0.01)
        for task in tuple(calls):
            task.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        self.counts["calls"] += sent

    async def _call_once(self) -> None:
        async with _connection(self._address) as (reader, writer):
            writer.write(f"GET / HTTP/1.1\r\nHost: {BUSY}.{NAMESPACE}\r\nConnection: close\r\n\r\n".encode())
            line = await reader.readline()
            self.counts[f"answered {line[9:12].decode()}"] += 1

    async def _create(self, path: str, body: dict[str, Any]) -> None:
        try:
            await self._client.create(path, body)
        except AlreadyExistsError:
            return


def build_trigger(turn: int, number: int) -> dict[str, Any]:
    """The number-th Trigger of a turn: paths that begin alike, so that much of them could match a request."""
    kinds = ["x" if number >> bit & 1 else f"{{p{bit}}}" for bit in range(10)]
    http = {"host": f"api{turn}.tenant.example", "path": f"/{'/'.join(kinds)}/end{number}"}
    return {
        "apiVersion": API_VERSION,
        "kind": "Trigger",
        "metadata": {"name": f"t{turn}-{number}"},
        "spec": {"function": {"name": BUSY}, "http": http},
    }


@asynccontextmanager
async def _connection(address: tuple[str, int]) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(*address)
    try:
        yield reader, writer
    finally:
        writer.close()


async def _run() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    async with KubeClient(kube.STATE / "kubeconfig", user_agent="bench-tenant", timeout_seconds=30.0) as client:
        tenant = Tenant(client, kube.endpoint())
        await tenant.prepare()
        print("ready", flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            # One second less than is measured: the steady caller begins a second earlier.
            await tenant.act(SECONDS - 1.0)
            print("acted", flush=True)
        print(json.dumps(dict(sorted(tenant.counts.items()))), flush=True)


if __name__ == "__main__":
    asyncio.run(_run())
