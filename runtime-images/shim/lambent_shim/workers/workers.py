"""The pod's processes: forks workers before they are needed, hands them out, kills them, buries the dead.

Knows processes and their states, not invocations' outcomes: those are the owner's, told by `CrewEvents`.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from lambent_shim.limits import descendants
from lambent_shim.telemetry.lines import NumberedLines
from lambent_shim.workers import failures, frames
from lambent_shim.workers.ancestry import FORK_RETRY_SECONDS, Lineage
from lambent_shim.workers.forks import ForkWatch
from lambent_shim.workers.process import Process, reap_children
from lambent_shim.workers.spawn import Ends
from lambent_shim.workers.worker_count import count_missing

_SILENT_SECONDS: Final = 1.0
"""A process whose channel has closed and that lives on for so long has lost its use. Sooner would kill one that is on its way out, on a
node that is busy, and take its exit status from who asks."""


_SWEEP_SECONDS: Final = 0.01
"""Between two tries to end what has been left behind, while new processes are found."""
_SWEEPS_BEFORE_FREEZING: Final = 10
"""Others of the pod's processes have done nothing, and stand still for none but what ordinary sweeps cannot end."""
_MOST_SWEEPS: Final = 500
_MOST_STUCK: Final = 3
"""So often, one after another, a process that forks is replaced before the pod is given up."""
_START_SECONDS: Final = 10.0
"""What a worker takes at most to be ready that has nothing to import."""


class CrewEvents(Protocol):
    """What the crew tells its owner."""

    def crew_initialised(self, duration_ms: float, apart: str) -> None:
        """The handler is imported; `apart` says why each worker does so for itself, empty where they share it."""

    def crew_init_failed(self, error: failures.InitError, duration_ms: float) -> None:
        """The handler could not be imported."""

    def crew_ready(self) -> None:
        """A worker has become ready, or can be forked again."""

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

    def crew_importing(self) -> None:
        """A process begins to import the handler."""

    def crew_stuck(self) -> None:
        """A process that was to fork does not, and is replaced."""

    def crew_lost_all(self, why: str) -> None:
        """Nothing can be forked any more, or processes cannot be ended: the pod is of no use."""


