"""The pod's processes: keeps the prepared interpreter and the template alive, forks workers before they are needed, buries the dead.

Knows processes and their states, not invocations' outcomes: those are the owner's, told by `CrewEvents`.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from lambent_shim import descendants, failures, frames
from lambent_shim.process import Process
from lambent_shim.spawn import Ends, order_fork
from lambent_shim.staffing import count_missing

_FORK_RETRY_SECONDS: Final = 0.1
_SILENT_SECONDS: Final = 0.05
"""A process whose channel has closed and that lives on for so long has lost its use."""


class CrewEvents(Protocol):
    """What the crew tells its owner."""

    def crew_initialised(self, duration_ms: float) -> None:
        """The handler is imported."""

    def crew_init_failed(self, error: failures.InitError, duration_ms: float) -> None:
        """The handler could not be imported."""

    def crew_ready(self) -> None:
        """A worker has become ready."""

    def crew_result(self, process: Process, frame: frames.Frame) -> None:
        """RESULT of a worker."""

    def crew_output(self, process: Process, lines: list[bytes], number: int) -> None:
        """Lines of a process's output; `number` is the invocation where the process says it, else 0."""

    def crew_lost(self, process: Process, status: int) -> None:
        """A worker has ended, with this wait status."""

    def crew_start_failed(self, error: failures.InitError) -> None:
        """A worker that imports the handler itself could not."""

    def crew_gone(self, process: Process) -> None:
        """A process has been buried."""


