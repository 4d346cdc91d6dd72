"""Files that a function has left in a folder of limited size: how much they are, and which to remove. The choice is pure."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

_BLOCK: Final = 512
_LEAST_KIB: Final = 1
"""What an entry counts at least: an empty file costs its folder and the node's table of files something too."""


class Leftover(NamedTuple):
    """One file."""

    path: str
    kib: int
    """What it occupies, which is less than its size where it has holes."""
    changed_at: float
    """Seconds since the epoch."""
    identity: tuple[int, int]
    """Device and number: two names of one file count once."""


def list_files(folder: str) -> Iterator[Leftover]:
    """All below a folder, of one file system, links not followed. What goes meanwhile is left out."""
    waiting = [folder]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:
            continue
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            kib = max(_LEAST_KIB, status.st_blocks * _BLOCK >> 10)
            yield Leftover(entry.path, kib, max(status.st_mtime, status.st_ctime), (status.st_dev, status.st_ino))
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)


def find_open_files(pids: Iterable[int]) -> dict[tuple[int, int], tuple[int, set[int]]]:
    """(KiB, pids) of every file that one of the processes has open or mapped, by device and number; also of files without a name."""
    found: dict[tuple[int, int], tuple[int, set[int]]] = {}
    for pid in pids:
        for kind in ("fd", "map_files"):
            folder = f"/proc/{pid}/{kind}"
            try:
                names = os.listdir(folder)  # noqa: PTH208 - pathlib costs 3 ms of a cold start
            except OSError:
                continue  # it has ended, or the kernel does not show what it maps
            for name in names:
                try:
                    status = os.stat(f"{folder}/{name}")  # noqa: PTH116
                except OSError:
                    continue
                found.setdefault((status.st_dev, status.st_ino), (status.st_blocks * _BLOCK >> 10, set()))[1].add(pid)
    return found


def choose(files: Iterable[Leftover], kept: Iterable[tuple[int, int]], since: float, excess_kib: int) -> list[Leftover]:
    """What to remove: all that was changed since then and is not kept open; then the largest of the rest, until the excess is gone."""
    held = set(kept)
    loose = [file for file in files if file.identity not in held]
    chosen = [file for file in loose if file.changed_at >= since]
    excess_kib -= sum(file.kib for file in chosen)
    for file in sorted((file for file in loose if file.changed_at < since), key=lambda each: -each.kib):
        if excess_kib <= 0:
            break
        chosen.append(file)
        excess_kib -= file.kib
    return chosen


def remove(files: Iterable[Leftover]) -> int:
    """Remove files, and folders that are empty then; returns the KiB."""
    removed = 0
    # What is below comes before what holds it.
    for file in sorted(files, key=lambda each: -len(each.path)):
        try:
            os.unlink(file.path)  # noqa: PTH108
        except IsADirectoryError:
            try:
                os.rmdir(file.path)  # noqa: PTH106
            except OSError:
                continue
        except OSError:
            continue
        removed += file.kib
    return removed
