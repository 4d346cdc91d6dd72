"""Watches the memory of workers while invocations run, and ends the worst worker before the kernel acts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from lambent_shim.configuration import Storage
from lambent_shim.limits.descendants import find_descendants
from lambent_shim.limits.memory import LONGEST_LOOK_SECONDS, SHORTEST_LOOK_SECONDS, Reading, Verdict, acquit, judge, judge_exact
from lambent_shim.limits.procfs import StatmReader, read_proportional, read_shared, read_statm
from lambent_shim.limits.shared_memory import SharedMemory
from lambent_shim.limits.storage import StorageWatch
from lambent_shim.workers.failures import OUT_OF_MEMORY, STORAGE_FULL
from lambent_shim.workers.process import Process

_FAMILY_SECONDS: Final = 0.05
"""How often to look for processes that a handler has started."""
_MEASURE_SECONDS: Final = 0.1
"""How often to measure exactly, which takes the kernel a millisecond per 100 MiB."""


_MOST_MEASURED: Final = 128
"""Processes of one worker that are measured exactly: some 30 ms. Where there are more, what they share counts for each of them."""
_FILES_KIB: Final = 32 * 1024
"""So much of what is resident beyond the template's and not anonymous may be shared memory unseen, until the container as a whole tells."""
NOTHING: Final = (0, 0, 0, 0)


MOST_PROCESSES: Final = 1024
"""Below one worker: Lambda's limit of processes and threads (Lambda quotas). The shim has to be able to fork, and pids are the node's."""
_ENDING_SECONDS: Final = 2.0
_SETTLING_SECONDS: Final = 0.2
"""What an ended process had is free soon after it has been collected; what it has started ends a little later."""
_STORAGE_SECONDS: Final = 0.02
"""How often to ask how much room the disk has: 40 MB are written meanwhile, where all is fast."""


