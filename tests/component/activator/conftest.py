"""Real activator and shim processes on loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lambent
import lambent_shim
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[3]
HANDLERS = '''
import json, os, time

def echo(event, context):
    return event

def hello(event, context):
    return {"hello": event.get("name", "world"), "pid": os.getpid(), "id": context.aws_request_id}

def act(event, context):
    """Does what the event says, after leaving a mark that it has begun."""
    if "mark" in event:
        with open(event["mark"], "a") as marks:
            marks.write(f"{context.aws_request_id} {os.environ['POD']} {time.time()}\\n")
    if "wait_for" in event:
        deadline = time.time() + 20
        while not os.path.exists(event["wait_for"]) and time.time() < deadline:
            time.sleep(0.005)
    time.sleep(event.get("sleep", 0))
    if "raise" in event:
        raise ValueError(event["raise"])
    if "size" in event:
        return "x" * event["size"]
    return {"pod": os.environ["POD"]}
'''


def function(name: str = "hello", handler: str = "app.hello", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "spec": {"runtime": "python3.11", "handler": handler, "code": {"inline": {"app.py": HANDLERS}}, **spec},
        "status": {"readyRevision": "r1", "latestRevision": "r1", "conditions": [{"type": "Ready", "status": "True", "reason": "Ready"}]},
    }


class ActivatorProcess:
    def __init__(self, *functions: dict[str, Any], identity: str = "a", **options: Any) -> None:
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.support.activator_process",
                json.dumps({"functions": functions, "identity": identity, **options}),
            ],
            cwd=ROOT,
            # The modules that this process tests, compiled ones too.
            env={**os.environ, "PYTHONPATH": f"{Path(lambent.__file__).parents[1]}:{ROOT}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        ports = json.loads(self.process.stdout.readline())
        self.http, self.links = ports["http"], ports["links"]
        self.said: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(json.loads(line))

    def tell(self, change: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(change) + "\n")
        self.process.stdin.flush()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http}"

    def figures(self) -> dict[str, int]:
        """What it holds, and its resident memory."""
        before = len(self._figures())
        self.tell({"figures": True})
        return dict(wait_for(lambda: self._figures()[before:], "the activator's figures", 20, 0.005)[0])

    def _figures(self) -> list[dict[str, int]]:
        return [line["figures"] for line in self.said if "figures" in line]

    def initialized(self, count: int) -> bool:
        return sum("initialized" in line for line in self.said) >= count

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._reader.join(5)
        self.process.stdin.close()
        self.process.stdout.close()


class ShimProcess:
    def __init__(self, folder: Path, activators: list[ActivatorProcess], body: dict[str, Any], pod: str) -> None:
        spec = body["spec"]
        task = folder / pod
        for path, content in spec["code"]["inline"].items():
            (task / path).parent.mkdir(parents=True, exist_ok=True)
            (task / path).write_text(content)
        configuration = {
            "namespace": "default",
            "function": body["metadata"]["name"],
            "revision": "r1",
            "handler": spec["handler"],
            "timeoutSeconds": spec.get("timeoutSeconds", 3),
            "concurrency": spec.get("concurrency", 1),
            "activators": [f"127.0.0.1:{activator.links}" for activator in activators],
            "taskRoot": str(task),
            "statusPort": 0,
            "runtimeDir": str(ROOT / "runtime-images" / "python"),
            "python": sys.executable,
            "pod": pod,
        }
        self.pod = pod
        self.process = subprocess.Popen(
            [sys.executable, "-I", str(Path(lambent_shim.__file__).parent)],
            env={"PATH": os.environ["PATH"], "POD": pod, "LAMBENT_SHIM": json.dumps(configuration)},
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()


class Loopback:
    """Starts processes, and ends them with the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._activators: list[ActivatorProcess] = []
        self._shims: list[ShimProcess] = []

    def activator(self, *functions: dict[str, Any], **options: Any) -> ActivatorProcess:
        activator = ActivatorProcess(*functions, **options)
        self._activators.append(activator)
        return activator

    def shim(self, body: dict[str, Any], *activators: ActivatorProcess, ready: bool = True) -> ShimProcess:
        before = [sum("initialized" in line for line in activator.said) for activator in activators]
        shim = ShimProcess(self.folder, list(activators), body, f"pod-{len(self._shims) + 1}")
        self._shims.append(shim)
        if ready:
            for activator, count in zip(activators, before, strict=True):
                wait_for(lambda activator=activator, count=count: activator.initialized(count + 1), "the pod to be initialised", 20, 0.005)
        return shim

    def end(self) -> None:
        for activator in self._activators:
            activator.end()
        for shim in self._shims:
            shim.end()


@pytest.fixture
def loopback(tmp_path: Path) -> Iterator[Loopback]:
    loopback = Loopback(tmp_path)
    yield loopback
    loopback.end()
