"""Everything that a handler has started ends with its invocation's timeout or its worker, however it tries to get away."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE_SECONDS
from tests.support.pod_cgroup import PodLimits
from tests.support.process_tree import command_of, descendants_of, state_of
from tests.support.scripted_activator import Shim, linked_shim

CODE = """
import os, signal, sys, time

def handler(event, context):
    return globals()[event["do"]](event)

def who(event):
    return os.getpid()

def run_away():
    # Each lives for a moment and is followed by another, in a session and a group of its own.
    while True:
        if os.fork():
            os._exit(0)
        os.setsid()

def chains(event):
    for _ in range(event["chains"]):
        if os.fork() == 0:
            run_away()
    if event.get("exit"):
        os._exit(3)
    time.sleep(60)

def daemonise_and_exit(event):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for descriptor in range(1024):
                try:
                    os.close(descriptor)
                except OSError:
                    pass
            time.sleep(600)
        os._exit(0)
    time.sleep(0.2)
    os._exit(3)
"""


AS_A_CONTAINER = PodLimits(container=True)
"""Where pods can be made the shim is PID 1, as in any pod, and can stop all processes at one moment; elsewhere it must outrun them."""


async def only_known_are_left(shim: Shim, known: set[int]) -> None:
    """Until nothing lives below the shim but what did before and one new worker."""
    living: list[tuple[int, str, str]] = []
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                states = ((pid, state_of(pid), command_of(pid)) for pid in descendants_of(shim.process.pid) if pid not in known)
                living = [seen for seen in states if seen[1] not in {"", "Z"}]
                if len(living) <= 1:
                    return
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"these live on: {living}; the shim says {shim.lines[-20:]}")


def test_chains_that_fork_and_exit_end_at_the_timeout(tmp_path: Path) -> None:
    async def run() -> None:
        async with linked_shim(tmp_path, CODE, limits=AS_A_CONTAINER, timeoutSeconds=1) as (link, shim):
            await link.call({"do": "who"})
            before = set(descendants_of(shim.process.pid))
            assert (await link.call({"do": "chains", "chains": 40})).meta["reason"] == "Function.Timeout"
            assert isinstance((await link.call({"do": "who"})).json, int)
            await only_known_are_left(shim, before)

    asyncio.run(run())


def test_chains_that_fork_and_exit_end_with_the_worker_that_began_them(tmp_path: Path) -> None:
    async def run() -> None:
        async with linked_shim(tmp_path, CODE, limits=AS_A_CONTAINER) as (link, shim):
            await link.call({"do": "who"})
            before = set(descendants_of(shim.process.pid))
            assert (await link.call({"do": "chains", "chains": 40, "exit": True})).meta["reason"] == "Function.Exit"
            assert isinstance((await link.call({"do": "who"})).json, int)
            await only_known_are_left(shim, before)

    asyncio.run(run())


def test_a_daemon_ends_with_the_worker_that_left_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with linked_shim(tmp_path, CODE, limits=AS_A_CONTAINER) as (link, shim):
            await link.call({"do": "who"})
            before = set(descendants_of(shim.process.pid))
            assert (await link.call({"do": "daemonise_and_exit"})).meta["reason"] == "Function.Exit"
            assert isinstance((await link.call({"do": "who"})).json, int)
            await only_known_are_left(shim, before)

    asyncio.run(run())
