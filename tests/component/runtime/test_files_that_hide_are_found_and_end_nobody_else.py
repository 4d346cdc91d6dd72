"""A folder's limit holds wherever in it files lie and whoever keeps them, and only who has written is ended for it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lambent_shim.limits.walk import DEEPEST, Walk
from tests.support.scripted_activator import Result, linked_shim

CODE = """
import os, time

kept = []

def handler(event, context):
    return globals()[event["do"]](event["path"])

def who(path):
    return os.getpid()

def rest(path):
    time.sleep(3)
    return os.getpid()

def write(folder):
    for number in range(160):
        with open(f"f{number}", "wb", opener=lambda name, flags: os.open(name, flags, 0o600, dir_fd=folder)) as file:
            file.write(os.urandom(1 << 18))
        time.sleep(0.005)
    time.sleep(60)

def deep(path):
    os.chdir(path)
    for _ in range(100):
        os.mkdir("e" * 100)
        os.chdir("e" * 100)
    write(os.open(".", os.O_RDONLY))

def closed(path):
    os.mkdir(path + "/closed")
    os.chdir(path + "/closed")
    for number in range(160):
        os.chmod(path + "/closed", 0o700)
        file = open(f"f{number}", "wb")
        os.chmod(path + "/closed", 0)
        file.write(os.urandom(1 << 18))
        file.close()
        time.sleep(0.005)
    time.sleep(60)

def count(path):
    number = 0
    while True:
        number += 1
        os.close(os.open(f"{path}/{number}", os.O_CREAT | os.O_WRONLY))

def nest(path):
    os.chdir(path)
    for _ in range(5000):
        os.mkdir("n")
        os.chdir("n")
    time.sleep(1)
    return os.getpid()

def allocate(path):
    with open(path + "/large", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, 40 << 20)
    return os.getpid()

def keep(path):
    kept.append(open(path + "/kept", "wb"))
    os.unlink(path + "/kept")
    os.posix_fallocate(kept[0].fileno(), 0, 40 << 20)
    return os.getpid()
"""


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    (tmp_path / "scratch").mkdir()
    (tmp_path / "task").mkdir()
    return tmp_path / "scratch"


def storage(scratch: Path) -> list[dict[str, object]]:
    return [{"path": str(scratch), "sizeMiB": 16, "field": "spec.ephemeralStorage"}]


@pytest.fixture
def _modes_bind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shim and its workers have no right to pass over modes, as in a pod."""
    if os.geteuid() == 0:
        program = tmp_path / "python"
        program.write_text(f'#!/bin/sh\nexec setpriv --bounding-set=-dac_override,-dac_read_search {sys.executable} "$@"\n')
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))


@pytest.mark.usefixtures("_modes_bind")
@pytest.mark.parametrize(
    ("deed", "says"),
    [
        ("deep", "spec.ephemeralStorage allows 16 MiB"),
        ("closed", "spec.ephemeralStorage allows 16 MiB"),
        ("count", "holds more than 8192 files and folders, which spec.ephemeralStorage of 16 MiB allows"),
    ],
)
def test_who_writes_is_ended_wherever_the_files_lie(scratch: Path, deed: str, says: str) -> None:
    async def run() -> tuple[Result, Result, int]:
        async with linked_shim(scratch.parent / "task", CODE, concurrency=2, storage=storage(scratch)) as (link, _):
            await link.call({"do": "who", "path": ""})
            failed = await link.result(link.invoke({"do": deed, "path": str(scratch)}))
            fine = await link.call({"do": "rest", "path": ""})
            return failed, fine, len(os.listdir(scratch))  # noqa: PTH208 - a name may be longer than a path

    try:
        failed, fine, left = asyncio.run(run())
    finally:
        subprocess.run(["rm", "-rf", str(scratch)], check=True)
    assert failed.meta["reason"] == "Function.StorageFull"
    assert says in failed.json["errorMessage"]
    assert isinstance(fine.json, int)
    assert left == 0, "what the writer has left is gone"


def test_folders_far_below_one_another_go_and_those_above_stay(scratch: Path) -> None:
    """Programs that remove folders may keep each of those above open."""
    (scratch / "of" / "before").mkdir(parents=True)

    async def run() -> Result:
        async with linked_shim(scratch.parent / "task", CODE, concurrency=2, storage=storage(scratch)) as (link, shim):
            rested = link.invoke({"do": "rest", "path": ""})
            link.invoke({"do": "nest", "path": str(scratch)})
            await shim.logged(lambda line: f"holds folders more than {DEEPEST} below one another" in line)
            return await link.result(rested)

    assert "reason" not in asyncio.run(run()).meta
    assert max(entry.depth for entry in Walk(str(scratch))) <= DEEPEST
    assert (scratch / "of" / "before").is_dir()


def test_who_sleeps_is_not_ended_for_what_another_has_left(scratch: Path) -> None:
    async def run() -> tuple[Result, Result]:
        async with linked_shim(scratch.parent / "task", CODE, concurrency=2, storage=storage(scratch)) as (link, shim):
            await link.call({"do": "who", "path": ""})
            sleeper = link.invoke({"do": "rest", "path": ""})
            wrote = await link.call({"do": "allocate", "path": str(scratch)})
            await shim.logged(lambda line: "removed what nobody has open, 1 files and folders, 40 MiB" in line)
            return wrote, await link.result(sleeper)

    wrote, slept = asyncio.run(run())
    assert "reason" not in wrote.meta
    assert "reason" not in slept.meta
    assert list(scratch.iterdir()) == []


def test_what_is_left_when_nothing_runs_is_removed_before_anything_does(scratch: Path) -> None:
    async def run() -> None:
        async with linked_shim(scratch.parent / "task", CODE, storage=storage(scratch)) as (link, shim):
            await link.call({"do": "who", "path": ""})
            await link.call({"do": "allocate", "path": str(scratch)})
            line = await shim.logged(lambda line: "removed what nobody has open" in line)
            assert f"{scratch} holds 40 MiB, spec.ephemeralStorage allows 16 MiB: removed" in line

    asyncio.run(run())
    assert list(scratch.iterdir()) == []


def test_a_worker_at_rest_that_keeps_a_removed_file_open_is_ended(scratch: Path) -> None:
    async def run() -> tuple[Result, Result]:
        async with linked_shim(scratch.parent / "task", CODE, storage=storage(scratch)) as (link, shim):
            await link.call({"do": "who", "path": ""})
            keeper = await link.call({"do": "keep", "path": str(scratch)})
            await shim.logged(lambda line: "a worker that runs nothing is ended for the files that it keeps open" in line)
            return keeper, await link.call({"do": "who", "path": ""})

    keeper, other = asyncio.run(run())
    assert "reason" not in keeper.meta
    assert "reason" not in other.meta
    assert other.json != keeper.json
