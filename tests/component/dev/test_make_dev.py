"""`python -m lambent dev` as a user starts it: serves a folder, follows its changes, ends cleanly."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.dev_process import GOOD, ROOT, Dev, is_gone, write
from tests.support.waiting import wait_for


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Dev]:
    write(tmp_path, GOOD.replace("WORD", "one"))
    dev = Dev(tmp_path)
    yield dev
    if dev.process.poll() is None:
        dev.end()


def test_a_changed_function_is_served_without_losing_a_request(dev: Dev, tmp_path: Path) -> None:
    assert dev.invoke({})[1]["said"] == "one"
    answers: list[tuple[int, Any]] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answers.append(dev.invoke({}))

    asking = threading.Thread(target=ask)
    asking.start()
    write(tmp_path, GOOD.replace("WORD", "two"))
    wait_for(lambda: any(answer["said"] == "two" for _, answer in answers), "the changed code to answer", 30, 0.02)
    stop.set()
    asking.join()

    assert {status for status, _ in answers} == {200}
    said = [answer["said"] for _, answer in answers]
    assert said == sorted(said), "once the new one serves, the old one does not"


def test_code_that_does_not_import_leaves_the_old_one_serving(dev: Dev, tmp_path: Path) -> None:
    dev.invoke({})
    write(tmp_path, "import nope")
    dev.wait_for("Runtime.ImportModuleError.*; the revision before it serves on")
    assert dev.invoke({})[1]["said"] == "one"

    write(tmp_path, GOOD.replace("WORD", "mended"))
    dev.wait_for("revision [0-9a-f]+ serves")
    assert dev.invoke({})[1]["said"] == "mended"


def test_a_new_function_that_does_not_import_answers_with_lambdas_error_at_once(tmp_path: Path) -> None:
    write(tmp_path, "import nope")
    dev = Dev(tmp_path)
    dev.wait_for("Runtime.ImportModuleError")

    status, body = dev.invoke({})

    assert (status, body["errorType"]) == (200, "Runtime.ImportModuleError")
    assert dev.end() == 0


def test_an_idle_function_has_no_process_and_comes_back(tmp_path: Path) -> None:
    write(tmp_path, GOOD.replace("WORD", "one"), seconds=1)
    dev = Dev(tmp_path)
    first = dev.invoke({})[1]["pid"]
    dev.wait_for("hello: idle, no process is left")
    wait_for(lambda: is_gone(first), "the first process to end", 30, 0.02)

    assert dev.invoke({})[1]["said"] == "one"
    assert dev.end() == 0


def test_a_broken_manifest_is_named_and_the_rest_goes_on(dev: Dev, tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("apiVersion: lambent.dev/v1alpha1\nkind: Function\nmetadata: {name: bad}\nspec: {}\n")

    dev.wait_for("broken.yaml: Function bad: spec.runtime")
    assert dev.invoke({})[0] == 200


def test_the_end_leaves_no_process_behind(dev: Dev) -> None:
    worker = dev.invoke({})[1]["pid"]

    assert dev.end() == 0
    wait_for(lambda: is_gone(worker), "the worker to end", 30, 0.02)


def test_a_missing_folder_is_said_at_once() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "lambent", "dev", "/nowhere"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "operator")},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ran.returncode == 2
    assert "/nowhere does not exist" in ran.stderr


def test_a_function_whose_trouble_passes_serves_without_being_written_again(tmp_path: Path) -> None:
    there = tmp_path / "there"
    write(tmp_path, f"open({str(there)!r}).close()\n{GOOD.replace('WORD', 'mended')}", seconds=1)
    dev = Dev(tmp_path)
    dev.wait_for("FileNotFoundError")
    dev.wait_for("hello: idle, no process is left")

    there.touch()

    assert [dev.invoke({})[1]["said"] for _ in range(3)] == ["mended"] * 3
    assert dev.end() == 0
