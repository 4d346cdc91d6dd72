"""Watches the memory of workers while invocations run, and ends the worst worker before the kernel acts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Final

from lambent_shim.descendants import find_descendants
from lambent_shim.memory import Reading, judge, judge_exact
from lambent_shim.process import Process
from lambent_shim.procfs import StatmReader, read_proportional, read_statm

_FAMILY_SECONDS: Final = 0.05
"""How often to look for processes that a handler has started."""
_MEASURE_SECONDS: Final = 0.1
"""How often to measure exactly, which takes the kernel a millisecond per 100 MiB."""


class MemoryWatch:
    """Samples while `active()` gives workers that run something; costs nothing in between."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        limit_mib: int,
        active: Callable[[], Iterable[Process]],
        template: Callable[[], Process | None],
        on_excess: Callable[[Process], None],
    ) -> None:
        self._loop = loop
        self._limit_kib = limit_mib * 1024
        self._active = active
        self._template = template
        self._on_excess = on_excess
        self._timer: asyncio.TimerHandle | None = None
        self._readers: dict[Process, StatmReader] = {}
        self._families: dict[Process, list[int]] = {}
        self._families_at = 0.0
        self._measured_at = 0.0

    def wake(self) -> None:
        """An invocation has started."""
        if self._timer is None:
            self._timer = self._loop.call_later(0.001, self._look)

    def forget(self, process: Process) -> None:
        """The process has ended."""
        reader = self._readers.pop(process, None)
        if reader is not None:
            reader.close()
        self._families.pop(process, None)

    def _look(self) -> None:
        self._timer = None
        workers = [process for process in self._active() if process.pid and not process.doomed]
        if not workers:
            return
        now = time.monotonic()
        if now - self._families_at > _FAMILY_SECONDS:
            self._families_at = now
            self._families = {process: find_descendants(process.pid) for process in workers}
        template = self._template()
        template_kib = read_statm(template.pid)[0] if template is not None and template not in workers else 0
        verdict = judge(self._limit_kib, template_kib, {process: self._read(process) for process in workers})
        if verdict.kill is not None:
            self._on_excess(verdict.kill)
        elif verdict.measure and now - self._measured_at > _MEASURE_SECONDS:
            self._measured_at = now
            self._measure(workers, template)
        self._timer = self._loop.call_later(verdict.look_again_seconds, self._look)

    def _read(self, process: Process) -> Reading:
        reader = self._readers.get(process)
        if reader is None:
            try:
                reader = self._readers[process] = StatmReader(process.pid)
            except OSError:
                return Reading(0, 0)
        resident, promised = reader.read()
        for pid in self._families.get(process, ()):
            more_resident, more_promised = read_statm(pid)
            resident += more_resident
            promised += more_promised
        process.watched_kib = max(process.watched_kib, resident)
        return Reading(resident, promised)

    def _measure(self, workers: list[Process], template: Process | None) -> None:
        base = read_proportional(template.pid) if template is not None and template not in workers else 0
        exact = {
            process: read_proportional(process.pid) + sum(map(read_proportional, self._families.get(process, ()))) for process in workers
        }
        worst = judge_exact(self._limit_kib, base, exact)
        if worst is not None:
            self._on_excess(worst)
