"""Runs invocations: gives them to workers, watches their time and memory, says what came of them.

State changes are synchronous; nothing here awaits. Slots and links are `links`' business, processes `crew`'s.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from lambent_shim.configuration import Configuration
from lambent_shim.deadline_timer import Alarm
from lambent_shim.link import wire
from lambent_shim.link.invocation import Invocation
from lambent_shim.link.links import Links
from lambent_shim.telemetry.counters import Tally
from lambent_shim.telemetry.lines import Tail
from lambent_shim.telemetry.platform_lines import Usage
from lambent_shim.workers import failures, frames
from lambent_shim.workers.failures import Failure, InitError
from lambent_shim.workers.memory_watch import MOST_PROCESSES, MemoryWatch
from lambent_shim.workers.outcome import describe_failure, describe_success, encode_result_meta
from lambent_shim.workers.pod_log import PodLog
from lambent_shim.workers.process import Process
from lambent_shim.workers.workers import Crew

ABANDON_GRACE_SECONDS: Final = 0.5
"""How long a coroutine may take to end after its cancellation before its worker is killed."""

_NEAR_LIMIT: Final = 0.9
_FILE_TIME_SECONDS: Final = 0.1
"""A file's time is the kernel's last tick, which on a busy virtual machine is up to so much before the clock."""
_WORTH_SHARING_MS: Final = 100
"""An import that takes longer is better shared: where it can't be, its author may want to know why."""


