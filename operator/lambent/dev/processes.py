"""Shims as local processes: started with a revision's code and environment, stopped as the kubelet stops a pod."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lambent.api.names import DEFAULT_REGION, function_arn
from lambent.dev.revision import Revision

STOP_MARGIN_SECONDS = 5.0
MAX_LINE_BYTES = 1 << 20
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ", "HOME", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR")

_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def adopt_orphans() -> None:
    """Run between fork and exec: the shim becomes the parent of orphans below it, as PID 1 is in a pod, from its very first child on.

    The setting outlives exec (prctl(2), PR_SET_CHILD_SUBREAPER).
    """
    if _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


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
        """SIGKILL, for it and its workers."""
        self._stopping = True
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

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


async def start_shim(
    revision: Revision, *, folder: Path, shim: Path, runtime: Path, activator: str, number: int, write: Callable[[str, str], None]
) -> ShimProcess:
    """Start one; `folder` is where revisions' files are kept. Raises OSError."""
    root = folder / revision.function.namespace / revision.function.name / revision.name
    if not root.exists():
        write_files(root, revision)
    name = f"{revision.function.name}-{number}"
    environment = {variable: os.environ[variable] for variable in _KEPT_VARIABLES if variable in os.environ}
    environment.update(revision.environment)
    environment["LAMBENT_SHIM"] = json.dumps(build_configuration(revision, root, runtime, activator, name))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        str(shim),
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=MAX_LINE_BYTES,
        # Its own process group: Ctrl-C is for dev alone, which then stops its processes in good order.
        start_new_session=True,
        preexec_fn=adopt_orphans,
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


def build_configuration(revision: Revision, root: Path, runtime: Path, activator: str, name: str) -> dict[str, Any]:
    """LAMBENT_SHIM's object."""
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
        "activators": [activator],
        "tokenFile": "",
        "taskRoot": str(root),
        "region": DEFAULT_REGION,
        "arn": function_arn(function.name, function.namespace),
        "logging": logging_settings,
        "statusPort": 0,
        "runtimeDir": str(runtime),
        "python": sys.executable,
        "exitWithParent": True,
        "pod": name,
    }
