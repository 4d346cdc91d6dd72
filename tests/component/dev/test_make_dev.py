"""`python -m lambent dev` as a user starts it: serves a folder, follows its changes, ends cleanly."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
MANIFEST = """
apiVersion: lambent.dev/v1alpha1
kind: Function
metadata: {name: hello}
spec:
  runtime: python3.11
  handler: app.handler
  scaling: {scaleToZeroAfterSeconds: SECONDS}
  code:
    inline:
      app.py: |
        import os
        BODY
"""
GOOD = """def handler(event, context):
            return {"said": "WORD", "pid": os.getppid()}"""


class Dev:
    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lambent", "dev", str(folder), "--port", "0"],
            env={**os.environ, "PYTHONPATH": str(ROOT / "operator")},
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = int(self.wait_for(r"serving \d+ functions at http://127.0.0.1:(\d+)"))

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(iter(self.process.stdout.readline, ""))

    def wait_for(self, pattern: str) -> str:
        return str(
            wait_until(lambda: next((found[found.lastindex or 0] for line in self.lines if (found := re.search(pattern, line))), None))
        )

    def invoke(self, event: Any) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("POST", "/2015-03-31/functions/hello/invocations", json.dumps(event))
        response = connection.getresponse()
        body = json.loads(response.read())
        connection.close()
        return response.status, body

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(30)
        self._reader.join(5)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


def wait_until(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return value


def write(folder: Path, body: str, seconds: int = 60) -> None:
    partial = folder / "f.partial"
    partial.write_text(MANIFEST.replace("BODY", body).replace("SECONDS", str(seconds)))
    partial.rename(folder / "f.yaml")


def is_gone(pid: int) -> bool:
    """Ended; where nobody collects orphans, a zombie stays."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


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
    wait_until(lambda: any(answer["said"] == "two" for _, answer in answers))
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
    wait_until(lambda: is_gone(first))

    assert dev.invoke({})[1]["said"] == "one"
    assert dev.end() == 0


def test_a_broken_manifest_is_named_and_the_rest_goes_on(dev: Dev, tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("apiVersion: lambent.dev/v1alpha1\nkind: Function\nmetadata: {name: bad}\nspec: {}\n")

    dev.wait_for("broken.yaml: Function bad: spec.runtime")
    assert dev.invoke({})[0] == 200


def test_the_end_leaves_no_process_behind(dev: Dev) -> None:
    worker = dev.invoke({})[1]["pid"]

    assert dev.end() == 0
    wait_until(lambda: is_gone(worker))


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