class Supervisor:
    """The pod's invocations; implements links.Runner and crew.CrewEvents."""

    def __init__(
        self,
        configuration: Configuration,
        loop: asyncio.AbstractEventLoop,
        log: PodLog,
        links: Links,
        *,
        on_lost: Callable[[str], None],
    ) -> None:
        self.configuration = configuration
        self.tally = Tally()
        self.links = links
        self.init: dict[str, Any] | None = None
        """INIT's object, once an initialisation has ended."""
        self.crew: Crew
        self.watch: MemoryWatch
        self._loop = loop
        self._log = log
        self._on_lost = on_lost
        self._limit = configuration.timeout_seconds
        self._memory_mib = configuration.memory_mib
        self._running: dict[int, Invocation] = {}
        self._waiting: deque[Invocation] = deque()
        self._number = 0
        self._init_ms: float | None = None
        self._init_printed: Tail | None = None
        """What the import that came first has printed, until the first invocation has begun."""
        self._alarm = Alarm(loop, self._limit, self._time_out)

    def why_not_ready(self) -> str:
        """What an invocation sent now would miss; empty when it would be served."""
        if self.links.draining:
            return "draining"
        if self.init is None:
            return "initialising"
        if not self.init["ok"]:
            return f"initialisation failed: {self.init['errorType']}"
        if self.crew.is_stuck:
            return "no worker can be forked"
        return "" if self.links.welcomed else "no activator has welcomed this pod"

    # Invocations

    def withdraw(self, invocation: Invocation) -> None:
        """Its caller or its link is gone before a worker had it."""
        if invocation in self._waiting:
            self._waiting.remove(invocation)
        self._alarm.end(invocation)

    def refuse_too_large(self, invocation: Invocation, limit: int) -> None:
        """Its event is over the limit."""
        failure = Failure(failures.TOO_LARGE, "RequestTooLargeException", f"event is over {limit} bytes")
        self._finish(invocation, failure.encode(invocation.request_id), failures.TOO_LARGE)

    def begin(self, invocation: Invocation) -> None:
        """All of the event is here."""
        if self.init is not None and not self.init["ok"]:
            # As on Lambda: the initialisation is repeated for the invocation, within its timeout.
            self._start_clock(invocation, time.monotonic())
            self._waiting.append(invocation)
            self.crew.lineage.initialise()
            return
        process = self.crew.take()
        if process is None:
            self._waiting.append(invocation)
        else:
            self._dispatch(invocation, process)
        self.crew.staff(len(self._waiting))

    def _start_clock(self, invocation: Invocation, now: float) -> None:
        invocation.started_at = now
        self._alarm.begin(invocation, now)
        self._log.start(invocation.request_id, invocation.tail)

    def _dispatch(self, invocation: Invocation, process: Process) -> None:
        running = self._running
        number = self._number % 0xFFFFFFFF + 1
        while number in running:
            number = number % 0xFFFFFFFF + 1
        self._number = invocation.number = number
        invocation.process = process
        running[number] = invocation
        if process.printed is not None:
            self._begin_with_imports_output(invocation, process.printed)
            process.printed = None
        now = time.monotonic()
        if not invocation.started_at:
            self._start_clock(invocation, now)
        left_ms = max(1, int((invocation.started_at + self._limit - now) * 1000))
        process.send(frames.encode(frames.INVOKE, number, invocation.take_event(), value=left_ms, meta=invocation.meta))
        self.tally.running = len(running)
        self.watch.wake()

    def _begin_with_imports_output(self, invocation: Invocation, printed: Tail) -> None:
        """As on Lambda, what an import prints stands at the head of the log of the environment's first invocation."""
        if invocation.tail is not None and not invocation.started_at:
            if self._init_printed is not None:
                invocation.tail.add(self._init_printed.read())
            invocation.tail.add(printed.read())
        self._init_printed = None

    def _dispatch_waiting(self) -> None:
        while self._waiting:
            process = self.crew.take()
            if process is None:
                break
            self._dispatch(self._waiting.popleft(), process)
        self.crew.staff(len(self._waiting))

    def _time_out(self, invocation: Invocation) -> None:
        failure = failures.time_out(self._limit)
        process = invocation.process
        if process is None:
            self._waiting.remove(invocation)
            self._fail(invocation, failure, at_limit=True)
            if not self._waiting:
                self.crew.lineage.abort_initialisation()
        elif self.crew.coroutine:
            # Its slot is free only once the coroutine has ended, so the answer waits for that, but not for long.
            invocation.timed_out = True
            process.send(frames.encode(frames.ABANDON, invocation.number))
            self._loop.call_later(ABANDON_GRACE_SECONDS, self._end_abandoned, invocation, process)
        else:
            self.crew.kill(process, "timeout")
            self._fail(invocation, failure, at_limit=True)
            self._dispatch_waiting()

    def _end_abandoned(self, invocation: Invocation, process: Process) -> None:
        if self._running.get(invocation.number) is invocation:
            self.crew.kill(process, "a coroutine did not end at its timeout")

    def crew_result(self, process: Process, frame: frames.Frame) -> None:
        """RESULT of a worker."""
        invocation = self._running.get(frame.number)
        if frame.value > process.told_kib:
            process.told_kib = frame.value
        if invocation is None or invocation.process is not process:
            return  # of an invocation that has been answered; the process is doomed
        if invocation.timed_out:
            self._fail(invocation, failures.time_out(self._limit), at_limit=True)
            return
        self._finish(invocation, frame.payload, failures.reason_of_result(frame.flags) if frame.flags else None)
        self.crew.give_back(process)
        if self._waiting:
            self._dispatch_waiting()

    def crew_lost(self, process: Process, status: int) -> None:
        """A worker has ended: so have its invocations."""
        # A kill near the limit that is not the shim's own was the kernel's.
        near_limit = process.watched_kib > self.configuration.memory_mib * 1024 * _NEAR_LIMIT
        out_of_memory = process.doomed == failures.OUT_OF_MEMORY or (not process.doomed and near_limit)
        self._fail_all(process, failures.explain_exit(status, out_of_memory=out_of_memory))
        self.crew_gone(process)
        self._dispatch_waiting()

    def crew_gone(self, process: Process) -> None:
        """Nothing more will be asked about this process."""
        self.watch.forget(process)

    def crew_importing(self) -> None:
        """What an import takes counts as what an invocation does."""
        self.watch.wake()

    def crew_stuck(self) -> None:
        """Somebody has stopped what workers are forked from, or what is to be one."""
        self._log.note("a process that a worker is to be forked from, or is to become one, does not go on: it is replaced")

    def crew_lost_all(self, why: str) -> None:
        """No worker will come any more: who waits for one fails, and the pod ends with what runs."""
        failure = Failure(failures.EXIT, failures.EXIT_ERROR, f"Runtime exited with error: {why}")
        waiting = list(self._waiting)
        self._waiting.clear()
        for invocation in waiting:
            self._fail(invocation, failure)
        self._on_lost(why)

    def exceed_memory(self, process: Process) -> None:
        """The worker uses more than the function may: end it, and fail what it runs as Lambda does."""
        self._blame(process)
        self.crew.kill(process, failures.OUT_OF_MEMORY)
        self._fail_all(process, failures.explain_exit(failures.KILLED, out_of_memory=True))
        self._dispatch_waiting()

    def exceed_processes(self, process: Process, count: int) -> None:
        """The worker has started more processes than a function may: end them all, and fail what it runs."""
        self.crew.kill(process, failures.TOO_MANY_PROCESSES)
        self._fail_all(process, failures.too_many_processes(count, MOST_PROCESSES))
        self._dispatch_waiting()

    def exceed_storage(self, process: Process, what: str) -> None:
        """The worker has written more than the function may keep: end it, and fail what it runs."""
        if process not in self.active:
            self._log.note(f"a worker that runs nothing is ended for the files that it keeps open: {what}")
        self._blame(process)
        self.crew.kill(process, failures.STORAGE_FULL)
        self._fail_all(process, failures.storage_full(what))
        self._dispatch_waiting()

    def _blame(self, process: Process) -> None:
        started = min((invocation.started_at for invocation in self._running_on(process)), default=time.monotonic())
        self.watch.blame(process, time.time() - (time.monotonic() - started) - _FILE_TIME_SECONDS)

    def _fail_all(self, process: Process, failure: Failure) -> None:
        """What a process ran ends with it; what was to end at its timeout fails as that."""
        for invocation in self._running_on(process):
            timed_out = invocation.timed_out
            self._fail(invocation, failures.time_out(self._limit) if timed_out else failure, at_limit=timed_out)

    @property
    def active(self) -> set[Process]:
        """Workers that run an invocation, and who imports the handler."""
        active = {invocation.process for invocation in self._running.values() if invocation.process is not None}
        candidate = self.crew.lineage.candidate
        if candidate is not None:
            active.add(candidate)
        return active

    def _fail(self, invocation: Invocation, failure: Failure, *, at_limit: bool = False) -> None:
        """Answer for a process that did not."""
        if invocation.process is not None:
            self.crew.flush_output(invocation.process, invocation.number)
        timed_out = failure.reason == failures.TIMEOUT
        self._log.failure(invocation.request_id, failure, invocation.tail, timed_out=timed_out)
        status = "timeout" if timed_out else "failure"
        self._finish(
            invocation,
            failure.encode(invocation.request_id),
            failure.reason,
            status=status,
            error_type=failure.error_type,
            duration=self._limit if at_limit else None,
        )

    def _finish(
        self,
        invocation: Invocation,
        payload: bytes,
        reason: str | None,
        *,
        status: str = "",
        error_type: str = "",
        duration: float | None = None,
    ) -> None:
        """Log the end, answer, free the slot."""
        process = invocation.process
        if duration is None:
            duration = time.monotonic() - invocation.started_at if invocation.started_at else 0.0
        self._alarm.end(invocation)
        peak_mib = 0
        if process is not None:
            self.crew.flush_output(process, invocation.number)
            del self._running[invocation.number]
            # As Lambda's REPORT, never over what the function may use.
            peak_mib = min(self._memory_mib, (max(process.told_kib, process.watched_kib) + 1023) // 1024)
        usage = Usage(duration * 1000, self._memory_mib, peak_mib, self._init_ms)
        self._init_ms = None
        if invocation.started_at:
            self._log.end(invocation.request_id, usage, invocation.tail, status or ("error" if reason else "success"), error_type)
        self.tally.count(reason, duration, peak_mib)
        self.tally.running = len(self._running)
        self.links.answer(invocation, wire.FUNCTION_ERROR if reason else 0, encode_result_meta(usage, reason, invocation.tail), payload)

    # Crew

    def crew_initialised(self, duration_ms: float, apart: str) -> None:
        """Tell every activator, and serve who waits."""
        if apart and duration_ms >= _WORTH_SHARING_MS:
            self._log.note(f"each worker imports the handler for itself: {apart}")
        repeated = self.init is not None
        if not repeated:
            self._init_ms = duration_ms
        self._tell_init(describe_success(duration_ms))
        self._dispatch_waiting()

    def crew_init_failed(self, error: InitError, duration_ms: float) -> None:
        """Tell every activator, and answer who waits with the error."""
        self._log.init_failure(error)
        self._log.init_report(duration_ms, error, repeated=self.init is not None)
        self._init_printed = None
        self._tell_init(describe_failure(error, duration_ms))
        waiting = list(self._waiting)
        self._waiting.clear()
        for invocation in waiting:
            self._fail_to_start(invocation, error)

    def crew_start_failed(self, error: InitError) -> None:
        """One worker less than hoped for: so is one of those that wait."""
        self._log.init_failure(error)
        if self._waiting:
            self._fail_to_start(self._waiting.popleft(), error)

    def _fail_to_start(self, invocation: Invocation, error: InitError) -> None:
        payload, reason = error.encode(invocation.request_id)
        status = "timeout" if reason == failures.TIMEOUT else "failure"
        self._finish(invocation, payload, reason, status=status, error_type=error.error_type)

    def _tell_init(self, outcome: dict[str, Any]) -> None:
        self.init = outcome
        self.tally.initialised(ok=outcome["ok"], duration_ms=outcome["durationMs"])
        self.links.tell_init(outcome)

    def crew_ready(self) -> None:
        """A worker is ready."""
        self._dispatch_waiting()

    def crew_output(self, process: Process, lines: list[bytes], number: int) -> None:
        """Log lines with the invocation they belong to."""
        if number:
            invocation = self._running.get(number)
        elif process is self.crew.lineage.candidate:
            # An initialisation that is repeated for an invocation belongs to it.
            invocation = self._waiting[0] if self._waiting else None
        else:
            running = self._running_on(process)
            invocation = running[0] if len(running) == 1 else None
        if invocation is None:
            self._log.output(lines, "", self._choose_printed(process))
        else:
            self._log.output(lines, invocation.request_id, invocation.tail)

    def _choose_printed(self, process: Process) -> Tail | None:
        """Where output goes that no invocation has asked for, besides the pod's log."""
        if process is not self.crew.lineage.candidate:
            return process.printed
        # It may become a template, which serves nobody.
        self._init_printed = self._init_printed or Tail()
        return self._init_printed

    def _running_on(self, process: Process) -> list[Invocation]:
        return [each for each in self._running.values() if each.process is process]

    def hold_output(self, hold: bool) -> None:
        """The pod's log is not read fast enough (or is again): let the processes wait."""
        self.crew.hold_output(hold)
