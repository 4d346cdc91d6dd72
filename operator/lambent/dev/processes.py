"""Shims as local processes: started with a revision's code and environment, stopped as the kubelet stops a pod."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambent.api.names import DEFAULT_REGION, function_arn
from lambent.dev.interpreter import Interpreter
from lambent.dev.process_tree import kill_tree
from lambent.dev.revision import Revision

STOP_MARGIN_SECONDS = 5.0
MAX_LINE_BYTES = 1 << 20
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ", "HOME", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(frozen=True, slots=True)
class ShimContext:
    """What all processes of one `dev` have in common."""

    folder: Path
    """Where revisions' files are kept."""
    shim: Path
    """The shim's package."""
    interpreter: Interpreter
    activator: str
    """`host:port` of its links."""
    environ: Mapping[str, str]
    """The environment of `dev` itself, of which functions get a few variables."""


class ShimProcess:
    """One pod's worth: a shim and, below it, the workers."""

    def __init__(self, revision: Revision, name: str, process: asyncio.subprocess.Process, write: Callable[[str, str], None]) -> None:
        self.revision = revision
        self.name = name
        self._process = process
        self._stopping = False
        self.ended: asyncio.Task[int] = asyncio.get_running_loop().create_task(self._follow(write))

    @property
    def alive(self) -> bool:
        """Whether it runs and is not being stopped."""
        return not self._stopping and not self.ended.done()

    def stop(self) -> None:
        """SIGTERM: it answers what it runs and ends; SIGKILL if that takes longer than any invocation may."""
        if self._stopping or self.ended.done():
            return
        self._stopping = True
        self._signal(signal.SIGTERM)
        limit = self.revision.function.spec.timeout_seconds + STOP_MARGIN_SECONDS
        handle = asyncio.get_running_loop().call_later(limit, self._signal, signal.SIGKILL)
        self.ended.add_done_callback(lambda _: handle.cancel())

    def kill(self) -> None:
        """SIGKILL, for it and all below it."""
        self._stopping = True
        if not self.ended.done():
            kill_tree(self._process.pid)

    def _signal(self, number: int) -> None:
        try:
            self._process.send_signal(number)
        except ProcessLookupError:
            return

    async def _follow(self, write: Callable[[str, str], None]) -> int:
        stream = self._process.stdout
        if stream is not None:
            while True:
                try:
                    line = await stream.readline()
                except ValueError:
                    continue  # over the limit: what was read of it is dropped
                if not line:
                    break
                write(self.name, line.decode("utf-8", "replace").rstrip("\n"))
        return await self._process.wait()


async def start_shim(revision: Revision, number: int, context: ShimContext, write: Callable[[str, str], None]) -> ShimProcess:
    """Start one; `write` is given its name and each line of its log. Raises OSError."""
    root = context.folder / "code" / revision.function.namespace / revision.function.name / revision.name
    if not root.exists():
        write_files(root, revision)
    name = f"{revision.function.name}-{number}"
    environment = build_environment(revision, context)
    environment["LAMBENT_SHIM"] = json.dumps(build_configuration(revision, root, context, parent=os.getpid(), name=name))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        str(context.shim),
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=MAX_LINE_BYTES,
        # Its own process group: Ctrl-C is for dev alone, which then stops its processes in good order.
        start_new_session=True,
    )
    return ShimProcess(revision, name, process, write)


def write_files(root: Path, revision: Revision) -> None:
    """The revision's code under `root`; complete or not there at all."""
    partial = root.with_name(root.name + ".partial")
    for path, content in revision.files.items():
        target = partial / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    partial.mkdir(parents=True, exist_ok=True)
    partial.rename(root)


def build_environment(revision: Revision, context: ShimContext) -> dict[str, str]:
    """The function's variables over the few of the machine that a program needs; `python3` is the function's own interpreter."""
    environ = context.environ
    environment = {variable: environ[variable] for variable in _KEPT_VARIABLES if variable in environ}
    environment["PATH"] = f"{context.interpreter.python.parent}:{environment.get('PATH', os.defpath)}"
    environment.update(revision.environment)
    return environment


def build_configuration(revision: Revision, root: Path, context: ShimContext, *, parent: int, name: str) -> dict[str, Any]:
    """LAMBENT_SHIM's object; `parent` is the pid of the process that starts the shim."""
    function = revision.function
    spec = function.spec
    logging_settings = {"format": spec.logging.format}
    if spec.logging.format == "JSON":
        logging_settings |= {"applicationLevel": spec.logging.application_level, "systemLevel": spec.logging.system_level}
    return {
        "namespace": function.namespace,
        "function": function.name,
        "revision": revision.name,
        "runtime": spec.runtime,
        "handler": spec.handler,
        "version": "$LATEST",
        "timeoutSeconds": spec.timeout_seconds,
        "memoryMiB": spec.memory_mib,
        "concurrency": spec.concurrency,
        "activators": [context.activator],
        "tokenFile": "",
        "taskRoot": str(root),
        "region": DEFAULT_REGION,
        "arn": function_arn(function.name, function.namespace),
        "logging": logging_settings,
        "variables": list(revision.environment),
        "sharing": spec.sharing,
        "statusPort": 0,
        "runtimeDir": str(context.interpreter.runtime),
        "layersDir": str(context.folder / "layers"),
        "python": str(context.interpreter.python),
        "pod": name,
        "parentPid": parent,
    }
