"""Keeps a function's folders on the node's disk within their sizes, before the kubelet evicts the pod for it.

The kubelet adds a volume's files up now and then and evicts a pod that is over a volume's sizeLimit (Kubernetes, "Local ephemeral
storage"); the controller sets that limit above what is held here. A scan is a walk through the folder: it is made when the disk's free
space has gone down by what the function has left, and each few seconds while something runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from lambent_shim.configuration import Storage
from lambent_shim.limits.leftovers import Leftover, choose, find_open_files, list_files, remove
from lambent_shim.limits.procfs import read_written

LONGEST_SECONDS: Final = 5.0
"""Between two scans while something runs: others on the node may free as much as the function writes."""
SHARE_OF_TIME: Final = 0.02
"""What scans may take of the shim's time, but for the one that free space asks for."""
SLICE: Final = 500
"""Entries that are looked at in one turn of the event loop: about a millisecond."""


_ENDING_SECONDS: Final = 2.0
"""So long a writer that is being ended, and what it leaves, are nobody else's fault."""


class Seen(NamedTuple):
    """What the last scan found, in KiB and monotonic seconds."""

    used_kib: int
    free_kib: int
    at: float
    took: float


def is_due(limit_kib: int, seen: Seen | None, free_kib: int, now: float) -> bool:
    """Whether to scan now: all that has gone of the free space since the last scan may be this function's. Pure."""
    if seen is None:
        return True
    if seen.used_kib + max(0, seen.free_kib - free_kib) > limit_kib:
        return now - seen.at >= 4 * seen.took
    return now - seen.at >= max(LONGEST_SECONDS, seen.took / SHARE_OF_TIME)


def explain(storage: Storage, used_kib: int) -> str:
    """What the caller is told: the folder, the field, the amounts."""
    return f"{storage.path} holds {(used_kib + 1023) // 1024} MiB, {storage.field} allows {storage.size_mib} MiB"


class StorageWatch:
    """Looks at one folder while its function runs something; `pids` lists a worker's processes."""

    def __init__(
        self, storage: Storage, *, pids: Callable[[], dict[int, list[int]]], call_soon: Callable[[Callable[[], None]], object]
    ) -> None:
        self._storage = storage
        self._limit_kib = storage.size_mib * 1024
        self._pids = pids
        self._call_soon = call_soon
        self._seen: Seen | None = None
        self._most_free_kib = 0
        self._written: dict[int, int] = {}
        self._scan: Iterator[Leftover] | None = None
        self._used_kib = 0
        self._counted: set[tuple[int, int]] = set()
        self._began_at = 0.0
        self._waits_until = 0.0
        self._clock: Callable[[], float] = lambda: 0.0
        self._on_excess: Callable[[int, str], None] = lambda _worker, _text: None

    def look(self, clock: Callable[[], float], on_excess: Callable[[int, str], None]) -> None:
        """Scan if it is time; `on_excess` is given the worst writer's pid, and the text."""
        now = clock()
        if self._scan is not None or now < self._waits_until:
            return
        free_kib = _read_free(self._storage.path)
        self._most_free_kib = max(self._most_free_kib, free_kib)
        if is_due(self._limit_kib, self._seen, free_kib, now):
            self._clock, self._on_excess, self._began_at = clock, on_excess, now
            self._scan, self._used_kib, self._counted = list_files(self._storage.path), 0, set()
            self._go_on()

    def _go_on(self) -> None:
        scan = self._scan or iter(())
        for _ in range(SLICE):
            file = next(scan, None)
            if file is None:
                self._finish()
                return
            if file.identity not in self._counted:
                self._counted.add(file.identity)
                self._used_kib += file.kib
        self._call_soon(self._go_on)

    def _finish(self) -> None:
        self._scan = None
        now, free_kib = self._clock(), _read_free(self._storage.path)
        if self._most_free_kib - free_kib > self._limit_kib - self._used_kib:
            # More is gone than there is to be seen: files that are open without a name count too.
            self._used_kib += sum(kib for kib, _ in self._find_unnamed().values())
        self._seen = Seen(self._used_kib, free_kib, now, now - self._began_at)
        over = self._used_kib > self._limit_kib
        writers = {worker: sum(map(read_written, pids)) for worker, pids in self._pids().items()}
        grown = {worker: written - self._written.get(worker, 0) for worker, written in writers.items()}
        self._written = writers
        if over and grown:
            self._waits_until = now + _ENDING_SECONDS
            self._on_excess(max(grown, key=lambda worker: grown[worker]), explain(self._storage, self._used_kib))

    def _find_unnamed(self) -> dict[tuple[int, int], tuple[int, set[int]]]:
        device = os.stat(self._storage.path).st_dev  # noqa: PTH116 - pathlib costs 3 ms of a cold start
        opened = find_open_files(pid for pids in self._pids().values() for pid in pids)
        return {identity: found for identity, found in opened.items() if identity[0] == device and identity not in self._counted}

    def reclaim(self, living: Iterable[int], since: float) -> int:
        """Remove what a writer that has been ended has left since then, and more where that is not enough. Returns the KiB."""
        files = list(list_files(self._storage.path))
        excess = sum(file.kib for file in files) - self._limit_kib * 3 // 4
        self._seen, self._waits_until = None, 0.0
        return remove(choose(files, find_open_files(living), since, excess))


def _read_free(path: str) -> int:
    try:
        status = os.statvfs(path)
    except OSError:
        return 0
    return status.f_bfree * status.f_frsize >> 10
