"""A pod in a container as the kubelet makes it on cgroup v2: the shim acts before the kernel does, which would kill the whole container.

docs/cgroup2.md. The pod's control groups fail a test in which the kernel had to kill (tests/support/pod_cgroup.py).
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.pod_cgroup import PodLimits, needs_cgroup2
from tests.support.scripted_activator import Result, ScriptedLink, Shim, linked_shim
from tests.support.waiting import wait_for

pytestmark = needs_cgroup2

CODE = """
import ctypes, mmap, multiprocessing.shared_memory, os, subprocess, sys, time

PIECE = b"x" * (1 << 20)
kept = []

def handler(event, context):
    return globals()[event["do"]](event)

def about(event):
    return {"pid": os.getpid(), "parent": os.getppid(), "group": open("/proc/self/cgroup").read().strip()}

def anonymous(event):
    while True:
        kept.append(bytearray(PIECE))

def write_all(view):
    for start in range(0, len(view), len(PIECE)):
        view[start : start + len(PIECE)] = PIECE

def shared_mapping(event):
    write_all(mmap.mmap(-1, 900 << 20))

def shared_memory(event):
    memory = multiprocessing.shared_memory.SharedMemory(create=True, size=900 << 20)
    write_all(memory.buf)

def memory_file(event):
    write_file(os.memfd_create("filled"))

def write_file(descriptor):
    for _ in range(event_mib):
        os.write(descriptor, PIECE)

event_mib = 900

def volume_in_memory(event):
    write_file(os.open("/dev/shm/filled", os.O_WRONLY | os.O_CREAT))

def removed_file(event):
    descriptor = os.open("/dev/shm/filled", os.O_WRONLY | os.O_CREAT)
    os.unlink("/dev/shm/filled")
    write_file(descriptor)

def system_v(event):
    libc = ctypes.CDLL(None)
    libc.shmat.restype = ctypes.c_void_p
    address = libc.shmat(libc.shmget(0, 900 << 20, 0o1600), None, 0)
    for start in range(0, 900 << 20, 4096):
        ctypes.memset(address + start, 1, 1)

def children(event):
    for _ in range(4):
        if os.fork() == 0:
            pieces = [bytearray(PIECE) for _ in range(60)]
            time.sleep(600)
    time.sleep(600)

def disk(event):
    with open(event["path"], "wb") as file:
        for _ in range(500):
            file.write(PIECE)
    return os.path.getsize(event["path"])

def fork_until_refused(event):
    children = 0
    try:
        while True:
            if os.fork() == 0:
                time.sleep(600)
            children += 1
    except BlockingIOError:
        return children

def fork_bomb(event):
    while True:
        try:
            os.fork()
        except OSError:
            time.sleep(0.001)

def chain(event):
    while True:
        if os.fork():
            os._exit(0)
        os.setsid()

def leave_a_chain(event):
    if os.fork() == 0:
        chain(event)
    time.sleep(600)

def spin(event):
    while True:
        pass

def fill_at_once(event):
    ctypes.memset(mmap_address(900 << 20), 1, 900 << 20)

def mmap_address(size):
    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    return ctypes.c_void_p(libc.mmap(None, ctypes.c_size_t(size), 3, 0x22, -1, 0))
