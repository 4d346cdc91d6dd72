"""The Functions of the simulation, and how they are applied and watched."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.scale.simulated_cluster import SimulatedCluster, create_namespaces
from lambent.api.group import API_VERSION, FUNCTIONS
from lambent.kube.client import Json, KubeClient
from lambent.kube.paths import collection_path, object_path
from lambent.kube.watch import Deleted, Listed, watch_objects

PER_NAMESPACE = 100
"""An account is a namespace."""
_CODE = '''"""Orders of a shop: {name}."""
import json
import os


def handler(event, context):
    """Answers what it was asked, as far as it knows."""
    order = event.get("order") or {{}}
    lines = order.get("lines") or []
    total = sum(line.get("price", 0) * line.get("count", 1) for line in lines)
    if total < 0:
        raise ValueError("an order cannot be worth less than nothing")
    return {{
        "statusCode": 200,
        "headers": {{"content-type": "application/json"}},
        "body": json.dumps({{"order": order.get("id"), "total": total, "stage": os.environ.get("STAGE", "dev")}}),
    }}
'''


@dataclass(frozen=True)
class Name:
    """Namespace and name."""

    namespace: str
    name: str


def name_of(number: int) -> Name:
    """The number-th Function: a hundred to a namespace."""
    return Name(f"tenant-{number // PER_NAMESPACE:03d}", f"fn-{number:05d}")


def build_function(number: int) -> Json:
    """A Function as people write them: some code of its own, a variable, nothing proved ahead."""
    name = name_of(number)
    spec: dict[str, Any] = {
        "runtime": "python3.11",
        "handler": "app.handler",
        "code": {"inline": {"app.py": _CODE.format(name=name.name)}},
        "memory": "128Mi",
        "timeoutSeconds": 30,
        "env": [{"name": "STAGE", "value": "prod"}],
        "scaling": {"initialScale": 0, "maxScale": 20},
    }
    metadata = {"name": name.name, "namespace": name.namespace}
    return {"apiVersion": API_VERSION, "kind": "Function", "metadata": metadata, "spec": spec}


def path_of(number: int) -> str:
    """Return a Function's path in the API."""
    name = name_of(number)
    return object_path(API_VERSION, FUNCTIONS, name.namespace, name.name)


def is_ready(body: Json) -> bool:
    """Whether Ready is True for what the spec says now."""
    generation = body["metadata"].get("generation")
    conditions = (body.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" and each.get("observedGeneration") == generation for each in conditions)


class ReadyWatch:
    """When each Function became Ready, by the monotonic clock."""

    def __init__(self, client: KubeClient) -> None:
        self.ready_at: dict[Name, float] = {}
        self._changed = asyncio.Event()
        self._task = asyncio.ensure_future(self._watch(client))

    async def wait_for(self, names: Sequence[Name], seconds: float, cluster: SimulatedCluster) -> None:
        """Until all are Ready. Raises TimeoutError naming how many are not, ProcessError where a process ended."""
        deadline = time.monotonic() + seconds
        while missing := [name for name in names if name not in self.ready_at]:
            cluster.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(missing)} of {len(names)} Functions are not Ready after {seconds:g} s, such as {missing[0]}")
            await asyncio.sleep(0.2)

    def close(self) -> None:
        """Stop watching."""
        self._task.cancel()

    async def _watch(self, client: KubeClient) -> None:
        def keep(item: Json) -> tuple[Name, bool]:
            return Name(item["metadata"]["namespace"], item["metadata"]["name"]), is_ready(item)

        async for event in watch_objects(client, collection_path(API_VERSION, FUNCTIONS), keep=keep):
            now = time.monotonic()
            for name, ready in event.items if isinstance(event, Listed) else (event.item,):
                if isinstance(event, Deleted) or not ready:
                    self.ready_at.pop(name, None)
                else:
                    self.ready_at.setdefault(name, now)


@dataclass(frozen=True)
class Growth:
    """How Functions were applied and became Ready; seconds."""

    applied_seconds: float
    """Until the last was accepted."""
    ready_seconds: float
    """Until the last was Ready, from the first apply."""
    waits: tuple[float, ...]
    """Of each, from its own apply."""


async def grow(cluster: SimulatedCluster, numbers: Iterable[int], at_once: int = 16, seconds: float = 1800.0) -> Growth:
    """Apply Functions (server-side apply, `at_once` of them at a time) and wait until all are Ready."""
    wanted = list(numbers)
    async with cluster.client("bench", connections=at_once + 2) as client:
        await create_namespaces(client, dict.fromkeys(name_of(number).namespace for number in wanted))
        watch = ReadyWatch(client)
        try:
            await asyncio.sleep(0.5)
            began = time.monotonic()
            applied_at: dict[Name, float] = {}
            queue = iter(wanted)

            async def apply() -> None:
                for number in queue:
                    applied_at[name_of(number)] = time.monotonic()
                    await client.apply(path_of(number), build_function(number), field_manager="kubectl")

            await asyncio.gather(*(apply() for _ in range(at_once)))
            applied = time.monotonic() - began
            await watch.wait_for(list(applied_at), seconds, cluster)
            waits = tuple(watch.ready_at[name] - at for name, at in applied_at.items())
            return Growth(applied, max(watch.ready_at[name] for name in applied_at) - began, waits)
        finally:
            watch.close()
