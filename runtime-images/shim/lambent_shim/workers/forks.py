"""Watches forks that have been ordered: a process that is to fork and does not is told of, so that it can be replaced.

User code may stop the process that workers are forked from, where the kernel cannot keep it from that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple

from lambent_shim.limits.procfs import read_progress
from lambent_shim.workers.process import Process

LOOK_SECONDS: Final = 0.25
STOPPED_LOOKS: Final = 2
"""A process that is stopped (SIGSTOP, or traced) at so many looks one after another does not fork."""
IDLE_LOOKS: Final = 20
"""Nor does one that sleeps and uses no CPU: five seconds, where a fork takes milliseconds. One that waits for a CPU is not asleep."""


class Look(NamedTuple):
    """What was seen of a process that is to fork."""

    looks: int
    """For how many looks it has not gone on."""
    ticks: int
    """CPU time that it had used then."""


def judge(before: Look | None, state: str, ticks: int) -> tuple[Look, bool]:
    """What is now seen of the process, and whether it has to be replaced. Pure.

    `state` is the kernel's letter (proc(5), stat), empty where the process is gone, which is for others to notice.
    """
    goes_on = before is None or ticks != before.ticks or state not in {"T", "t", "S", "D"}
    look = Look(0 if goes_on or before is None else before.looks + 1, ticks)
    return look, look.looks >= (STOPPED_LOOKS if state in {"T", "t"} else IDLE_LOOKS)


class ForkWatch:
    """Looks while forks are due; costs a dictionary entry for each that comes in time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_stuck: Callable[[Process], None]) -> None:
        self._loop = loop
        self._on_stuck = on_stuck
        self._due: dict[Process, Process] = {}
        """Who forks, by the child."""
        self._seen: dict[Process, Look] = {}
        self._timer: asyncio.TimerHandle | None = None

    def expect(self, child: Process, source: Process) -> None:
        """A fork has been ordered; or, where both are the same, a process has been forked and makes itself ready, however
        long that takes.
        """
        self._due[child] = source
        if self._timer is None:
            self._timer = self._loop.call_later(LOOK_SECONDS, self._look)

    def settle(self, child: Process) -> None:
        """The child lives, or never will."""
        source = self._due.pop(child, None)
        if source is not None and self._seen:
            self._seen.pop(source, None)

    def _look(self) -> None:
        self._timer = None
        stuck = []
        for source in set(self._due.values()):
            if source.pid and not source.doomed:
                state, ticks = read_progress(source.pid)
                if self._due.get(source) is source and state not in {"T", "t"}:
                    continue
                self._seen[source], is_stuck = judge(self._seen.get(source), state, ticks)
                if is_stuck:
                    stuck.append(source)
        for source in stuck:
            self._seen.pop(source, None)
            self._on_stuck(source)
        if self._due:
            self._timer = self._loop.call_later(LOOK_SECONDS, self._look)
