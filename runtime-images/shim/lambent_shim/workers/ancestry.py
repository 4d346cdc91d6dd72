"""What workers are forked from: the prepared interpreter, and the template that has imported the handler; keeps both alive.

    prepared interpreter ── candidate (imports the handler) ── becomes the template ── workers
In a pool pod the candidate serves, and its first child becomes the template: the invocation that waits needs no fork.
Where a process that has imported the handler can't be forked, there is no template: it becomes a worker, and so does every later
child of the prepared interpreter (`whole`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from lambent_shim.workers import failures
from lambent_shim.workers.process import Process
from lambent_shim.workers.spawn import Ends, order_fork

FORK_RETRY_SECONDS: Final = 0.1
_MOST_FORK_RETRIES: Final = 3
_APART_SECONDS: Final = 5.0
"""The template that a serving process leaves behind comes some ten milliseconds after it; whoever could has stopped one that does not."""


class Keeper(Protocol):
    """Who keeps the processes themselves."""

    def watch(self, ends: Ends) -> Process:
        """Take over a process that has just been ordered."""

    def claim(self, process: Process, pid: int) -> None:
        """A process's pid is known."""

    def expect(self, child: Process, source: Process) -> None:
        """A fork has been ordered."""

    def end(self, process: Process, why: str) -> None:
        """Kill a process and all its descendants."""

    def give_up(self, process: Process) -> None:
        """End a process that has not come in time, if it has come at all."""

    def is_fertile_again(self) -> None:
        """Workers that could not be ordered can be now."""

    def initialisation_failed(self, error: failures.InitError, duration_ms: float) -> None:
        """The candidate has ended without a handler."""


