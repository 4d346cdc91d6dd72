"""Memory that no process's own numbers show: tmpfs, memfd, System V. It may outlive who has filled it, and even the container.

The kernel would end the container for it, and again when it has been restarted: so it is counted as the function's, and removed with
the worker that is ended for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

from lambent_shim.limits.cgroup import MemoryGroup, SandboxMemory

DEVICE_SHM: Final = "/dev/shm"  # noqa: S108 - POSIX shared memory
_SEGMENTS: Final = "/proc/sysvipc/shm"
_IPC_RMID: Final = 0


class SharedMemory:
    """What the container holds of it: by its control group or gVisor's account where it sees one, and by its memory-backed folders."""

    def __init__(self, folders: Iterable[str], group: MemoryGroup | SandboxMemory | None) -> None:
        self._folders = [folder for folder in folders if os.path.isdir(folder)]  # noqa: PTH112 - pathlib costs 3 ms of a cold start
        self._group = group

    def read(self, limit_kib: int) -> tuple[int, int]:
        """(shared memory in KiB, all of the container's, 0 where it is not known). Cheap while all there is stays below the limit."""
        in_folders = sum(map(_read_used, self._folders))
        if self._group is None:
            return in_folders, 0
        usage = self._group.read_usage()
        # What a container before this one has left in a folder is counted by the pod's group, not by this one's.
        return max(in_folders, self._group.read_shared() if usage > limit_kib else 0), usage

    @property
    def counts_each_page_once(self) -> bool:
        """Whether what is read of all of the container's is what the function's processes hold, each page once."""
        return self._group is not None and self._group.counts_each_page_once

    def is_used(self) -> bool:
        """Whether anything is kept in memory that no process need hold."""
        return self._group is not None or any(map(_read_used, self._folders))

    def reclaim(self, living: Iterable[int], since: float, keep_kib: int) -> int:
        """Remove what an ended worker has left since then, and more where that is not enough; nothing that a living process has open.

        So much may stay. Returns the KiB.
        """
        from lambent_shim.limits.leftovers import choose, find_open_files, finish, remove  # noqa: PLC0415 - most pods never need it
        from lambent_shim.limits.walk import Walk  # noqa: PLC0415

        used = sum(map(_read_used, self._folders))
        files = [file for folder in self._folders for file in Walk(folder)] if used else []
        _remove_segments()
        if not files:
            return 0
        chosen = choose(files, find_open_files(living), since, used - keep_kib)
        return sum(finish(remove(folder, chosen)) for folder in self._folders)


def _read_used(folder: str) -> int:
    try:
        status = os.statvfs(folder)
    except OSError:
        return 0
    return (status.f_blocks - status.f_bfree) * status.f_frsize >> 10


def _remove_segments() -> None:
    """System V segments that nobody is attached to, which only a restart of the pod would free (proc(5), /proc/sysvipc/shm)."""
    if os.getpid() != 1:
        return  # outside of a container they are everybody's
    try:
        with open(_SEGMENTS, "rb") as file:  # noqa: PTH123
            rows = [row.split() for row in file.read().splitlines()[1:]]
    except OSError:
        return
    loose = [int(row[1]) for row in rows if len(row) > 6 and row[6] == b"0"]
    if loose:
        import _ctypes  # noqa: PLC0415 - hardly ever needed

        shmctl = _ctypes.dlsym(_ctypes.dlopen(None, 0), "shmctl")  # type: ignore[arg-type]  # None: the process itself
        for segment in loose:
            _ctypes.call_function(shmctl, (segment, _IPC_RMID, None))
