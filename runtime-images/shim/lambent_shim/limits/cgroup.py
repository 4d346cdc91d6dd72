"""The container's own memory control group, as it is mounted in it: the one place that knows v1 from v2.

Files and fields: Kubernetes' nodes have either (docs.kernel.org, admin-guide/cgroup-v2 and cgroup-v1/memory).
"""

from __future__ import annotations

import os
from typing import Final

_ROOT: Final = "/sys/fs/cgroup"
_FILES: Final = (("memory.current", "memory.stat"), ("memory/memory.usage_in_bytes", "memory/memory.stat"))
"""v2, v1."""
_STAT_BYTES: Final = 8192


class MemoryGroup:
    """Reads what the container uses; both files stay open, so that a reading is one system call."""

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
