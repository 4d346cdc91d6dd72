"""Reads processes' memory from /proc."""

from __future__ import annotations

import os
from typing import Final

_PAGE_KIB: Final = os.sysconf("SC_PAGE_SIZE") // 1024


class StatmReader:
    """Keeps a process's statm open: a reading is one system call."""

    def __init__(self, pid: int) -> None:
        self._descriptor = os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)

    def read(self) -> tuple[int, int, int, int]:
        """(resident anonymous memory, data address space, resident shared memory and files, other address space) in KiB; zeros once the
        process has ended (proc(5), statm).
        """
        try:
            fields = os.pread(self._descriptor, 128, 0).split()
        except OSError:
            return 0, 0, 0, 0
        if len(fields) < 6:
            return 0, 0, 0, 0
        shared, data = int(fields[2]), int(fields[5])
        return (int(fields[1]) - shared) * _PAGE_KIB, data * _PAGE_KIB, shared * _PAGE_KIB, (int(fields[0]) - data) * _PAGE_KIB

    def close(self) -> None:
        """Give up the descriptor."""
        os.close(self._descriptor)


def read_statm(pid: int) -> tuple[int, int, int, int]:
    """As StatmReader.read, for a process met once."""
    try:
        reader = StatmReader(pid)
    except OSError:
        return 0, 0, 0, 0
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


def read_shared(pid: int) -> int:
    """Shared memory that a process has mapped and touched, in KiB; what several have mapped counts for each (proc(5), status)."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:  # noqa: PTH123
            return int(file.read().partition(b"RssShmem:")[2].split(None, 1)[0])
    except (OSError, IndexError):
        return 0


def read_written(pid: int) -> int:
    """Bytes that a process has had written to disks, by its own account (proc(5), io); 0 where it cannot be read."""
    try:
        with open(f"/proc/{pid}/io", "rb") as file:  # noqa: PTH123
            return int(file.read().partition(b"\nwrite_bytes:")[2].split(None, 1)[0])
    except (OSError, IndexError):
        return 0


def read_proportional(pid: int) -> tuple[int, int]:
    """(anonymous, shared) memory in KiB, where a page that n processes have mapped counts one n-th (proc(5), smaps_rollup)."""
    anonymous = shared = 0
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:  # noqa: PTH123 - pathlib costs 3 ms of a cold start
            for line in file:
                if line.startswith((b"Pss_Anon:", b"SwapPss:")):
                    anonymous += int(line.split()[1])
                elif line.startswith(b"Pss_Shmem:"):
                    shared += int(line.split()[1])
    except OSError:
        return 0, 0
    return anonymous, shared
