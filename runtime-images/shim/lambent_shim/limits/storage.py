"""Keeps a function's folders on the node's disk within their sizes, before the kubelet evicts the pod for it.

The kubelet adds a volume's files up now and then and evicts a pod that is over a volume's sizeLimit (Kubernetes, "Local ephemeral
storage"); the controller sets that limit above what is held here. A scan is a walk through the folder: it is made when the disk's free
space has gone down by what the function has left, and each few seconds while something runs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final

from lambent_shim.configuration import Storage
from lambent_shim.limits.procfs import read_written
from lambent_shim.limits.storage_decision import Room, Seen, bounds_of, estimate, find_holder, find_writer, is_due
from lambent_shim.limits.walk import DEEPEST, Entry, Identity, Walk

if TYPE_CHECKING:
    from lambent_shim.limits.leftovers import Opened

SLICE: Final = 500
"""Entries that are looked at in one turn of the event loop: about a millisecond."""
_MOST_REMOVED: Final = 8
"""So many times the files that a folder may hold are looked at when some are removed."""
_ENDING_SECONDS: Final = 2.0
"""So long a writer that is being ended, and what it leaves, are nobody else's fault."""
_PAUSE_SECONDS: Final = 0.25
"""Between the removal of what nobody is blamed for and the next look."""
_FILE_TIME_SECONDS: Final = 0.1
"""A file's time is the kernel's last tick, which on a busy virtual machine is up to so much before the clock."""


def explain(storage: Storage, used_kib: int, files: int = 0, deepest: int = 0) -> str:
    """What the caller is told: the folder, the field, the amounts."""
    if deepest > DEEPEST:
        return f"{storage.path} holds folders more than {DEEPEST} below one another"
    bounds = bounds_of(storage.size_mib)
    if files > bounds.files:
        return f"{storage.path} holds more than {bounds.files} files and folders, which {storage.field} of {storage.size_mib} MiB allows"
    return f"{storage.path} holds {(used_kib + 1023) // 1024} MiB, {storage.field} allows {storage.size_mib} MiB"