class Crew:
    """All processes that hold user code."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        events: CrewEvents,
        *,
        slots: int,
        init_limit_seconds: float,
        respawn: Callable[[], tuple[int, Ends]],
    ) -> None:
        self.coroutine = False
        self.idle: deque[Process] = deque()
        self.busy: set[Process] = set()
        """For a coroutine handler: its one worker, once ready."""
        self._loop = loop
        self._events = events
        self._slots = slots
        self._init_limit_seconds = init_limit_seconds
        self._respawn = respawn
        self._prepared: Process | None = None
        self._template: Process | None = None
        self._candidate: Process | None = None
        """Imports the handler, to become the template or the first worker."""
        self._candidate_at = 0.0
        self._init_timer: asyncio.TimerHandle | None = None
        self._starting: set[Process] = set()
        self._processes: set[Process] = set()
        self._unclaimed: dict[int, int] = {}
        """Wait statuses of pids not known yet."""
        self._whole = False
        """Workers import the handler themselves, because what imported it first can't be forked."""
        self._line_buffers: dict[tuple[Process, int], bytes] = {}
        self._number = 0
        self._closing = False

    @property
    def processes(self) -> Iterator[Process]:
        """All, the prepared interpreter too."""
        return iter(self._processes)

    @property
    def template(self) -> Process | None:
        """The process with the handler imported, if there is one to fork."""
        return self._template

    @property
    def candidate(self) -> Process | None:
        """The process that imports the handler now."""
        return self._candidate

    # Beginning

    def adopt_prepared(self, pid: int, ends: Ends) -> None:
        """Take over the prepared interpreter, just spawned."""
        self._prepared = self._watch(ends)
        self._claim(self._prepared, pid)

    def adopt_candidate(self, ends: Ends) -> None:
        """Take over the process that imports the handler, just ordered."""
        self._candidate = self._watch(ends)
        self._candidate_at = self._loop.time()
        self._init_timer = self._loop.call_later(self._init_limit_seconds, self._stop_candidate)

    def initialise(self) -> None:
        """Import the handler (again)."""
        if self._candidate is None and not self._closing:
            ends = self._order(self._prepared, prepare=True)
            if ends is None:
                self._loop.call_later(_FORK_RETRY_SECONDS, self.initialise)
            else:
                self.adopt_candidate(ends)

    def abort_initialisation(self) -> None:
        """Kill the attempt under way: the invocations it was made for have timed out."""
        if self._candidate is not None:
            self._kill(self._candidate, "it took too long to initialise")

    def _stop_candidate(self) -> None:
        if self._candidate is not None:
            self._candidate.init_error = failures.init_failure(failures.time_out(self._init_limit_seconds))
            self._kill(self._candidate, "it took too long to initialise")

    # Staffing

    def staff(self, waiting: int) -> None:
        """Fork the workers that are missing, `waiting` invocations having none."""
        if self._closing or len(self.idle) + len(self.busy) + len(self._starting) >= self._slots:
            return
        if self._template is None and not self._whole:
            return
        missing = count_missing(
            slots=self._slots,
            coroutine=self.coroutine,
            ready=len(self.idle),
            busy=len(self.busy),
            starting=len(self._starting),
            waiting=waiting,
        )
        for _ in range(missing):
            ends = self._order(self._prepared if self._whole else self._template, prepare=False)
            if ends is None:
                return
            process = self._watch(ends)
            self._starting.add(process)
            if self._whole:
                self._loop.call_later(self._init_limit_seconds, self._stop_starting, process)

    def _stop_starting(self, process: Process) -> None:
        if process in self._starting:
            self._kill(process, "it took too long to initialise")

    def _order(self, source: Process | None, *, prepare: bool) -> Ends | None:
        if source is None:
            return None
        self._number += 1
        try:
            return order_fork(source.channel, self._number, prepare=prepare)
        except OSError:
            return None  # its end has not been seen yet, but will be; or descriptors are short for a moment

    def take(self) -> Process | None:
        """A worker for one invocation; None: none is ready."""
        if self.coroutine:
            return next(iter(self.busy), None)
        if not self.idle:
            return None
        process = self.idle.pop()
        self.busy.add(process)
        return process

    def give_back(self, process: Process) -> None:
        """The worker has answered."""
        if not self.coroutine and process in self.busy:
            self.busy.discard(process)
            self.idle.append(process)

    def kill(self, process: Process, why: str) -> None:
        """End a worker and all its descendants, at once."""
        self._retire(process)
        self._kill(process, why)

    def _kill(self, process: Process, why: str) -> None:
        if not process.pid:
            process.doomed = process.doomed or why
            return
        families = descendants.find_descendants(process.pid)
        process.kill(why)
        descendants.kill_all(families)
        if all(known.pid for known in self._processes):
            # Not while a worker is being forked: until it has said its pid, it looks like a stray.
            descendants.kill_all(descendants.find_strays({known.pid for known in self._processes}))

    # Watching

    def _watch(self, ends: Ends) -> Process:
        process = Process(self._loop, ends, on_frame=self._on_frame, on_output=self._on_output, on_silent=self._on_silent)
        self._processes.add(process)
        return process

    def _on_frame(self, process: Process, frame: frames.Frame) -> None:
        if frame.kind == frames.RESULT:
            self._events.crew_result(process, frame)
        elif frame.kind == frames.OUTPUT:
            self._feed_attributed(process, frame)
        elif frame.kind == frames.STARTED:
            self._claim(process, frame.value)
        elif frame.kind == frames.READY:
            self._on_ready(process, frame)
        elif frame.kind == frames.INIT_FAILED:
            process.init_error = failures.parse_init_error(frame.payload, frame.meta)

    def _claim(self, process: Process, pid: int) -> None:
        process.pid = pid
        if process.doomed:
            process.kill(process.doomed)
        status = self._unclaimed.pop(pid, None)
        if status is not None:
            self._loop.call_soon(self._bury, process, status)

    def _on_ready(self, process: Process, frame: frames.Frame) -> None:
        told = json.loads(frame.meta)
        first = process is self._candidate
        if first:
            self._candidate = None
            self._cancel_init_timer()
            self.coroutine = bool(told["coroutine"])
        if told["template"]:
            self._template, self._whole = process, False
        else:
            self._whole = self._whole or first
            self._starting.discard(process)
            if self.coroutine:
                self.busy.add(process)
            else:
                self.idle.append(process)
        if first:
            self._events.crew_initialised(float(told["durationMs"]))
        if not told["template"]:
            self._events.crew_ready()

    def _on_output(self, process: Process, lines: list[bytes]) -> None:
        self._events.crew_output(process, lines, 0)

    def _feed_attributed(self, process: Process, frame: frames.Frame) -> None:
        key = (process, frame.number)
        lines = (self._line_buffers.pop(key, b"") + frame.payload).split(b"\n")
        rest = lines.pop()
        if rest:
            self._line_buffers[key] = rest
        if lines:
            self._events.crew_output(process, lines, frame.number)

    def flush_output(self, process: Process, number: int) -> None:
        """Hand on all output of an invocation that has ended, its unfinished line too."""
        process.drain_output(end=not self.coroutine)
        if self._line_buffers:
            rest = self._line_buffers.pop((process, number), b"")
            if rest:
                self._events.crew_output(process, [rest], number)

    def hold_output(self, hold: bool) -> None:
        """Stop or go on reading all output."""
        for process in self._processes:
            if hold:
                process.hold_output()
            else:
                process.read_output_again()

    def _on_silent(self, process: Process) -> None:
        if not process.pid:
            self._bury(process, failures.KILLED)  # never came to life: the fork failed
        else:
            # Nearly always it is ending just now. A process that only closed its channel is of no use any more.
            self._loop.call_later(_SILENT_SECONDS, self._end_silent, process)

    def _end_silent(self, process: Process) -> None:
        self.reap()
        if process in self._processes:
            self._kill(process, "it closed its channel")

    # Ends

    def reap(self) -> None:
        """Collect every child that has ended, orphans too (SIGCHLD)."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            process = next((known for known in self._processes if known.pid == pid), None)
            if process is not None:
                self._bury(process, status)
            elif any(not known.pid for known in self._processes):
                self._unclaimed[pid] = status

    def _bury(self, process: Process, status: int) -> None:
        if process not in self._processes:
            return
        process.read_last_frames()
        if process.pid:
            process.kill("it has ended")  # what it has left behind in its group
        process.drain_output(end=True)
        self._processes.discard(process)
        for key in [key for key in self._line_buffers if key[0] is process]:
            del self._line_buffers[key]
        was_starting = process in self._starting
        self._retire(process)
        if process is self._candidate:
            self._bury_candidate(process, status)
        elif process is self._prepared:
            self._prepared = None
            if not self._closing:
                self._loop.call_later(_FORK_RETRY_SECONDS, self._respawn_prepared)
        elif process is self._template:
            self._template = None
            if not self._closing:
                self.initialise()
        elif not self._closing:
            if was_starting:
                if self._whole and process.pid:
                    ended = failures.init_failure(failures.explain_exit(status, out_of_memory=False))
                    self._events.crew_start_failed(process.init_error or ended)
                self._loop.call_later(_FORK_RETRY_SECONDS, self._events.crew_lost, process, status)
            else:
                self._events.crew_lost(process, status)
        self._events.crew_gone(process)
        process.close()

    def _bury_candidate(self, process: Process, status: int) -> None:
        self._candidate = None
        self._cancel_init_timer()
        error = process.init_error or failures.init_failure(failures.explain_exit(status, out_of_memory=False))
        if not self._closing:
            self._events.crew_init_failed(error, (self._loop.time() - self._candidate_at) * 1000)

    def _cancel_init_timer(self) -> None:
        if self._init_timer is not None:
            self._init_timer.cancel()
            self._init_timer = None

    def _retire(self, process: Process) -> None:
        self._starting.discard(process)
        self.busy.discard(process)
        if process in self.idle:
            self.idle.remove(process)

    def _respawn_prepared(self) -> None:
        try:
            pid, ends = self._respawn()
        except OSError:
            self._loop.call_later(_FORK_RETRY_SECONDS, self._respawn_prepared)
            return
        self.adopt_prepared(pid, ends)

    # Going

    def terminate(self, number: signal.Signals) -> None:
        """Send a signal to every process group; the crew forks no more."""
        self._closing = True
        self._cancel_init_timer()
        for process in list(self._processes):
            if process.pid:
                try:
                    os.killpg(process.pid, number)
                except ProcessLookupError:
                    continue
