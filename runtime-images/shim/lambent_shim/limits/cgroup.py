"""What the container's memory is, by the kernel's own account: the one place that knows control groups of v1, of v2, and gVisor.

Files and fields: Kubernetes' nodes have either version (docs.kernel.org, admin-guide/cgroup-v2 and cgroup-v1/memory). gVisor shows a
container no group's files; its /proc/meminfo is the pod's own (gVisor, pkg/sentry/fsimpl/proc/tasks_files.go).
"""

from __future__ import annotations

import os
from typing import Final

_ROOT: Final = "/sys/fs/cgroup"
_FILES: Final = (("memory.current", "memory.stat"), ("memory/memory.usage_in_bytes", "memory/memory.stat"))
"""v2, v1."""
_STAT_BYTES: Final = 8192
_PROC: Final = "/proc"
_ONLY_GVISORS: Final = "sentry-meminfo"


class MemoryGroup:
    """Reads what the container uses; both files stay open, so that a reading is one system call."""

    counts_each_page_once = False
    """Whether the usage is that of the function's processes, with each page that several have mapped once."""

    def __init__(self, usage: int, stat: int) -> None:
        self._usage = usage
        self._stat = stat

    def read_usage(self) -> int:
        """All memory in KiB, with the shim's and the page cache; 0 where it cannot be read."""
        try:
            return int(os.pread(self._usage, 64, 0)) >> 10
        except (OSError, ValueError):
            return 0

    def read_shared(self) -> int:
        """Shared memory of every kind in KiB: mapped or not, tmpfs, memfd, System V. Costs ten times as much."""
        try:
            text = b"\n" + os.pread(self._stat, _STAT_BYTES, 0)
            return int(text.partition(b"\nshmem ")[2].partition(b"\n")[0]) >> 10
        except (OSError, ValueError):
            return 0


class SandboxMemory:
    """As MemoryGroup, under gVisor: a kernel for one pod alone."""

    counts_each_page_once = True

    def __init__(self, meminfo: int) -> None:
        self._meminfo = meminfo
        self._own = 0
        self._own = self._read(b"AnonPages:")

    def read_usage(self) -> int:
        """Anonymous and shared memory in KiB beyond what there was at first, which is the shim's; at least 1."""
        return max(1, self._read(b"AnonPages:") - self._own)

    def read_shared(self) -> int:
        """Shared memory in KiB that is in a file system: tmpfs, memfd. What is mapped without a file counts as its processes' own."""
        return self._read(b"Shmem:")

    def _read(self, field: bytes) -> int:
        try:
            return int(os.pread(self._meminfo, _STAT_BYTES, 0).partition(b"\n" + field)[2].split(None, 1)[0])
        except (OSError, IndexError, ValueError):
            return 0


def open_container_memory() -> MemoryGroup | SandboxMemory | None:
    """The account of the container that this runs in; None where the kernel gives none."""
    return open_sandbox_memory() or open_memory_group()


def open_sandbox_memory(proc: str = _PROC) -> SandboxMemory | None:
    """gVisor's account of its one pod; None under another kernel, whose meminfo is the node's."""
    if not os.path.exists(f"{proc}/{_ONLY_GVISORS}"):  # noqa: PTH110 - pathlib costs 3 ms of a cold start
        return None
    try:
        return SandboxMemory(os.open(f"{proc}/meminfo", os.O_RDONLY | os.O_CLOEXEC))
    except OSError:
        return None


def open_memory_group(root: str = _ROOT) -> MemoryGroup | None:
    """The group that the container sees as its own; None where it sees none."""
    for usage, stat in _FILES:
        try:
            opened = os.open(f"{root}/{usage}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            return MemoryGroup(opened, os.open(f"{root}/{stat}", os.O_RDONLY | os.O_CLOEXEC))
        except OSError:
            os.close(opened)
    return None