"""
KILLED = "Runtime exited with error: signal: killed"
OF_ITS_OWN = PodLimits(container=True)
STORM: dict[str, Any] = {"timeoutSeconds": 10, "memoryMiB": 1024}


async def call(link: ScriptedLink, do: str, **fields: Any) -> Result:
    return await link.call({"do": do} | fields)


def test_the_shim_is_pid_1_and_sees_its_own_control_group_alone(tmp_path: Path) -> None:
    async def run() -> tuple[Any, int]:
        async with linked_shim(tmp_path, CODE, limits=OF_ITS_OWN) as (link, shim):
            about = (await call(link, "about")).json
            shim.terminate()
            return about, await shim.ended()

    about, status = asyncio.run(run())
    assert about["group"] == "0::/"
    assert about["parent"] == 1
    assert status == 0


@pytest.mark.parametrize(
    "kind",
    [
        "anonymous",
        "fill_at_once",
        "children",
        "shared_mapping",
        "shared_memory",
        "memory_file",
        "removed_file",
        "system_v",
        "volume_in_memory",
    ],
)
def test_memory_of_every_kind_counts_and_the_next_invocation_works(tmp_path: Path, kind: str) -> None:
    async def run() -> tuple[Result, Any, int]:
        async with linked_shim(tmp_path, CODE, limits=OF_ITS_OWN) as (link, shim):
            failed = await call(link, kind)
            return failed, (await call(link, "about")).json, shim.group.read("memory.peak")

    failed, about, peak = asyncio.run(run())
    assert failed.meta["reason"] == "Function.OutOfMemory"
    assert failed.json["errorMessage"].endswith(KILLED)
    assert about["parent"] == 1
    assert peak < (128 + 128) << 20


def test_pages_that_cache_files_on_disk_are_nobodys_memory(tmp_path: Path) -> None:
    async def run() -> Any:
        async with linked_shim(tmp_path, CODE, limits=OF_ITS_OWN) as (link, _):
            return (await call(link, "disk", path=str(tmp_path / "written"))).json

    assert asyncio.run(run()) == 500 << 20


def settled(shim: Shim, before: int) -> None:
    """Wait until no process is there beyond those of an idle pod."""
    wait_for(lambda: len(shim.group.pids) <= before, "the end of what the handler started")


def test_a_storm_of_forks_meets_the_pods_limit_and_ends_with_its_timeout(tmp_path: Path) -> None:
    async def run(do: str) -> tuple[Result, Result]:
        async with linked_shim(tmp_path / do, CODE, limits=PodLimits(pids=64, container=True), **STORM) as (link, shim):
            await call(link, "about")
            before = len(shim.group.pids)
            first = await call(link, do)
            second = await call(link, "about")
            await asyncio.to_thread(settled, shim, before)
            return first, second

    for do in ("fork_bomb", "leave_a_chain"):
        (tmp_path / do).mkdir()
        first, second = asyncio.run(run(do))
        assert first.meta["reason"] == "Function.Timeout", do
        assert second.json["parent"] == 1


def test_a_fork_that_the_pods_limit_refuses_is_the_handlers_to_see(tmp_path: Path) -> None:
    async def run() -> tuple[Any, Any]:
        async with linked_shim(tmp_path, CODE, limits=PodLimits(pids=24, container=True), **STORM) as (link, _):
            return (await call(link, "fork_until_refused")).json, (await call(link, "about")).json

    children, about = asyncio.run(run())
    assert 0 < children < 24
    assert about["parent"] == 1


def test_a_handler_that_its_limit_of_cpu_slows_down_still_ends_at_its_timeout(tmp_path: Path) -> None:
    async def run() -> tuple[Result, Result, int]:
        async with linked_shim(tmp_path, CODE, limits=PodLimits(cpu=0.5, container=True), timeoutSeconds=5) as (link, shim):
            return await call(link, "spin"), await call(link, "about"), shim.group.count("cpu.stat", "nr_throttled")

    failed, fine, throttled = asyncio.run(run())
    assert throttled > 0
    assert failed.json == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "RequestId: request-1 Error: Task timed out after 5.00 seconds",
    }
    assert fine.json["parent"] == 1


def test_where_the_kernel_acts_first_the_whole_container_ends(tmp_path: Path) -> None:
    """What memory.oom.group does, and why the container's limit is more than the function's memory."""

    async def run() -> tuple[int, int]:
        async with linked_shim(tmp_path, CODE, limits=OF_ITS_OWN) as (link, shim):
            shim.group.kernel_may_act = True
            (shim.group.container / "memory.max").write_text(str(shim.group.read("memory.current") + (8 << 20)))
            link.invoke({"do": "anonymous"})
            return await shim.ended(), shim.group.count("memory.events", "oom_group_kill")

    status, group_kills = asyncio.run(run())
    assert status == -9
    assert group_kills == 1


def test_events_as_large_as_they_may_be_fit_beside_a_function_of_the_least_memory(tmp_path: Path) -> None:
    async def run() -> list[Any]:
        async with linked_shim(tmp_path, CODE, limits=OF_ITS_OWN, concurrency=4) as (link, _):
            event = json.dumps({"do": "about", "more": "x" * 5_900_000}).encode()
            numbers = [link.invoke(event) for _ in range(4)]
            return [(await link.result(number)).json["parent"] for number in numbers]

    assert asyncio.run(run()) == [1, 1, 1, 1]