class MemoryWatch:
    """Samples while `active()` gives workers that run something; costs nothing in between."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        limit_mib: int,
        active: Callable[[], Iterable[Process]],
        template: Callable[[], Process | None],
        living: Callable[[], Iterable[Process]],
        shared: SharedMemory,
        on_excess: Callable[[Process], None],
        storage: Iterable[Storage],
        on_storage_excess: Callable[[Process, str], None],
        on_removed: Callable[[str], None],
        on_processes: Callable[[Process, int], None],
    ) -> None:
        self._loop = loop
        self._limit_kib = limit_mib * 1024
        self._active = active
        self._template = template
        self._living = living
        self._shared = shared
        self._settled_at = 0.0
        """Until then what the container holds may still be that of one that is ending."""
        self._blamed: dict[Process, float] = {}
        """Workers that are being ended for what they have filled, and since when they may have (seconds since the epoch)."""
        self._on_excess = on_excess
        self._end_writer = on_storage_excess
        self._on_processes = on_processes
        self._begun = 0
        self._storage = [
            StorageWatch(
                folder,
                families=self._living_families,
                running=self._running_pids,
                begun=lambda: self._begun,
                call_soon=lambda go_on: loop.call_later(0.001, go_on),
                clock=time.monotonic,
                on_excess=self._on_storage_excess,
                on_removed=on_removed,
            )
            for folder in storage
        ]
        self._timer: asyncio.TimerHandle | None = None
        self._readers: dict[Process, StatmReader] = {}
        self._families: dict[Process, list[int]] = {}
        self._families_at = 0.0
        self._measured_at = 0.0
        self._storage_at = 0.0

    def wake(self) -> None:
        """An invocation has started."""
        self._begun += 1
        if self._timer is None:
            self._timer = self._loop.call_later(0.001, self._look)

    def forget(self, process: Process) -> None:
        """The process has ended."""
        reader = self._readers.pop(process, None)
        if reader is not None:
            reader.close()
        self._families.pop(process, None)
        since = self._blamed.pop(process, None)
        if since is not None and not self._blamed:
            self._settled_at = time.monotonic() + _SETTLING_SECONDS
        if since is not None and process.doomed == OUT_OF_MEMORY:
            self._reclaim(since)
        elif since is not None and process.doomed == STORAGE_FULL:
            for storage in self._storage:
                storage.reclaim(since)

    def blame(self, process: Process, since: float) -> None:
        """It is being ended for what it has filled since then (seconds since the epoch): what it leaves is removed once it has ended."""
        self._blamed[process] = since
        self._settled_at = time.monotonic() + _ENDING_SECONDS

    def _reclaim(self, since: float) -> None:
        """What has been ended for its memory may have left some behind that no process holds."""
        if self._shared.is_used():
            self._shared.reclaim(self._living_pids(), since, self._limit_kib // 2)

    def _living_pids(self) -> list[int]:
        return [pid for process in self._living() if process.pid for pid in (process.pid, *find_descendants(process.pid))]

    def _living_families(self) -> dict[int, list[int]]:
        """The processes of each that lives, by its pid, without those that were forked from it to be another's."""
        processes = [process.pid for process in self._living() if process.pid and not process.doomed]
        return {pid: [pid, *find_descendants(pid, processes)] for pid in processes}

    def _running_pids(self) -> set[int]:
        return {process.pid for process in self._active() if process.pid and not process.doomed}

    def _on_storage_excess(self, worker: int, text: str) -> None:
        for process in list(self._living()):
            if process.pid == worker and not process.doomed:
                self._end_writer(process, text)
                return

    def _look(self) -> None:
        self._timer = None
        now = time.monotonic()
        workers = [process for process in self._active() if process.pid and not process.doomed]
        resting = not workers
        if resting or now - self._storage_at > _STORAGE_SECONDS:
            self._storage_at = now
            for storage in self._storage:
                storage.look(resting=resting)
            workers = [process for process in workers if not process.doomed]
        if not workers:
            if any(storage.is_busy for storage in self._storage):
                # Once more when that is done: what has been written meanwhile is nobody's to tell of later.
                self._timer = self._loop.call_later(LONGEST_LOOK_SECONDS, self._look)
            return
        if now - self._families_at > _FAMILY_SECONDS:
            self._families_at = now
            self._families = {process: find_descendants(process.pid) for process in workers}
            for process in workers:
                if len(self._families[process]) > MOST_PROCESSES:
                    self._on_processes(process, len(self._families[process]))
                    self._timer = self._loop.call_later(SHORTEST_LOOK_SECONDS, self._look)
                    return
        template = self._template()
        base = read_statm(template.pid) if template is not None and template not in workers else NOTHING
        template_kib = base[0]
        readings = {process: self._read(process, base) for process in workers}
        shared, usage = self._shared.read(self._limit_kib) if now >= self._settled_at else (0, 0)
        shared = self._add_mapped(shared, template_kib, readings)
        near = self._limit_kib - usage if 0 < usage <= self._limit_kib else None
        verdict = judge(self._limit_kib, template_kib, readings, shared_kib=shared, near_kib=near)
        if verdict.kill is not None and self._families.get(verdict.kill):
            readings = {process: self._without_copies(process, reading) for process, reading in readings.items()}
            verdict = judge(self._limit_kib, template_kib, readings, shared_kib=shared, near_kib=near)
            if verdict.kill is not None and near is not None and self._shared.counts_each_page_once:
                verdict = acquit(near)
            # Measuring takes a third of the time at most: the more there is to measure, the less often.
            least = 2 * (time.monotonic() - now)
            verdict = Verdict(verdict.kill, verdict.measure, max(verdict.look_again_seconds, least))
        if len(workers) == 1:
            workers[0].watched_kib = max(workers[0].watched_kib, readings[workers[0]].resident + shared)
        if verdict.kill is not None:
            self._on_excess(verdict.kill)
        elif verdict.measure and now - self._measured_at > _MEASURE_SECONDS:
            self._measured_at = now
            self._measure(workers, template)
        self._timer = self._loop.call_later(verdict.look_again_seconds, self._look)

    def _add_mapped(self, shared_kib: int, template_kib: int, readings: Mapping[Process, Reading]) -> int:
        """Shared memory, that which workers have mapped too; what several have mapped counts once where that matters."""
        mapped = sum(reading.shared for reading in readings.values())
        if mapped <= shared_kib:
            return shared_kib
        if template_kib + mapped + sum(reading.resident for reading in readings.values()) <= self._limit_kib:
            return mapped
        return max(shared_kib, sum(read_proportional(pid)[1] for process in readings for pid in self._pids_of(process)))

    def _without_copies(self, process: Process, reading: Reading) -> Reading:
        """What it has with its descendants, where a page that several of them have mapped counts once, as after a fork, not for each."""
        pids = self._pids_of(process)
        if not 1 < len(pids) <= _MOST_MEASURED:
            return reading
        measured = sum(read_proportional(pid)[0] for pid in pids)
        # gVisor has no such figures: there the cheap ones stand, and the container's as a whole is the better one.
        return Reading(measured, reading.promised, reading.shared) if measured else reading

    def _pids_of(self, process: Process) -> list[int]:
        return [process.pid, *self._families.get(process, ())]

    def _read(self, process: Process, base: tuple[int, int, int, int]) -> Reading:
        reader = self._readers.get(process)
        if reader is None:
            try:
                reader = self._readers[process] = StatmReader(process.pid)
            except OSError:
                return Reading(0, 0)
        resident, promised, shared, others = reader.read()
        suspect, others = shared - base[2], max(0, others - base[3])
        for pid in self._families.get(process, ()):
            more_resident, more_promised, more_shared, more_others = read_statm(pid)
            resident += more_resident
            promised += more_promised
            suspect += max(0, more_shared - base[2])
            others += max(0, more_others - base[3])
        # Libraries nearly always; what it really is takes the kernel ten times as long to say.
        shared = sum(map(read_shared, self._pids_of(process))) if suspect > _FILES_KIB else 0
        process.watched_kib = max(process.watched_kib, resident)
        return Reading(resident, promised + others, shared)

    def _measure(self, workers: list[Process], template: Process | None) -> None:
        base = sum(read_proportional(template.pid)) if template is not None and template not in workers else 0
        exact = {
            process: sum(sum(read_proportional(pid)) for pid in (process.pid, *self._families.get(process, ()))) for process in workers
        }
        worst = judge_exact(self._limit_kib, base, exact)
        if worst is not None:
            self._on_excess(worst)
