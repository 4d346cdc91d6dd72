"""However `dev` ends, and at whatever moment of a shim's life: nothing that it has started lives on."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lambent.api.functions.function import parse_function
from lambent.dev.interpreter import build_interpreter
from lambent.dev.processes import ShimContext, start_shim
from lambent.dev.revision import Revision
from tests.support.dev_process import GOOD, ROOT, Dev, Watched, write

IMAGES = ROOT / "runtime-images"
SHIM = IMAGES / "shim" / "lambent_shim"
HELD_BEFORE_ITS_FIRST_LINE = """
import os, sys
with open("TOLD", "w") as told:
    told.write(str(os.getpid()))
open("GO").read()
os.execv(sys.executable, [sys.executable, "-I", "SHIM"])
"""
"""A shim between its parent's fork and its own first instruction, for as long as the test likes."""
HELD_AFTER_BOOT = """
import os, signal, sys, time
sys.path.insert(0, os.path.dirname("SHIM"))
from lambent_shim.boot import boot
boot(os.environ, time.time())
while True:
    signal.pause()
"""
STUCK_IN_ITS_IMPORT = """
import os, signal, subprocess
away = subprocess.Popen(["sleep", "1000"], start_new_session=True)
with open("TOLD", "w") as told:
    told.write(f"{os.getpid()} {away.pid} {os.getppid()}")
while True:
    signal.pause()
"""


class Stage:
    """Where processes and test meet: named pipes, and runtime images with a shim that waits."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.functions = folder / "functions"
        self.functions.mkdir()
        self.told = folder / "told"
        self.go = folder / "go"
        os.mkfifo(self.told)
        os.mkfifo(self.go)

    def fill_in(self, code: str) -> str:
        return code.replace("TOLD", str(self.told)).replace("GO", str(self.go)).replace("SHIM", str(SHIM))

    def dev(self, shim: str | None = None) -> Dev:
        images = IMAGES
        if shim is not None:
            images = self.folder / "images"
            (images / "shim" / "lambent_shim").mkdir(parents=True)
            (images / "shim" / "lambent_shim" / "__main__.py").write_text(self.fill_in(shim))
            (images / "python").symlink_to(IMAGES / "python")
        return Dev(self.functions, "--runtime-images", str(images), environment={"TMPDIR": str(self.folder)})

    def watch_told(self) -> list[Watched]:
        """The processes whose pids are told."""
        return [Watched(int(pid)) for pid in self.told.read_text().split()]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_shim_is_being_started_when_dev_is_killed(stage: Stage) -> None:
    write(stage.functions, GOOD)
    dev = stage.dev(HELD_BEFORE_ITS_FIRST_LINE)
    (shim,) = stage.watch_told()
    dev.kill()

    stage.go.write_text("")

    assert shim.ends()


def test_a_shim_is_being_started_at_ctrl_c(stage: Stage) -> None:
    write(stage.functions, GOOD)
    dev = stage.dev(HELD_BEFORE_ITS_FIRST_LINE)
    (shim,) = stage.watch_told()

    assert dev.end() == 0

    assert shim.ends()


@pytest.mark.parametrize("shim", [None, HELD_AFTER_BOOT], ids=["the shim runs", "the shim has not loaded its packages"])
def test_code_is_being_imported_when_dev_is_killed(stage: Stage, shim: str | None) -> None:
    write(stage.functions, stage.fill_in(STUCK_IN_ITS_IMPORT))
    dev = stage.dev(shim)
    template, away, parent = stage.watch_told()

    dev.kill()

    assert template.ends()
    assert away.ends()
    assert parent.ends()


def test_a_shim_that_takes_too_long_is_killed_with_all_that_it_has_started(stage: Stage) -> None:
    body = {
        "apiVersion": "lambent.dev/v1alpha1",
        "kind": "Function",
        "metadata": {"name": "hello"},
        "spec": {"runtime": "python3.11", "handler": "app.handler", "code": {"inline": {"app.py": "x"}}},
    }
    revision = Revision("r1", parse_function(body), {"app.py": stage.fill_in(STUCK_IN_ITS_IMPORT).encode()}, {})
    interpreter = build_interpreter(stage.folder, IMAGES / "python" / "lambent_runtime", ROOT / "requirements" / "runtime.lock")

    async def run() -> tuple[list[Watched], int]:
        context = ShimContext(stage.folder, SHIM, interpreter, "127.0.0.1:1", os.environ)
        process = await start_shim(revision, 1, context, lambda _who, _line: None)
        watched = await asyncio.to_thread(stage.watch_told)
        process.kill()
        return watched, await process.ended

    watched, status = asyncio.run(run())

    assert status == -9
    assert [process.ends() for process in watched] == [True, True, True]


def test_a_shim_that_is_not_its_parents_starts_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\ntouch {mark}\n")
    python.chmod(0o755)
    configuration = {
        "namespace": "default",
        "function": "hello",
        "handler": "app.handler",
        "activators": ["127.0.0.1:1"],
        "taskRoot": str(tmp_path),
        "python": str(python),
        # Alive, and no child's of this test: that a parent lives does not make it this shim's.
        "parentPid": os.getppid(),
    }

    ended = subprocess.run(
        [sys.executable, "-I", str(SHIM)],
        env={"PATH": os.environ["PATH"], "LAMBENT_SHIM": json.dumps(configuration)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ended.returncode == 78
    assert ended.stderr == f"LAMBENT_SHIM: parentPid is {os.getppid()}, but the parent is {os.getpid()}: it has ended\n"
    assert not mark.exists()
