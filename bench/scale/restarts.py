"""How long each role is away when it is started anew."""

from __future__ import annotations

import asyncio
import signal
import time
from dataclasses import dataclass

import aiohttp

from bench.scale.functions import is_ready, path_of
from bench.scale.observation import Observer
from bench.scale.replay import url_of
from bench.scale.roles import Role
from bench.scale.simulated_cluster import SimulatedCluster


@dataclass(frozen=True)
class ControllerRestart:
    """Seconds from the start of the new process."""

    functions: int
    reacted: float
    """Until a change made at its start was followed: Ready for the new generation."""
    surveyed: float
    """Until it had looked at all there is."""


async def restart_controller(
    role: Role, cluster: SimulatedCluster, observer: Observer, functions: int, *, killed: bool = False
) -> ControllerRestart:
    """End it (or kill it, so that its lease has to run out), start it, and change the Function that any list names last."""
    await role.stop(number=signal.SIGKILL if killed else signal.SIGTERM)
    async with cluster.client("bench") as client:
        path = path_of(functions - 1)
        body = await client.get(path)
        memory = "256Mi" if body["spec"]["memory"] == "128Mi" else "128Mi"
        began = time.monotonic()
        await role.start()
        await client.patch(path, {"spec": {"memory": memory}})
        while not is_ready(await client.get(path)):
            cluster.check()
            if time.monotonic() - began > 600:
                raise TimeoutError("the controller has not followed a change for 600 s after its restart")
            await asyncio.sleep(0.05)
        reacted = time.monotonic() - began
    await role.wait_until(lambda: role.metrics().get("lambent_controller_surveys_total", 0.0) >= 1.0, "has looked at all Functions")
    surveyed = time.monotonic() - began
    await observer.wait_for_rest()
    return ControllerRestart(functions, reacted, surveyed)


async def restart_activator(role: Role) -> float:
    """Seconds until it is ready: until then its Service sends it nothing."""
    await role.stop()
    began = time.monotonic()
    await role.start()
    await role.wait_until(role.is_ready, "is ready")
    return time.monotonic() - began


async def restart_activator_with_pods(role: Role, number: int, port: int) -> float:
    """Seconds until it answers a call of a function that has a pod."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:

        async def call() -> bool:
            try:
                async with session.post(url_of(number, port), data=b'{"seconds": 0}') as answer:
                    return answer.status == 200
            except (aiohttp.ClientError, TimeoutError):
                return False

        async def until_answered() -> None:
            async with asyncio.timeout(120):
                while not await call():  # noqa: ASYNC110 - it is another process that is waited for
                    await asyncio.sleep(0.02)

        await until_answered()
        await role.stop()
        began = time.monotonic()
        await role.start()
        await until_answered()
        return time.monotonic() - began


async def restart_autoscaler(role: Role) -> float:
    """Seconds until it knows all Functions and leads."""
    await role.stop()
    began = time.monotonic()
    await role.start()
    await role.wait_until(lambda: role.is_ready() and role.metrics().get("lambent_autoscaler_leader") == 1.0, "is ready and leads")
    return time.monotonic() - began