class Crew:
    """All processes that hold user code; implements lineage.Keeper."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        events: CrewEvents,
        *,
        slots: int,
        init_limit_seconds: float,
        timed_out: failures.Failure,
        sharing: int,
        respawn: Callable[[], tuple[int, Ends]],
    ) -> None:
        self.coroutine = False
        self.idle: deque[Process] = deque()
        self.busy: set[Process] = set()
        """For a coroutine handler: its one worker, once ready."""
        self.lineage = Lineage(loop, self, init_limit_seconds=init_limit_seconds, timed_out=timed_out, sharing=sharing, respawn=respawn)
        self._loop = loop
        self._events = events
        self._slots = slots
        self._init_limit_seconds = init_limit_seconds
        self._timed_out = timed_out
        self._starting: set[Process] = set()
        self._processes: set[Process] = set()
        self._unclaimed: dict[int, int] = {}
        """Wait statuses of pids not known yet."""
        self._numbered: dict[Process, NumberedLines] = {}
        self._forks = ForkWatch(loop, self._replace_stuck)
        self._stuck = 0
        """Replacements since the last fork that came."""
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._sweeps = 0
        self._closing = False

    @property
    def is_stuck(self) -> bool:
        """Whether forks have been due for long, and none has come since."""
        return self._stuck > 0

    @property
    def processes(self) -> Iterator[Process]:
        """All, the prepared interpreter too."""
        return iter(self._processes)

    # Staffing

    def staff(self, waiting: int) -> None:
        """Fork the workers that are missing, `waiting` invocations having none."""
        if self._closing or not self.lineage.fertile:
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
            ends = self.lineage.order_worker()
            if ends is None:
                return
            process = self.watch(ends)
            self._starting.add(process)
            if self.lineage.source is not None:
                self.expect(process, self.lineage.source)
            limit = self._init_limit_seconds if self.lineage.whole else _START_SECONDS
            self._loop.call_later(limit, self._stop_starting, process)

    def expect(self, child: Process, source: Process) -> None:
        """A fork has been ordered: whoever does not do it is replaced."""
        self._forks.expect(child, source)

    def _replace_stuck(self, source: Process) -> None:
        self._stuck += 1
        if self._stuck > _MOST_STUCK and not self._closing:
            self._events.crew_lost_all("no process can be forked")
        else:
            self._events.crew_stuck()
            self.end(source, "it does not go on")

    def _stop_starting(self, process: Process) -> None:
        if process in self._starting:
            if self.lineage.whole:
                process.init_error = failures.init_failure(self._timed_out)
            self.end(process, "it took too long to initialise")

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
        self.end(process, why)

    def end(self, process: Process, why: str) -> None:
        """Kill any process and all its descendants."""
        if not process.pid:
            process.doomed = process.doomed or why
            return
        families = descendants.find_descendants(process.pid)
        process.kill(why)
        descendants.kill_all(families)
        self._sweep()

    def give_up(self, process: Process) -> None:
        """End a process that has not come in time, if it has come at all."""
        if process.pid:
            self.end(process, "it did not come")
        else:
            self._bury(process, failures.KILLED)

    def _sweep(self) -> None:
        """End what has left a worker that has ended, as often as it takes."""
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
            self._sweep_timer = None
        known = {process.pid for process in self._processes}
        if 0 not in known:
            # Not while a worker is being forked: until it has said its pid, it looks like a stray.
            if descendants.end_strays(known, frozen=self._sweeps >= _SWEEPS_BEFORE_FREEZING):
                self._sweeps = 0
                return
            self._sweeps += 1
            if self._sweeps > _MOST_SWEEPS and not self._closing:
                self._events.crew_lost_all("processes of the function cannot be ended")
                return
        self._sweep_timer = self._loop.call_later(_SWEEP_SECONDS, self._sweep)

    # Watching

    def watch(self, ends: Ends) -> Process:
        """Take over a process that has just been ordered."""
        process = Process(self._loop, ends, on_frame=self._on_frame, on_output=self._on_output, on_silent=self._on_silent)
        self._processes.add(process)
        return process

    def take_over(self, prepared: Process, candidate: Process, apart: Ends) -> None:
        """Take over a generic pod's processes; the candidate has just been told what to import, and to fork a template off."""
        for process in (prepared, candidate):
            process.attend(on_frame=self._on_frame, on_output=self._on_output, on_silent=self._on_silent)
            self._processes.add(process)
        self.lineage.continue_with(prepared, candidate, self.watch(apart))
        self._events.crew_importing()

    def _on_frame(self, process: Process, frame: frames.Frame) -> None:
        if frame.kind == frames.RESULT:
            self._events.crew_result(process, frame)
        elif frame.kind == frames.OUTPUT:
            self._feed_attributed(process, frame)
        elif frame.kind == frames.STARTED:
            self.claim(process, frame.value)
        elif frame.kind == frames.READY:
            self._on_ready(process, frame)
        elif frame.kind == frames.INIT_FAILED:
            process.init_error = failures.parse_init_error(frame.payload, frame.meta)

    def claim(self, process: Process, pid: int) -> None:
        """A process's pid is known."""
        process.pid = pid
        self._forks.settle(process)
        if process in self._starting or self.lineage.is_expected(process):
            self._forks.expect(process, process)
        if process is self.lineage.candidate:
            self._events.crew_importing()
        if process.doomed:
            process.kill(process.doomed)
        status = self._unclaimed.pop(pid, None)
        if status is not None:
            self._loop.call_soon(self._bury, process, status)

    def _on_ready(self, process: Process, frame: frames.Frame) -> None:
        if process.doomed:
            return  # it was ready too late
        process.drain_output(end=True)  # what its import has printed belongs to that
        told = json.loads(frame.meta)
        self._forks.settle(process)
        self._stuck = 0
        template = bool(told["template"])
        first = self.lineage.succeeded(process, template=template, apart=bool(told["apart"]))
        if first:
            self.coroutine = bool(told["coroutine"])
        if not template:
            self._starting.discard(process)
            if self.coroutine:
                self.busy.add(process)
            else:
                self.idle.append(process)
        if first:
            self._events.crew_initialised(float(told["durationMs"]), str(told["why"]))
        if not template or not first:
            self._events.crew_ready()

    def is_fertile_again(self) -> None:
        """The prepared interpreter has been started again: whoever waits for a worker can have one."""
        self._events.crew_ready()

    def initialisation_failed(self, error: failures.InitError, duration_ms: float) -> None:
        """The process that was to import the handler has ended without."""
        self._events.crew_init_failed(error, duration_ms)

    def _on_output(self, process: Process, lines: list[bytes]) -> None:
        self._events.crew_output(process, lines, 0)

    def _feed_attributed(self, process: Process, frame: frames.Frame) -> None:
        lines = self._numbered.setdefault(process, NumberedLines()).feed(frame.number, frame.payload)
        if lines:
            self._events.crew_output(process, lines, frame.number)

    def flush_output(self, process: Process, number: int) -> None:
        """Hand on all output of an invocation that has ended, its unfinished line too."""
        process.drain_output(end=not self.coroutine)
        if process in self._numbered:
            lines = self._numbered[process].flush(number)
            if lines:
                self._events.crew_output(process, lines, number)

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
            self.end(process, "it closed its channel")

    # Ends

    def reap(self) -> None:
        """Collect every child that has ended, orphans too (SIGCHLD)."""
        for pid, status in reap_children():
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
        self._forks.settle(process)
        self._numbered.pop(process, None)
        was_starting = process in self._starting
        self._retire(process)
        if not self.lineage.bury(process, status) and not self._closing:
            if was_starting:
                if self.lineage.whole and process.pid:
                    ended = failures.init_failure(failures.explain_exit(status, out_of_memory=False))
                    self._events.crew_start_failed(process.init_error or ended)
                self._loop.call_later(FORK_RETRY_SECONDS, self._events.crew_lost, process, status)
            else:
                self._events.crew_lost(process, status)
        self._events.crew_gone(process)
        process.close()
        if process.pid and not self._closing and self._sweep_timer is None:
            self._sweep()

    def _retire(self, process: Process) -> None:
        self._starting.discard(process)
        self.busy.discard(process)
        if process in self.idle:
            self.idle.remove(process)

    # Going

    def terminate(self, number: signal.Signals) -> None:
        """Send a signal to every process group; the crew forks no more."""
        self._closing = True
        self.lineage.close()
        for process in list(self._processes):
            process.send_signal(number)
