"""Plays the shim for the Python bootstrap: starts it as the shim does, sends frames, reads frames and output. Blocking."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from lambent_shim.configuration import Configuration, parse_configuration
from lambent_shim.environment import build_environment
from lambent_shim.kernel import become_subreaper
from lambent_shim.workers import frames
from lambent_shim.workers.spawn import Ends, order_fork, send_ends, spawn_prepared
from tests.support.patience import PATIENCE_SECONDS

RUNTIME_DIR = Path(__file__).parents[2] / "runtime-images/python"
PYTHON = shutil.which("python3.11") or shutil.which("python3") or "python3"


class Answer(NamedTuple):
    """What came of one invocation."""

    kind: str
    """result, error, or exit."""
    payload: bytes
    """JSON of the result or the error; of an exit its wait status."""
    flags: int


def configure(task_root: Path, handler: str, **fields: Any) -> Configuration:
    """A shim's configuration around a folder of code."""
    given = {"namespace": "default", "function": "probe", "handler": handler, "activators": ["127.0.0.1:1"], "taskRoot": str(task_root)}
    return parse_configuration(json.dumps(given | fields), runtime_dir=str(RUNTIME_DIR), pod="pod-1")


def environment_of(configuration: Configuration, container: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables a worker gets, with a fixed log stream."""
    base = {"PATH": os.environ["PATH"]} if container is None else dict(container)
    return build_environment(configuration, base, log_stream="2026/11/21/[$LATEST]0123456789abcdef0123456789abcdef")


class Worker:
    """One process of the function."""

    def __init__(self, ends: Ends) -> None:
        self.ends = ends
        self.pid = 0
        self.output = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, ends.channel)
        self._buffer = frames.FrameBuffer()
        self._frames: list[frames.Frame] = []
        self._number = 0

    def next_frame(self) -> frames.Frame | None:
        """The next frame, output being read meanwhile; None at the channel's end."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._frames:
            readable, _, _ = select.select([self._socket, self.ends.output], [], [], deadline - time.monotonic())
            assert readable, "the bootstrap says nothing"
            if self.ends.output in readable:
                self.output += os.read(self.ends.output, 1 << 20)
            if self._socket in readable:
                data = self._socket.recv(1 << 20)
                if not data:
                    return None
                self._frames += self._buffer.feed(data)
        frame = self._frames.pop(0)
        if frame.kind == frames.STARTED:
            self.pid = frame.value
        return frame

    def expect(self, kind: int) -> frames.Frame:
        """Read up to the next frame of a kind."""
        while True:
            frame = self.next_frame()
            assert frame is not None, f"ended with {self.wait()}; said {self.output!r}"
            if frame.kind == kind:
                return frame

    def send(self, data: bytes) -> None:
        """Send a frame."""
        self._socket.sendall(data)

    def invoke(self, event: bytes, *, left_ms: int = 3000, **meta: Any) -> Answer:
        """Run the handler once."""
        self._number += 1
        given = {"requestId": f"request-{self._number}", "arn": "arn:aws:lambda:us-east-1:default:function:probe"} | meta
        self.send(frames.encode(frames.INVOKE, self._number, event, value=left_ms, meta=json.dumps(given).encode()))
        while True:
            frame = self.next_frame()
            if frame is None:
                return Answer("exit", str(self.wait()).encode(), 0)
            if frame.kind == frames.RESULT:
                self.drain()
                return Answer("error" if frame.flags & frames.FAILED else "result", frame.payload, frame.flags)

    def wait(self) -> int:
        """Its wait status, once it has ended."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            # Until the intermediate parent has ended, the process is not this one's child.
            with suppress(ChildProcessError):
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.drain()
                    return status
            select.select([], [], [], 0.002)
        raise AssertionError(f"process {self.pid} does not end")

    def drain(self) -> None:
        """Read all output there is now."""
        while select.select([self.ends.output], [], [], 0)[0]:
            data = os.read(self.ends.output, 1 << 20)
            if not data:
                return
            self.output += data

    def close(self) -> None:
        """Give up the ends."""
        self._socket.close()
        os.close(self.ends.output)


class Bootstrap:
    """The prepared interpreter of one function, or of none yet (`ahead`)."""

    def __init__(self, configuration: Configuration, environment: Mapping[str, str], *, ahead: Sequence[str] | None = None) -> None:
        self._pid, ends = spawn_prepared(configuration._replace(python=PYTHON), environment, ahead=ahead)
        self.prepared = Worker(ends)
        self.prepared.pid = self._pid
        self._workers: list[Worker] = []

    def fork(self, source: Worker | None = None, *, prepare: bool, held: bool = False, sharing: int = 0) -> Worker:
        """Have a template (the prepared interpreter by default) fork a process."""
        ends = order_fork((source or self.prepared).ends.channel, len(self._workers) + 1, prepare=prepare, held=held, sharing=sharing)
        worker = Worker(ends)
        self._workers.append(worker)
        return worker

    def initialise(self, sharing: int = 0) -> tuple[Worker, dict[str, Any]]:
        """Import the handler; returns (process, READY's object)."""
        template = self.fork(prepare=True, sharing=sharing)
        return template, json.loads(template.expect(frames.READY).meta)

    def worker(self, sharing: int = 0) -> Worker:
        """A worker of an imported handler, by the usual way."""
        template, ready = self.initialise(sharing)
        if not ready["template"]:
            return template
        worker = self.fork(template, prepare=False)
        worker.expect(frames.READY)
        return worker

    def become(self, environment: Mapping[str, str], *, flags: int = 0) -> tuple[Worker, Worker]:
        """(worker, template) of a generic interpreter that is told its function's variables."""
        worker = self.fork(prepare=True, held=True)
        worker.expect(frames.STARTED)
        configure = frames.encode(frames.CONFIGURE, payload=json.dumps(environment).encode(), flags=flags)
        template = Worker(send_ends(worker.ends.channel, configure))
        self.prepared.send(configure)
        self._workers.append(template)
        worker.expect(frames.READY)
        return worker, template

    def close(self) -> None:
        """End every process."""
        for worker in [self.prepared, *self._workers]:
            worker.close()
            if worker.pid:
                with suppress(ProcessLookupError):
                    os.killpg(worker.pid, signal.SIGKILL)
                with suppress(ChildProcessError):
                    os.waitpid(worker.pid, 0)


@contextmanager
def run_generic_bootstrap(task_root: Path, *ahead: str, **variables: str) -> Iterator[Bootstrap]:
    """A pool pod's bootstrap, with a folder for code."""
    become_subreaper()
    configuration = configure(task_root, "unknown.yet")
    environment = build_environment(configuration, {"PATH": os.environ["PATH"], "LEFT_OUT": "1"} | variables, log_stream="none")
    bootstrap = Bootstrap(configuration, environment, ahead=ahead)
    try:
        yield bootstrap
    finally:
        bootstrap.close()


@contextmanager
def run_bootstrap(task_root: Path, handler: str, environment: Mapping[str, str] | None = None, **fields: Any) -> Iterator[Bootstrap]:
    """A bootstrap around a folder of code."""
    become_subreaper()
    configuration = configure(task_root, handler, **fields)
    bootstrap = Bootstrap(configuration, environment or environment_of(configuration))
    try:
        yield bootstrap
    finally:
        bootstrap.close()
