"""What one handler can do to the others of its pod, to the shim, and to what is the pod's own: with one user id, and by an ordinary user.

Root could read other processes by its capabilities, which containers of functions do not have: under root, the handler gives them up.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.support.kernel_offers import landlock_version, needs_landlock, needs_signal_scope, needs_truncate_right
from tests.support.pool_pod import became, become, linked_pool_pod
from tests.support.process_tree import descendants_of
from tests.support.scripted_activator import linked_shim

CODE = """
import ctypes, os, signal, sys, time

def give_up_capabilities():
    class Header(ctypes.Structure):
        _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]
    data = (ctypes.c_uint32 * 6)()
    assert ctypes.CDLL(None).capset(ctypes.byref(Header(0x20080522, 0)), data) == 0

give_up_capabilities()

def attempt(deed):
    try:
        deed()
    except OSError as error:
        return error.strerror
    return "done"

def handler(event, context):
    return globals()[event["do"]](event)

def who(event):
    time.sleep(event.get("seconds", 0))
    return os.getpid()

def look(event):
    found = {}
    for pid in event["pids"]:
        proc = f"/proc/{pid}"
        found[str(pid)] = [
            attempt(lambda: os.readlink(proc + "/fd/1")), attempt(lambda: open(proc + "/environ").read()),
            attempt(lambda: open(proc + "/maps").read()), attempt(lambda: open(proc + "/mem", "rb")),
        ]
    return found

def stop(event):
    return {str(pid): attempt(lambda: os.kill(pid, signal.SIGSTOP)) for pid in event["pids"]}

def read(event):
    return attempt(lambda: open(event["path"]).read())

def meddle(event):
    root = event["root"]
    return {
        "write": attempt(lambda: open(f"{root}/app.py", "w")),
        "chmod and write": attempt(lambda: (os.chmod(f"{root}/app.py", 0o666), open(f"{root}/app.py", "a"))[0]),
        "replace": attempt(lambda: os.replace(f"{event['scratch']}/own.py", f"{root}/app.py")),
        "add": attempt(lambda: open(f"{root}/json.py", "w")),
        "remove": attempt(lambda: os.unlink(f"{root}/app.py")),
    }

def truncate(event):
    os.chmod(f"{event['root']}/app.py", 0o666)
    return attempt(lambda: os.truncate(f"{event['root']}/app.py", 0))

def use_scratch(event):
    scratch = event["scratch"]
    os.makedirs(f"{scratch}/a"), os.makedirs(f"{scratch}/b")
    open(f"{scratch}/a/file", "w").write("well")
    os.rename(f"{scratch}/a/file", f"{scratch}/b/file")
    os.truncate(f"{scratch}/b/file", 2)
    return open(f"{scratch}/b/file").read()

def be_killed(event):
    os.kill(os.getpid(), signal.SIGKILL)
"""

DENIED = "Permission denied"


async def ask_about_others(tmp_path: Path, deed: str, *, pool: bool) -> dict[str, Any]:
    if pool:
        async with linked_pool_pod(tmp_path) as (links, shim):
            link = links[0]
            link.send(become(CODE, concurrency=2))
            await became(link)
            await link.initialised()
            await link.call({"do": "who"})
            return await _ask(link, shim, deed)
    async with linked_shim(tmp_path, CODE, concurrency=2) as (link, shim):
        return await _ask(link, shim, deed)


async def _ask(link: Any, shim: Any, deed: str) -> dict[str, Any]:
    both = [link.invoke({"do": "who", "seconds": 0.3}) for _ in range(2)]
    workers = [(await link.result(number)).json for number in both]
    mine = (await link.call({"do": "who"})).json
    assert mine in workers
    others = [pid for pid in (shim.process.pid, *descendants_of(shim.process.pid)) if pid != mine]
    assert len(others) >= 3, "the shim, the template and another worker"
    answer = (await link.call({"do": deed, "pids": others})).json
    assert isinstance(answer, dict)
    assert (await link.call({"do": "who"})).json in workers, "all goes on"
    return answer


@pytest.mark.parametrize("pool", [False, True], ids=["own pod", "pool pod"])
def test_a_handler_sees_into_no_other_process(tmp_path: Path, pool: bool) -> None:
    for pid, seen in asyncio.run(ask_about_others(tmp_path, "look", pool=pool)).items():
        # Of the processes beside it a handler may know that they are there.
        assert seen == [DENIED] * 4, pid


@needs_signal_scope
@pytest.mark.parametrize("pool", [False, True], ids=["own pod", "pool pod"])
def test_a_handler_signals_no_other_process(tmp_path: Path, pool: bool) -> None:
    answers = asyncio.run(ask_about_others(tmp_path, "stop", pool=pool))
    assert set(answers.values()) == {"Operation not permitted"}


@needs_landlock
def test_the_links_token_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    token = tmp_path / "secrets" / "token"
    token.write_text("the-token")
    (tmp_path / "task").mkdir()

    async def run() -> Any:
        async with linked_shim(tmp_path / "task", CODE, tokenFile=str(token)) as (link, _):
            assert link.hello["token"] == "the-token"
            return (await link.call({"do": "read", "path": str(token)})).json

    assert asyncio.run(run()) == DENIED


@needs_landlock
def test_code_cannot_be_written_by_what_it_does(tmp_path: Path) -> None:
    task, scratch = tmp_path / "task", tmp_path / "tmp"
    task.mkdir()
    (tmp_path / "code").symlink_to(task)  # as the volume that is mounted twice

    async def run() -> None:
        async with linked_pool_pod(tmp_path, codeDir=str(tmp_path / "code")) as (links, _):
            link = links[0]
            link.send(become(CODE))
            await became(link)
            await link.initialised()
            assert (await link.call({"do": "use_scratch", "scratch": str(scratch)})).json == "we"
            (scratch / "own.py").write_text("def handler(event, context): return 'other'")
            seen = (await link.call({"do": "meddle", "root": str(task), "scratch": str(scratch)})).json
            assert {deed for deed, answer in seen.items() if answer not in {DENIED, "Invalid cross-device link"}} == set()
            assert (await link.call({"do": "be_killed"})).meta["reason"] == "Function.Exit"
            assert isinstance((await link.call({"do": "who"})).json, int), "the code is as it was"

    asyncio.run(run())


@needs_truncate_right
def test_code_cannot_be_cut_off(tmp_path: Path) -> None:
    task = tmp_path / "task"
    task.mkdir()
    (tmp_path / "code").symlink_to(task)

    async def run() -> Any:
        async with linked_pool_pod(tmp_path, codeDir=str(tmp_path / "code")) as (links, _):
            link = links[0]
            link.send(become(CODE))
            await became(link)
            await link.initialised()
            return (await link.call({"do": "truncate", "root": str(task)})).json

    assert asyncio.run(run()) == DENIED


@pytest.mark.skipif(landlock_version() >= 2, reason="the kernel has Landlock")
def test_a_kernel_without_landlock_is_told_of_in_the_log(tmp_path: Path) -> None:
    async def run() -> None:
        async with linked_shim(tmp_path, CODE) as (_, shim):
            await shim.logged(lambda line: "are not kept apart" in line)

    asyncio.run(run())