class StorageWatch:
    """Looks at one folder while its function runs something; `families` lists the processes of each living worker, `running` those
    workers that run something now, `begun` counts what has begun to run.
    """

    def __init__(
        self,
        storage: Storage,
        *,
        families: Callable[[], Mapping[int, list[int]]],
        running: Callable[[], Collection[int]],
        begun: Callable[[], int],
        call_soon: Callable[[Callable[[], None]], object],
        clock: Callable[[], float],
        on_excess: Callable[[int, str], None],
        on_removed: Callable[[str], None],
    ) -> None:
        self._storage = storage
        self._bounds = bounds_of(storage.size_mib)
        self._families = families
        self._running = running
        self._begun = begun
        self._call_soon = call_soon
        self._clock = clock
        self._on_excess = on_excess
        self._on_removed = on_removed
        self._seen: Seen | None = None
        self._most_free_kib = 0
        self._written: dict[int, int] | None = None
        """The KiB that each worker had written when the last scan began; None before the first, which no worker has written much before."""
        self._ran: Collection[int] = ()
        """Who ran when there was no excess the last time; empty before that."""
        self._begun_then = 0
        self._within_at = 0.0
        """When that was, in seconds since the epoch."""
        self._job: Iterator[object] | None = None
        self._waits_until = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether the folder is being scanned, or files in it are being removed."""
        return self._job is not None

    def look(self, *, resting: bool = False) -> None:
        """Scan if it is time. `resting`: nothing runs, and this is the last look until something does."""
        now = self._clock()
        if self._job is not None or now < self._waits_until:
            return
        free = _read_free(self._storage.path)
        self._most_free_kib = max(self._most_free_kib, free.kib)
        if is_due(self._bounds, self._seen, free, now, resting=resting):
            self._start(self._scan(now))

    def reclaim(self, since: float) -> None:
        """Begin to remove what a writer that has been ended has left since then, and more where that is not enough."""
        self._start(self._remove(since, blamed=True))

    def _start(self, job: Iterator[object]) -> None:
        self._job = job
        self._go_on(job)

    def _go_on(self, job: Iterator[object]) -> None:
        if self._job is not job:
            return
        done = sum(1 for _ in islice(job, SLICE)) < SLICE
        if self._job is not job:
            return  # the end of this one has begun another
        if done:
            self._job = None
        else:
            self._call_soon(partial(self._go_on, job))

    def _scan(self, began_at: float) -> Iterator[None]:
        before, written = self._note_runners(), {} if self._written is None else _read_written(self._families())
        walk, used_kib, counted, deepest = Walk(self._storage.path), 0, set[Identity](), 0
        for entry in walk:
            if entry.depth > deepest:
                deepest = entry.depth
                if deepest > DEEPEST:
                    break
            if entry.identity not in counted:
                counted.add(entry.identity)
                used_kib += entry.kib
                if len(counted) > self._bounds.files:
                    break
            yield
        now, free = self._clock(), _read_free(self._storage.path)
        if self._most_free_kib - free.kib > self._bounds.kib - used_kib:
            # More is gone than there is to be seen: files that are open without a name count too.
            from lambent_shim.limits.leftovers import find_deleted_maps  # noqa: PLC0415 - most pods never need it

            pids = [pid for family in self._families().values() for pid in family]
            used_kib += sum(opened.kib for opened in self._find_open(pids).values() if not opened.has_name)
            if walk.unseen or find_deleted_maps(pids, self._storage.path):
                used_kib = estimate(used_kib, self._seen, free, self._most_free_kib)
        self._seen = Seen(used_kib, len(counted), free, now, now - began_at)
        # As of the scan's begin: it may have seen a file before that has grown since.
        earlier, self._written = self._written or {}, written
        if used_kib <= self._bounds.kib and len(counted) <= self._bounds.files and deepest <= DEEPEST:
            self._ran, self._begun_then, self._within_at = before
            return
        grown = {worker: kib - earlier.get(worker, 0) for worker, kib in _read_written(self._families()).items()}
        self._settle(grown, set(self._running()), used_kib, len(counted), deepest)

    def _settle(self, grown: Mapping[int, int], running: Collection[int], used_kib: int, files: int, deepest: int) -> None:
        """End the writer if it is known and runs something; else what is left is removed, and nobody pays for it."""
        ran = self._ran if self._begun() == self._begun_then else ()
        writer = find_writer(grown, running, ran, used_kib - self._bounds.kib)
        self._ran = ()
        if writer is None:
            self._start(self._remove(self._within_at, blamed=False))
            return
        self._waits_until = self._clock() + _ENDING_SECONDS
        self._on_excess(writer, explain(self._storage, used_kib, files, deepest))

    def _note_runners(self) -> tuple[Collection[int], int, float]:
        return self._running(), self._begun(), time.time() - _FILE_TIME_SECONDS

    def _find_open(self, pids: Iterable[int], named: Collection[Identity] = ()) -> dict[Identity, Opened]:
        """Those of the folder: that are named there, or have no name at all."""
        from lambent_shim.limits.leftovers import find_open_files  # noqa: PLC0415 - most pods never need it

        device = os.stat(self._storage.path).st_dev  # noqa: PTH116 - pathlib costs 3 ms of a cold start
        return {
            identity: opened
            for identity, opened in find_open_files(pids).items()
            if identity in named or (identity[0] == device and not opened.has_name)
        }

    def _remove(self, since: float, *, blamed: bool) -> Iterator[None]:
        from lambent_shim.limits.leftovers import choose, remove  # noqa: PLC0415 - most pods never need it

        most, before = self._bounds.files * _MOST_REMOVED, self._note_runners()
        found: list[Entry] = []
        for entry in islice(Walk(self._storage.path), most):
            found.append(entry)
            yield
        named = {entry.identity: entry.kib for entry in found}
        used_kib = sum(named.values())
        excess_kib = used_kib - self._bounds.kib * 3 // 4
        excess_files = len(found) - self._bounds.files * 3 // 4 if len(found) > self._bounds.files else 0
        families = self._families()
        opened = self._find_open((pid for family in families.values() for pid in family), named)
        self._seen = None
        if not blamed and sum(each.kib for each in opened.values()) > self._bounds.kib:
            # To remove what others have left would not be enough.
            self._end_holder(families, opened)
            return
        chosen = choose(found, opened, since, excess_kib, excess_files, all_since=blamed)
        removal = remove(self._storage.path, chosen, empty_folders=excess_files > 0)
        for _ in islice(removal, most):
            yield
        self._waits_until = 0.0
        unnamed_kib = sum(each.kib for identity, each in opened.items() if identity not in named)
        left_kib = used_kib + unnamed_kib - removal.removed_kib
        if left_kib <= self._bounds.kib and len(found) - removal.removed_files <= self._bounds.files:
            self._ran, self._begun_then, self._within_at = before
        elif not blamed:
            self._waits_until = self._clock() + _PAUSE_SECONDS
        if not blamed and removal.removed_files:
            what = f"{removal.removed_files} files and folders, {(removal.removed_kib + 1023) // 1024} MiB"
            text = explain(self._storage, used_kib + unnamed_kib, len(found), max((entry.depth for entry in found), default=0))
            self._on_removed(f"{text}: removed what nobody has open, {what}")

    def _end_holder(self, families: Mapping[int, list[int]], opened: Mapping[Identity, Opened]) -> None:
        holder = find_holder({worker: _sum_open(opened, pids) for worker, pids in families.items()})
        self._waits_until = self._clock() + (_PAUSE_SECONDS if holder is None else _ENDING_SECONDS)
        if holder is not None:
            self._on_excess(holder, explain(self._storage, sum(each.kib for each in opened.values())))


def _sum_open(opened: Mapping[Identity, Opened], pids: Iterable[int]) -> int:
    family = set(pids)
    return sum(each.kib for each in opened.values() if each.pids & family)


def _read_written(families: Mapping[int, list[int]]) -> dict[int, int]:
    """The KiB that each worker's processes have written."""
    return {worker: sum(map(read_written, pids)) >> 10 for worker, pids in families.items()}


def _read_free(path: str) -> Room:
    try:
        status = os.statvfs(path)
    except OSError:
        return Room(0, 0)
    return Room(status.f_bfree * status.f_frsize >> 10, status.f_ffree)
