"""Whoever stops an initialisation that takes too long, callers are told of the function's timeout, and the next one begins at once."""

from __future__ import annotations

import asyncio
import os
import socket

from lambent_shim.workers import failures
from lambent_shim.workers.ancestry import Lineage
from lambent_shim.workers.process import Process
from lambent_shim.workers.spawn import Ends

TIMED_OUT = failures.time_out(3)


def make_ends() -> Ends:
    """Of a process that says nothing."""
    near, far = socket.socketpair()
    far.detach()
    reading, _ = os.pipe()
    return Ends(near.detach(), reading)


class Keeper:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.processes: list[Process] = []
        self.ended: list[Process] = []
        self.failed: asyncio.Queue[failures.InitError] = asyncio.Queue()

    def watch(self, ends: Ends) -> Process:
        process = Process(self._loop, ends, on_frame=lambda *_: None, on_output=lambda *_: None, on_silent=lambda _: None)
        self.processes.append(process)
        return process

    def claim(self, process: Process, pid: int) -> None:
        process.pid = pid

    def expect(self, child: Process, source: Process) -> None: ...

    def end(self, process: Process, why: str) -> None:
        self.ended.append(process)

    def is_fertile_again(self) -> None: ...

    def initialisation_failed(self, error: failures.InitError, duration_ms: float) -> None:
        self.failed.put_nowait(error)


def test_it_is_told_once_as_the_functions_timeout() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        keeper = Keeper(loop)
        lineage = Lineage(loop, keeper, init_limit_seconds=0.001, timed_out=TIMED_OUT, sharing=0, respawn=lambda: (0, make_ends()))
        lineage.adopt_candidate(make_ends())
        first = keeper.processes[0]
        assert (await keeper.failed.get()).failure == TIMED_OUT
        assert keeper.ended == [first]
        # Its end is no news any more, neither for those who were told nor for those who have begun another one since.
        assert lineage.candidate is None
        lineage.adopt_candidate(make_ends())
        assert not lineage.bury(first, failures.KILLED)
        assert lineage.candidate is keeper.processes[1]
        assert keeper.failed.empty()
        lineage.close()
        for process in keeper.processes:
            process.close()

    asyncio.run(run())