class Lineage:
    """The ancestors of a pod's workers."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        keeper: Keeper,
        *,
        init_limit_seconds: float,
        timed_out: failures.Failure,
        sharing: int,
        respawn: Callable[[], tuple[int, Ends]],
    ) -> None:
        self.template: Process | None = None
        """The process with the handler imported, if there is one to fork."""
        self.candidate: Process | None = None
        """The process that imports the handler now, to become the template or the first worker."""
        self.whole = False
        """Workers import the handler themselves, because what imported it first can't be forked."""
        self._loop = loop
        self._keeper = keeper
        self._init_limit_seconds = init_limit_seconds
        self._timed_out = timed_out
        """What callers are told of an initialisation that takes too long, whoever stops it."""
        self._sharing = sharing
        """Flags of FORK: whether workers may be forked from a process that has imported the handler."""
        self._respawn = respawn
        self._prepared: Process | None = None
        self._apart: Process | None = None
        """The template that the candidate forks off, until it is one."""
        self._candidate_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._number = 0
        self._fork_retries = 0
        self._closing = False

    @property
    def prepared(self) -> Process | None:
        """The prepared interpreter, while it lives."""
        return self._prepared

    def adopt_prepared(self, pid: int, ends: Ends) -> None:
        """Take over the prepared interpreter, just spawned."""
        self._prepared = self._keeper.watch(ends)
        self._keeper.claim(self._prepared, pid)

    def adopt_candidate(self, ends: Ends) -> None:
        """Take over the process that imports the handler, just ordered."""
        candidate = self._keeper.watch(ends)
        if self._prepared is not None:
            self._keeper.expect(candidate, self._prepared)
        self._expect(candidate)

    def continue_with(self, prepared: Process, candidate: Process, apart: Process) -> None:
        """A generic pod's, that are there already, and the template that the candidate will fork off."""
        self._prepared = prepared
        self._apart = apart
        self._number = 1
        self._expect(candidate)

    def _expect(self, candidate: Process) -> None:
        self.candidate = candidate
        self._candidate_at = self._loop.time()
        self._timer = self._loop.call_later(self._init_limit_seconds, self.abort_initialisation)

    def initialise(self) -> None:
        """Import the handler (again)."""
        if self.candidate is None and not self._closing:
            ends = self._order(self._prepared, prepare=True)
            if ends is None:
                self._loop.call_later(FORK_RETRY_SECONDS, self.initialise)
            else:
                self.adopt_candidate(ends)

    def abort_initialisation(self) -> None:
        """Give up the attempt under way, if there is one: it takes too long. Whoever asks for another need not wait for its end."""
        candidate = self.candidate
        if candidate is None:
            return
        self.candidate = self._apart = None
        self._cancel_timer()
        self._keeper.end(candidate, "it took too long to initialise")
        self._fail_candidate(failures.init_failure(self._timed_out))

    def _fail_candidate(self, error: failures.InitError) -> None:
        if not self._closing:
            self._keeper.initialisation_failed(error, (self._loop.time() - self._candidate_at) * 1000)

    def succeeded(self, process: Process, *, template: bool, apart: bool) -> bool:
        """A process has imported the handler, or was forked from one that has; whether it is the candidate."""
        first = process is self.candidate
        if first:
            self.candidate = None
            self._fork_retries = 0
            self._cancel_timer()
        if template:
            self.template, self.whole, self._apart = process, False, None
        elif first and not apart:
            self.whole, self._apart = True, None
        elif first and self._apart is not None:
            self._loop.call_later(_APART_SECONDS, self._stop_waiting, self._apart)
        elif first:
            self.initialise()
        return first

    def is_expected(self, process: Process) -> bool:
        """Whether it has the handler to import, or is to be the template."""
        return process is self.candidate or process is self._apart

    def _stop_waiting(self, apart: Process) -> None:
        if apart is self._apart and not self._closing:
            self._keeper.give_up(apart)

    @property
    def fertile(self) -> bool:
        """Whether workers can be ordered."""
        return self.template is not None or self.whole

    def order_worker(self) -> Ends | None:
        """The shim's ends of one more worker; None: not now."""
        return self._order(self.source, prepare=False)

    @property
    def source(self) -> Process | None:
        """What workers are forked from."""
        return self._prepared if self.whole else self.template

    def _order(self, source: Process | None, *, prepare: bool) -> Ends | None:
        if source is None:
            return None
        self._number += 1
        try:
            return order_fork(source.channel, self._number, prepare=prepare, sharing=self._sharing if prepare else 0)
        except OSError:
            return None  # its end has not been seen yet, but will be; or descriptors are short for a moment

    def bury(self, process: Process, status: int) -> bool:
        """A process has ended: replace it. False: it is no ancestor."""
        if process is self.candidate:
            self.candidate = self._apart = None
            self._cancel_timer()
            if not process.pid and not process.init_error and self._fork_retries < _MOST_FORK_RETRIES:
                # What was to fork it has ended first: that says nothing of the handler.
                self._fork_retries += 1
                self._loop.call_later(FORK_RETRY_SECONDS, self.initialise)
                return True
            self._fork_retries = 0
            out_of_memory = process.doomed == failures.OUT_OF_MEMORY
            self._fail_candidate(process.init_error or failures.init_failure(failures.explain_exit(status, out_of_memory=out_of_memory)))
        elif process is self._prepared:
            self._prepared = None
            if not self._closing:
                self._loop.call_later(FORK_RETRY_SECONDS, self._respawn_prepared)
        elif process is self.template:
            self.template = None
            self.initialise()
        elif process is self._apart:
            self._apart = None
            if self.candidate is None:
                self.initialise()
        else:
            return False
        return True

    def _respawn_prepared(self) -> None:
        if self._closing:
            return
        try:
            pid, ends = self._respawn()
        except OSError:
            self._loop.call_later(FORK_RETRY_SECONDS, self._respawn_prepared)
            return
        self.adopt_prepared(pid, ends)
        if self.whole:
            self._keeper.is_fertile_again()

    def close(self) -> None:
        """Begin nothing any more."""
        self._closing = True
        self._cancel_timer()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
