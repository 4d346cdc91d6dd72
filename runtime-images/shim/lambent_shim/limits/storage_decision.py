"""Decides when a function's folder is looked through, and whom an excess in it ends. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

LONGEST_SECONDS: Final = 5.0
"""Between two scans while something runs: others on the node may free as much as the function writes."""
_MOST_SECONDS: Final = 10.0
"""Between two scans that take long."""
_MOST_WAIT_SECONDS: Final = 1.0
"""Between two scans while the folder may be full, however long each takes."""
SHARE_OF_TIME: Final = 0.02
"""What scans may take of the shim's time, but for the one that free space asks for."""
_FILES_PER_MIB: Final = 64
"""One for 16 KiB, as in a file system that mke2fs makes by its defaults (mke2fs.conf(5), inode_ratio)."""
_LEAST_FILES: Final = 8_192
_MOST_FILES: Final = 131_072
"""Half a second of scanning."""


class Room(NamedTuple):
    """What a file system has free, or a folder may hold."""

    kib: int
    files: int


class Seen(NamedTuple):
    """What the last scan found, in KiB, files and monotonic seconds."""

    used_kib: int
    files: int
    free: Room
    at: float
    took: float


def bounds_of(size_mib: int) -> Room:
    """What a folder of that size may hold."""
    return Room(size_mib * 1024, min(_MOST_FILES, max(_LEAST_FILES, size_mib * _FILES_PER_MIB)))


def is_due(bounds: Room, seen: Seen | None, free: Room, now: float, *, resting: bool = False) -> bool:
    """Whether to scan now: all that has gone of the free space since the last scan may be this function's.

    `resting`: nothing runs, so that no other look will come before the next invocation.
    """
    if seen is None:
        return True
    used_kib = seen.used_kib + max(0, seen.free.kib - free.kib)
    files = seen.files + max(0, seen.free.files - free.files)
    if used_kib > bounds.kib or files > bounds.files:
        return resting or now - seen.at >= min(4 * seen.took, _MOST_WAIT_SECONDS)
    return now - seen.at >= min(max(LONGEST_SECONDS, seen.took / SHARE_OF_TIME), _MOST_SECONDS)


def estimate(used_kib: int, seen: Seen | None, free: Room, most_free_kib: int) -> int:
    """The KiB that a folder holds of which a part can't be looked at: all that has gone of the free space since the last scan."""
    if seen is None:
        return max(used_kib, most_free_kib - free.kib)
    return max(used_kib, seen.used_kib + max(0, seen.free.kib - free.kib))


def find_writer(grown_kib: Mapping[int, int], running: Collection[int], ran: Collection[int], excess_kib: int) -> int | None:
    """The worker whose writing has made the excess, if it runs something; None where nobody is known to have.

    `grown_kib` is what each living worker has written since the last scan, `ran` who alone has run anything since there was no excess.
    Where the kernel does not say who wrote (empty files, allocated blocks, gVisor), the only one that ran did.
    """
    worst = max(grown_kib, key=lambda worker: grown_kib[worker], default=None)
    if worst is not None and excess_kib > 0 and grown_kib[worst] > 0 and sum(grown_kib.values()) >= excess_kib:
        return worst if worst in running else None
    return next(iter(ran)) if len(ran) == 1 and set(ran) == set(running) else None


def find_holder(opened: Mapping[int, int]) -> int | None:
    """The worker that keeps most of it open (KiB of each), where what nobody keeps has been removed and that was not enough."""
    worst = max(opened, key=lambda worker: opened[worker], default=None)
    return worst if worst is not None and opened[worst] > 0 else None
