"""A worker with too many processes below it is told of, with their number."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

from lambent_shim.limits.shared_memory import SharedMemory
from lambent_shim.workers import failures
from lambent_shim.workers import memory_watch as watch
from lambent_shim.workers.process import Process
from lambent_shim.workers.spawn import Ends


@pytest.mark.parametrize(("below", "told"), [(watch.MOST_PROCESSES, []), (watch.MOST_PROCESSES + 1, [watch.MOST_PROCESSES + 1])])
def test_more_than_are_allowed_are_told_of(monkeypatch: pytest.MonkeyPatch, below: int, told: list[int]) -> None:
    monkeypatch.setattr(watch, "find_descendants", lambda _pid: [0] * below)
    counts: list[int] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        near, far = socket.socketpair()
        output, far_output = os.pipe()
        ends = Ends(near.detach(), output)
        process = Process(loop, ends, on_frame=lambda *_: None, on_output=lambda *_: None, on_silent=lambda _: None)
        process.pid = os.getpid()
        looked = asyncio.Event()

        def count(found: Process, number: int) -> None:
            found.doomed = failures.TOO_MANY_PROCESSES
            counts.append(number)

        def active() -> list[Process]:
            if counts or looks.pop():
                looked.set()
            return [process]

        looks = [True, False]
        memory = watch.MemoryWatch(
            loop,
            limit_mib=10_240,
            active=active,
            template=lambda: None,
            living=list,
            shared=SharedMemory([], None),
            on_excess=lambda _: None,
            storage=(),
            on_storage_excess=lambda *_: None,
            on_removed=lambda _: None,
            on_processes=count,
        )
        memory.wake()
        await looked.wait()
        memory.forget(process)
        process.pid = 0
        process.close()
        far.close()
        os.close(far_output)

    asyncio.run(run())
    assert counts == told


def test_the_caller_learns_how_many_ran_and_how_many_may() -> None:
    failure = failures.too_many_processes(1025, watch.MOST_PROCESSES)
    assert failure.reason == "Function.Exit"
    assert failure.message == "Runtime exited with error: signal: killed: 1025 processes run, 1024 are allowed"
