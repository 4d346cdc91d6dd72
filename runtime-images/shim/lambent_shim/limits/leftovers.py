"""Files that a function has left in a folder of limited size: who has them open, and which to remove. The choice is pure."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from lambent_shim.limits.walk import BLOCK, DEEPEST, Entry, Identity, Walk

_DELETED: Final = b" (deleted)"


class Opened(NamedTuple):
    """A file that processes have open."""

    kib: int
    has_name: bool
    pids: set[int]


def find_open_files(pids: Iterable[int]) -> dict[Identity, Opened]:
    """Every file that one of the processes has open or mapped; also those without a name."""
    found: dict[Identity, Opened] = {}
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
                opened = Opened(status.st_blocks * BLOCK >> 10, status.st_nlink > 0, set())
                found.setdefault((status.st_dev, status.st_ino), opened).pids.add(pid)
    return found


def find_deleted_maps(pids: Iterable[int], folder: str) -> set[int]:
    """Pids that have a file of the folder mapped that has no name any more: how large it is the kernel may not say (proc(5), maps)."""
    prefix, found = os.fsencode(f" {folder.rstrip('/')}/"), set()
    for pid in pids:
        try:
            with open(f"/proc/{pid}/maps", "rb") as file:  # noqa: PTH123
                if any(line.endswith(_DELETED) and prefix in line for line in file.read().splitlines()):
                    found.add(pid)
        except OSError:
            continue
    return found


def choose(
    files: Iterable[Entry], kept: Collection[Identity], since: float, excess_kib: int, excess_files: int = 0, *, all_since: bool = True
) -> list[Entry]:
    """What to remove, of what nobody keeps open, and all that is too deep.

    All that was changed since then (`all_since`: a writer that was ended has left it), then the largest of the rest, until neither KiB
    nor files are in excess. Else of what was changed since then, too, no more than that: the largest first, and of equals the newest.
    """
    chosen, loose = [], []
    for file in files:
        if file.depth > DEEPEST or (all_since and file.changed_at >= since and file.identity not in kept):
            chosen.append(file)
        elif file.identity not in kept:
            loose.append(file)
    excess_kib -= sum(file.kib for file in chosen)
    excess_files -= len(chosen)
    for file in sorted(loose, key=lambda each: (each.changed_at < since, -each.kib, -each.changed_at)):
        if excess_kib <= 0 and excess_files <= 0:
            break
        chosen.append(file)
        excess_kib -= file.kib
        excess_files -= 1
    return chosen


def remove(folder: str, chosen: Iterable[Entry] | None = None, *, empty_folders: bool = False) -> Walk:
    """A walk that removes what is chosen (all where nothing is said), and folders that are empty then."""
    if chosen is None:
        return Walk(folder, lambda _entry: True)
    going = {entry.identity for entry in chosen}
    return Walk(folder, lambda entry: entry.identity in going or (empty_folders and entry.is_folder))


def finish(walk: Walk) -> int:
    """Walk to the end at once; the KiB that are removed."""
    for _ in walk:
        pass
    return walk.removed_kib
