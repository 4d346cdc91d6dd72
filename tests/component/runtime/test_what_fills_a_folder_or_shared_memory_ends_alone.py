"""Limits that Kubernetes would keep by ending the pod: /tmp's size, and memory that no process's own numbers show."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.pool_pod import became, become, linked_pool_pod
from tests.support.scripted_activator import Result, ScriptedActivator, ScriptedLink, linked_shim, run_shim

CODE = """
import mmap, os, time

def handler(event, context):
    return globals()[event["do"]](event)

def who(event):
    time.sleep(event.get("seconds", 0))
    return os.getpid()

def write(event):
    with open(event["path"], "wb") as file:
        for _ in range(event["mib"]):
            file.write(os.urandom(1 << 20))
    time.sleep(event.get("seconds", 60))

def write_many(event):
    for number in range(event["mib"] * 8):
        with open(f"{event['path']}-{number}", "wb") as file:
            file.write(os.urandom(1 << 17))
    time.sleep(60)

def write_without_a_name(event):
    file = open(event["path"], "wb")
    os.unlink(event["path"])
    for _ in range(event["mib"]):
        file.write(os.urandom(1 << 20))
    time.sleep(60)

def fill(memory, mib):
    for number in range(mib * 256):
        memory[number * 4096] = 1
    return "filled"

def share(event):
    return fill(mmap.mmap(-1, event["mib"] << 20), event["mib"])

def share_with_children(event):
    memory = mmap.mmap(-1, event["mib"] << 20)
    fill(memory, event["mib"])
    children = []
    for _ in range(4):
        pid = os.fork()
        if not pid:
            fill(memory, event["mib"])
            time.sleep(0.5)
            os._exit(0)
        children.append(pid)
    return [os.waitpid(pid, 0)[1] for pid in children]

def share_in_a_child(event):
    pid = os.fork()
    if not pid:
        fill(mmap.mmap(-1, event["mib"] << 20), event["mib"])
        os._exit(0)
    return os.waitpid(pid, 0)[1]
"""


@pytest.mark.parametrize("deed", ["write", "write_many", "write_without_a_name"])
def test_who_writes_too_much_is_ended_and_the_others_go_on(tmp_path: Path, deed: str) -> None:
    task, scratch = tmp_path / "task", tmp_path / "scratch"
    task.mkdir()
    scratch.mkdir()
    storage = [{"path": str(scratch), "sizeMiB": 16, "field": "spec.ephemeralStorage"}]

    async def run() -> tuple[Result, Any, Any]:
        (scratch / "of-before").write_bytes(b"x" * 4096)
        async with linked_shim(task, CODE, concurrency=2, storage=storage) as (link, _):
            await link.call({"do": "who"})
            other = link.invoke({"do": "who", "seconds": 3})
            failed = await link.result(link.invoke({"do": deed, "path": str(scratch / "large"), "mib": 40}))
            return failed, (await link.result(other)).json, (await link.call({"do": "who"})).json

    failed, other, afterwards = asyncio.run(run())
    assert failed.meta["reason"] == "Function.StorageFull"
    assert failed.json["errorType"] == "Runtime.ExitError"
    assert f": signal: killed: {scratch} holds " in failed.json["errorMessage"]
    assert failed.json["errorMessage"].endswith(" MiB, spec.ephemeralStorage allows 16 MiB")
    assert isinstance(other, int)
    assert isinstance(afterwards, int)
    assert [path.name for path in scratch.iterdir()] == ["of-before"], "what the writer has left is gone, and nothing else"


def test_what_fits_is_left_alone(tmp_path: Path) -> None:
    task, scratch = tmp_path / "task", tmp_path / "scratch"
    task.mkdir()
    scratch.mkdir()
    storage = [{"path": str(scratch), "sizeMiB": 16, "field": "spec.ephemeralStorage"}]

    async def run() -> None:
        async with linked_shim(task, CODE, storage=storage) as (link, _):
            for _ in range(3):
                result = await link.call({"do": "write", "path": str(scratch / "file"), "mib": 12, "seconds": 0.1})
                assert "reason" not in result.meta

    asyncio.run(run())
    assert (scratch / "file").stat().st_size == 12 << 20


@pytest.mark.parametrize("deed", ["share", "share_in_a_child"])
def test_shared_memory_counts_as_the_functions(tmp_path: Path, deed: str) -> None:
    async def run() -> tuple[Result, Result]:
        async with linked_shim(tmp_path, CODE, memoryMiB=128) as (link, _):
            return await link.call({"do": deed, "mib": 900}), await link.call({"do": "who"})

    failed, fine = asyncio.run(run())
    assert failed.meta["reason"] == "Function.OutOfMemory"
    assert failed.json["errorMessage"] == "RequestId: request-1 Error: Runtime exited with error: signal: killed"
    assert failed.meta["memoryMb"] == 128
    assert isinstance(fine.json, int)


def test_what_several_processes_share_counts_once(tmp_path: Path) -> None:
    async def run() -> Result:
        async with linked_shim(tmp_path, CODE, memoryMiB=128) as (link, _):
            return await link.call({"do": "share_with_children", "mib": 60})

    result = asyncio.run(run())
    assert result.json == [0, 0, 0, 0]
    assert 60 <= result.meta["memoryMb"] <= 128


@pytest.mark.parametrize("pool", [False, True], ids=["own pod", "pool pod"])
def test_an_import_that_takes_too_much_memory_fails_as_an_invocation_does(tmp_path: Path, pool: bool) -> None:
    code = "large = b'x' * (900 << 20)\n\ndef handler(event, context):\n    return 1\n"

    async def run() -> tuple[dict[str, Any], Result]:
        async with importing(tmp_path, code, pool=pool) as link:
            outcome = await link.initialised()
            return outcome, await link.call()

    outcome, failed = asyncio.run(run())
    assert (outcome["ok"], outcome["errorType"]) == (False, "Runtime.ExitError")
    assert outcome["errorMessage"] == "Runtime exited with error: signal: killed"
    assert failed.meta["reason"] == "Function.OutOfMemory"


@asynccontextmanager
async def importing(folder: Path, code: str, *, pool: bool) -> AsyncIterator[ScriptedLink]:
    """A link whose pod has just begun to import the code."""
    if pool:
        async with linked_pool_pod(folder) as (links, _):
            links[0].send(become(code))
            await became(links[0])
            yield links[0]
        return
    activator = ScriptedActivator()
    await activator.listen()
    async with run_shim(folder, code, activator.address) as _:
        link = await activator.accept()
        link.welcome()
        yield link
    activator.close()
