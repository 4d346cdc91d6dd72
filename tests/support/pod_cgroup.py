"""Control groups as the kubelet makes them of a pod on cgroup v2, where the tests may make such: in the machine of `make cgroup2`.

Source: Kubernetes, pkg/kubelet/cm (memory.max, cpu.max, pids.max of pod and container; since 1.28 memory.oom.group of the container).
"""

from __future__ import annotations

import itertools
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from lambent.api.functions.shim import SHIM_MEMORY_BYTES
from tests.support.patience import PATIENCE_SECONDS

DEFAULT_MEMORY_MIB = 128
POOL_MEMORY_MIB = 1024
"""What a generic pod's container is made for by default (`pools.maxMemoryMiB` in the chart)."""
_PARENT = os.environ.get("LAMBENT_TEST_PODS")
_numbers = itertools.count(1)

needs_cgroup2 = pytest.mark.skipif(_PARENT is None, reason="needs cgroups to make pods of: runs by `make cgroup2`")


class PodLimits(NamedTuple):
    """What a test asks of a pod besides memory."""

    pids: int | None = None
    """The kubelet's podPidsLimit."""
    cpu: float | None = None
    """The container's limit, in cores."""
    container: bool = False
    """With namespaces of its own, and the shim as PID 1; else in the tests' own, where its processes can be looked at."""


NO_LIMITS = PodLimits()


class PodGroup:
    """One pod with one container."""

    def __init__(self, parent: Path, memory_bytes: int, limits: PodLimits) -> None:
        self._isolated = limits.container
        self.pod = parent / f"pod-{os.getpid()}-{next(_numbers)}"
        self.container = self.pod / "container"
        self.kernel_may_act = False
        """Whether a test means the kernel to kill something; else it is a failure."""
        self.pod.mkdir()
        (self.pod / "cgroup.subtree_control").write_text("+cpu +memory +pids")
        self.container.mkdir()
        for group in (self.pod, self.container):
            (group / "memory.max").write_text(str(memory_bytes))
            if limits.cpu is not None:
                (group / "cpu.max").write_text(f"{int(limits.cpu * 100_000)} 100000")
        (self.container / "memory.swap.max").write_text("0")
        (self.container / "memory.oom.group").write_text("1")
        if limits.pids is not None:
            (self.pod / "pids.max").write_text(str(limits.pids))

    @property
    def launcher(self) -> tuple[str, ...]:
        """What is put before a command, so that it runs in the container."""
        if self._isolated:
            return sys.executable, "-I", str(Path(__file__).with_name("container.py")), str(self.container / "cgroup.procs")
        return "/bin/sh", "-c", f'echo 0 >"{self.container}/cgroup.procs" && exec "$@"', "sh"

    def read(self, name: str) -> int:
        """A file of the container that holds one number."""
        return int((self.container / name).read_text())

    def count(self, name: str, key: str) -> int:
        """A line of one of the container's files of counters."""
        lines = (self.container / name).read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.split()[0] == key))

    @property
    def pids(self) -> set[int]:
        """All processes of the container."""
        return set(map(int, (self.container / "cgroup.procs").read_text().split()))

    def wait_until_empty(self) -> None:
        """Wait for the end of the last process; fails where one stays (cgroups(7), cgroup.events)."""
        with (self.container / "cgroup.events").open("rb", buffering=0) as events:
            poll = select.poll()
            poll.register(events, select.POLLPRI)
            while b"populated 1" in os.pread(events.fileno(), 256, 0):
                assert poll.poll(int(PATIENCE_SECONDS * 1000)), f"processes stay: {self.pids}"

    def close(self) -> None:
        """End what is left, and take both groups away."""
        (self.pod / "cgroup.kill").write_text("1")
        self.wait_until_empty()
        self.container.rmdir()
        self.pod.rmdir()


@contextmanager
def pod_group(memory_mib: int, limits: PodLimits) -> Iterator[PodGroup | None]:
    """A pod's groups for a function of that memory; None where no groups can be made. Fails where the kernel had to kill."""
    if _PARENT is None:
        yield None
        return
    group = PodGroup(Path(_PARENT), (memory_mib << 20) + SHIM_MEMORY_BYTES, limits)
    try:
        yield group
        if not group.kernel_may_act:
            killed = group.count("memory.events", "oom_kill")
            assert killed == 0, f"the kernel killed {killed} processes: the shim was to act first"
    finally:
        group.close()
