"""The processes that workers are forked from may be stopped or killed by whoever can; nobody's invocation hangs for it.

Where the kernel has no Landlock of version 6, a handler can; here the test does.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from lambent.api import link as wire
from tests.support.patience import PATIENCE_SECONDS
from tests.support.pool_pod import became, become, linked_pool_pod
from tests.support.process_tree import children_of, descendants_of
from tests.support.scripted_activator import ScriptedLink, Shim, find_free_port, linked_shim, probe

CODE = """
import os, signal, time
time.sleep(0.05)  # so long that a pool pod forks a template off

def handler(event, context):
    if event.get("die"):
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()
"""


@asynccontextmanager
async def serving(folder: Path, *, pool: bool, **fields: Any) -> AsyncIterator[tuple[ScriptedLink, Shim]]:
    if not pool:
        async with linked_shim(folder, CODE, **fields) as both:
            yield both
        return
    async with linked_pool_pod(folder, **fields) as (links, shim):
        links[0].send(become(CODE))
        await became(links[0])
        await links[0].initialised()
        yield links[0], shim


@pytest.mark.parametrize("pool", [False, True], ids=["own pod", "pool pod"])
@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_a_call_is_served_though_all_that_forks_is_stopped_or_killed(tmp_path: Path, pool: bool, number: signal.Signals) -> None:
    async def run() -> None:
        async with serving(tmp_path, pool=pool) as (link, shim):
            worker = (await link.call()).json
            await template_is_there(shim)
            ancestors = [pid for pid in descendants_of(shim.process.pid) if pid != worker]
            assert len(ancestors) >= 2
            for pid in ancestors:
                os.kill(pid, number)
            assert (await link.call({"die": True})).meta["reason"] == "Function.Exit"
            result = await link.call()
            assert isinstance(result.json, int), result
            assert not set(ancestors) & set(descendants_of(shim.process.pid)), "what was stopped is gone"

    asyncio.run(run())


def test_a_pod_that_can_fork_no_more_fails_its_callers_and_ends(tmp_path: Path) -> None:
    async def run() -> None:
        port = await find_free_port()
        async with serving(tmp_path, pool=False, statusPort=port) as (link, shim):
            worker = (await link.call()).json
            stopper = asyncio.create_task(stop_everything_new(shim, worker))
            link.invoke({"die": True})
            assert (await reason_of_next(link)) == "Function.Exit"
            link.invoke()
            await shim.logged(lambda line: "does not go on: it is replaced" in line)
            assert await probe(port, "/readyz") == (503, '{"status": "not ready", "reason": "no worker can be forked"}')
            while (reason := await reason_of_next(link)) != "":
                assert reason.startswith("Function.")
                link.invoke()
            assert await shim.ended() == 1
            stopper.cancel()
            assert [line for line in shim.lines if "no process can be forked: the pod ends with it" in line]

    asyncio.run(run())


async def reason_of_next(link: ScriptedLink) -> str:
    """The reason of the next failure; empty once the pod takes no more."""
    while (frame := await link.next_frame())[0] not in {wire.RESULT, wire.BOUNCE, wire.DRAINING}:
        continue
    return str(json.loads(wire.decode_message(frame)[2])["reason"]) if frame[0] == wire.RESULT else ""


async def template_is_there(shim: Shim) -> None:
    """In a pool pod it comes a moment after the worker: prepared interpreter, worker and template are the shim's children."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if len(children_of(shim.process.pid)) >= 3:
                return
            await asyncio.sleep(0.01)


def command_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


async def stop_everything_new(shim: Shim, worker: int) -> None:
    while True:
        for pid in descendants_of(shim.process.pid):
            try:
                # Between fork and exec, the shim itself would wait for it (vfork(2)), until the kubelet's probe ends the container.
                if pid != worker and b"lambent_runtime" in command_of(pid):
                    os.kill(pid, signal.SIGSTOP)
            except (ProcessLookupError, FileNotFoundError):
                continue
        await asyncio.sleep(0.01)
