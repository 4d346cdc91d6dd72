"""A generic pod: waits, with an interpreter that has imported what functions usually do, and becomes the first function it is told to.

Rules: docs/decisions/0007-the-warm-pool.md. All of a BECOME happens within one turn of the event loop: of two that come at once, the
second finds the pod a function.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable, Iterator, Mapping
from time import time
from typing import Any, Final

from lambent_shim.become import BecomeError, Order, explain_fresh_start, explain_refusal, read_names, read_order
from lambent_shim.boot import Started, new_log_stream
from lambent_shim.code_files import LeftBehindError, write_files
from lambent_shim.configuration import Configuration
from lambent_shim.environment import build_environment
from lambent_shim.link.links import Links
from lambent_shim.served_function import Function, build_log
from lambent_shim.telemetry.counters import Tally
from lambent_shim.telemetry.stream import LogStream
from lambent_shim.workers import failures, frames
from lambent_shim.workers.pod_log import PodLog
from lambent_shim.workers.process import Process, reap_children
from lambent_shim.workers.spawn import Ends, order_fork, read_sharing, send_ends, spawn_prepared

_LARGEST_CONFIGURE: Final = 65_536
"""What a socket takes at once: FORK is sent past what still waits to be."""
_SILENT_SECONDS: Final = 0.05
"""A process whose channel has closed and of whose end nothing is heard for so long has lost its use."""


class Pool:
    """The pod, before and after it has become something."""

    def __init__(
        self,
        started: Started,
        loop: asyncio.AbstractEventLoop,
        links: Links,
        stream: LogStream,
        *,
        on_prepared: Callable[[], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self.function: Function | None = None
        self._started = started
        self._generic = started.configuration
        self._loop = loop
        self._links = links
        self._stream = stream
        self._log = build_log(self._generic, stream)
        self._on_prepared = on_prepared
        self._on_lost = on_lost
        self._replaceable: list[str] = []
        self._is_prepared = False
        self._tally = Tally()
        self._prepared = self._watch(started.prepared)
        self._prepared.pid = started.prepared_pid
        self._candidate = self._watch(started.candidate)
        self._living = [self._prepared, self._candidate]
        links.on_become = self.become

    def _watch(self, ends: Ends) -> Process:
        return Process(self._loop, ends, on_frame=self._on_frame, on_output=self._on_output, on_silent=self._on_silent)

    # While generic

    def _on_frame(self, process: Process, frame: frames.Frame) -> None:
        if frame.kind == frames.STARTED and process is self._candidate:
            process.pid = frame.value
            self._replaceable = json.loads(frame.meta)
            self._is_prepared = True
            self._on_prepared()

    def _on_output(self, _process: Process, lines: list[bytes]) -> None:
        self._log.output(lines, "", None)

    def _on_silent(self, process: Process) -> None:
        """Nearly always it is ending just now, and SIGCHLD will tell how."""
        self._loop.call_later(_SILENT_SECONDS, self._lose, f"{self._name(process)} has closed its channel")

    def _name(self, process: Process) -> str:
        return "the prepared interpreter" if process is self._prepared else "the prepared interpreter's child"

    def _lose(self, why: str) -> None:
        if self.function is None and not self._links.draining:
            self._on_lost(why)

    def reap(self) -> None:
        """Collect every child that has ended (SIGCHLD). A generic pod that has lost one of its two is of no use."""
        if self.function is not None:
            self.function.reap()
            return
        for pid, status in reap_children():
            for process in list(self.processes):
                if process.pid == pid:
                    self._living.remove(process)
                    process.drain_output(end=True)
                    self._lose(f"{self._name(process)} has ended: {failures.explain_exit(status, out_of_memory=False).message}")

    # BECOME

    def become(self, head: Mapping[str, Any], files: Mapping[str, bytes]) -> str:
        """Become what BECOME says, or say why not; empty where it has, or is that function already."""
        arrived_ms = self._links.elapsed_ms()
        try:
            function, revision = read_names(head, self._generic)
            refusal = explain_refusal(self.configuration, function, revision, used=self._started.used, draining=self._links.draining)
            if refusal or self.function is not None:
                return refusal
            order = read_order(head, files, self._generic, self._started.container)
        except BecomeError as error:
            return str(error)
        try:
            write_files(self._generic.code_dir, files)
        except LeftBehindError as error:
            self._lose(str(error))
            return f"the code cannot be written: {error}"
        except OSError as error:
            return f"the code cannot be written: {error}"
        return self._settle(order, files, arrived_ms)

    def _settle(self, order: Order, files: Mapping[str, bytes], arrived_ms: float) -> str:
        configuration, container = order.configuration, {**self._started.container, **order.variables}
        stream = new_log_stream(configuration.version, time())
        environment = build_environment(configuration, container, log_stream=stream, image=self._started.image)
        configure = frames.encode(frames.CONFIGURE, payload=json.dumps(environment).encode(), flags=read_sharing(configuration.sharing))
        fresh = explain_fresh_start(self._started.environment, environment, self._replaceable, files)
        if not fresh and len(configure) > _LARGEST_CONFIGURE:
            fresh = f"its variables have {len(configure)} bytes"
        try:
            go_on = self._start_fresh(configuration, environment) if fresh else self._tell(configure)
        except OSError as error:
            self._lose(f"there is no interpreter: {error}")
            return f"there is no interpreter: {error}"
        self.function = Function(configuration, environment, self._loop, self._links, self._stream, on_lost=self._on_lost)
        self._links.become(configuration, arrived_ms)
        if fresh:
            self.function.log.note(f"started an interpreter of its own: {fresh}")
        go_on(self.function)  # last: a candidate that has ended already has its INIT sent at once
        return ""

    def _tell(self, configure: bytes) -> Callable[[Function], None]:
        apart = send_ends(self._candidate.channel, configure)
        self._prepared.send(configure)
        return lambda function: function.take_over(self._prepared, self._candidate, apart)

    def _start_fresh(self, configuration: Configuration, environment: Mapping[str, str]) -> Callable[[Function], None]:
        pid, prepared = spawn_prepared(configuration, environment)
        candidate = order_fork(prepared.channel, 1, prepare=True, sharing=read_sharing(configuration.sharing))
        for process in self._living:
            process.kill("the function needs another interpreter")
            process.close()
        return lambda function: function.start(pid, prepared, candidate)

    # Either way

    @property
    def configuration(self) -> Configuration:
        """The function's, once there is one."""
        return self._generic if self.function is None else self.function.configuration

    @property
    def log(self) -> PodLog:
        """The function's, once there is one."""
        return self._log if self.function is None else self.function.log

    @property
    def tally(self) -> Tally:
        """What is counted."""
        return self._tally if self.function is None else self.function.tally

    def why_not_ready(self) -> str:
        """What BECOME, or an invocation, sent now would miss; empty when it would be served."""
        if self.function is not None:
            return self.function.why_not_ready()
        if self._links.draining:
            return "draining"
        if self._started.used:
            return "the container was a function before it was restarted"
        if not self._is_prepared:
            return "preparing"
        return "" if self._links.welcomed else "no activator has welcomed this pod"

    @property
    def processes(self) -> Iterator[Process]:
        """All that live."""
        return iter(self._living) if self.function is None else self.function.processes

    def terminate(self, number: signal.Signals) -> None:
        """Send a signal to every process group; none is started any more."""
        if self.function is not None:
            self.function.terminate(number)
            return
        for process in self._living:
            process.send_signal(number)
