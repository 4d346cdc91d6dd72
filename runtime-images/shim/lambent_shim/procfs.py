"""Reads processes' memory from /proc."""

from __future__ import annotations

import os
from typing import Final

_PAGE_KIB: Final = os.sysconf("SC_PAGE_SIZE") // 1024


class StatmReader:
    """Keeps a process's statm open: a reading is one system call."""

    def __init__(self, pid: int) -> None:
        self._descriptor = os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)

    def read(self) -> tuple[int, int]:
        """(resident anonymous memory, data address space) in KiB; zeros once the process has ended (proc(5), statm)."""
        try:
            fields = os.pread(self._descriptor, 128, 0).split()
        except OSError:
            return 0, 0
        if len(fields) < 6:
            return 0, 0
        return (int(fields[1]) - int(fields[2])) * _PAGE_KIB, int(fields[5]) * _PAGE_KIB

    def close(self) -> None:
        """Give up the descriptor."""
        os.close(self._descriptor)


def read_statm(pid: int) -> tuple[int, int]:
    """As StatmReader.read, for a process met once."""
    try:
        reader = StatmReader(pid)
    except OSError:
        return 0, 0
    try:
        return reader.read()
    finally:
        reader.close()


def read_progress(pid: int) -> tuple[str, int]:
    """(the state's letter, CPU time used in clock ticks) of a process; ("", 0) where it is gone (proc(5), stat)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
            # The name, in parentheses, may hold anything.
            fields = file.read().rpartition(b")")[2].split()
        return fields[0].decode(), int(fields[11]) + int(fields[12])
    except (OSError, IndexError):
        return "", 0


def read_proportional(pid: int) -> int:
    """Anonymous memory in KiB where a page shared by n processes counts one n-th; shared memory and tmpfs too (proc(5), smaps_rollup)."""
    total = 0
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:  # noqa: PTH123 - pathlib costs 3 ms of a cold start
            for line in file:
                if line.startswith((b"Pss_Anon:", b"Pss_Shmem:", b"SwapPss:")):
                    total += int(line.split()[1])
    except OSError:
        return 0
    return total
