"""What a handler's forks share with it counts once where the kernel tells what all of a pod's processes hold together."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any

import pytest

from lambent_shim.limits.memory import LONGEST_LOOK_SECONDS, SHORTEST_LOOK_SECONDS, acquit
from lambent_shim.workers import memory_watch as watch
from lambent_shim.workers.process import Process
from lambent_shim.workers.spawn import Ends

LIMIT_MIB = 128


class Account:
    """What the container's memory is, as the kernel tells it."""

    def __init__(self, usage_mib: int, *, exact: bool) -> None:
        self.usage_mib = usage_mib
        self.counts_each_page_once = exact

    def read(self, limit_kib: int) -> tuple[int, int]:
        return 0, self.usage_mib << 10


@pytest.mark.parametrize(
    ("account", "ended"),
    [
        (Account(100, exact=True), 0),
        (Account(LIMIT_MIB + 1, exact=True), 1),
        (Account(100, exact=False), 1),
    ],
    ids=["each page once, below the limit", "over the limit", "an account that says no such thing"],
)
def test_a_worker_with_children_is_judged_by_what_all_hold(monkeypatch: pytest.MonkeyPatch, account: Any, ended: int) -> None:
    # Eight times the same process stand for forks that have written nothing: resident for each, there once. gVisor has no smaps_rollup.
    monkeypatch.setattr(watch, "find_descendants", lambda pid: [pid] * 8)
    monkeypatch.setattr(watch, "read_proportional", lambda _pid: (0, 0))
    monkeypatch.setattr(watch, "read_statm", lambda _pid: (60 << 10, 60 << 10, 0, 0))
    excess: list[Process] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        near, far = socket.socketpair()
        output, far_output = os.pipe()
        process = Process(loop, Ends(near.detach(), output), on_frame=lambda *_: None, on_output=lambda *_: None, on_silent=lambda _: None)
        process.pid = os.getpid()
        looked = asyncio.Event()
        looks = [[process], [process], []]

        def active() -> list[Process]:
            if len(looks) == 1:
                looked.set()
            return looks.pop(0)

        memory = watch.MemoryWatch(
            loop,
            limit_mib=LIMIT_MIB,
            active=active,
            template=lambda: None,
            living=list,
            shared=account,
            on_excess=excess.append,
            storage=(),
            on_storage_excess=lambda *_: None,
            on_removed=lambda _: None,
            on_processes=lambda *_: None,
        )
        memory.wake()
        await looked.wait()
        memory.forget(process)
        process.pid = 0
        process.close()
        far.close()
        os.close(far_output)

    asyncio.run(run())
    assert len(excess) == 2 * ended


def test_the_next_look_comes_before_all_could_get_to_the_limit() -> None:
    assert acquit(100 << 10).look_again_seconds == pytest.approx(0.0163, abs=0.001)
    assert acquit(1).look_again_seconds == SHORTEST_LOOK_SECONDS
    assert acquit(10 << 20).look_again_seconds == LONGEST_LOOK_SECONDS
