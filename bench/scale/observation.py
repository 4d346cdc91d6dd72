"""What each process takes over a while: memory, CPU, and how often it asks the API server."""

from __future__ import annotations

import asyncio
import time
import urllib.request
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.scale.audit import AuditLog, by_client
from bench.scale.processes import TICKS_PER_SECOND, Usage
from bench.scale.roles import ROLES, sum_samples
from bench.scale.simulated_cluster import SimulatedCluster


@dataclass(frozen=True)
class Observation:
    """A stretch of time with so many Functions."""

    functions: int
    seconds: float
    usage: Mapping[str, Usage]
    """At its end, by process."""
    cpu_percent: Mapping[str, float]
    """Of one CPU, by process."""
    requests: Mapping[tuple[str, str, str], int]
    """By client, verb and resource."""
    etcd_mib: float
    """What etcd's store holds, without what compaction has left behind."""
    elsewhere_percent: float
    """CPU that everything outside this simulation took, of one CPU: what else the machine was busy with."""

    @property
    def memory_mib(self) -> float:
        """Resident memory of controller, activator and autoscaler."""
        return sum(self.usage[role].resident_mib for role in ROLES)

    @property
    def shared_once_mib(self) -> float:
        """The same as PSS: what they share counts once."""
        return sum(self.usage[role].proportional_mib for role in ROLES)

    @property
    def roles_cpu_percent(self) -> float:
        """CPU of controller, activator and autoscaler, of one CPU."""
        return sum(self.cpu_percent[role] for role in ROLES)

    def requests_per_second(self) -> Counter[str]:
        """By client."""
        return Counter({client: count / self.seconds for client, count in by_client(Counter(self.requests)).items()})

    def of_lambent(self) -> float:
        """Requests per second of the three roles."""
        return sum(self.requests_per_second()[f"lambent-{role}"] for role in ROLES)


class Observer:
    """Observes one cluster."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self._cluster = cluster
        self._audit = AuditLog(cluster.audit_log)

    async def observe(self, functions: int, seconds: float) -> Observation:
        """Look for so many seconds."""
        self.begin()
        await asyncio.sleep(seconds)
        return self.end(functions)

    def begin(self) -> None:
        """From here on."""
        self._audit.skip()
        self._began = time.monotonic()
        self._busy_before = busy_seconds()
        self._before = {name: process.usage().cpu_seconds for name, process in self._cluster.processes.items()}

    def end(self, functions: int) -> Observation:
        """To here."""
        self._cluster.check()
        seconds = time.monotonic() - self._began
        busy = busy_seconds() - self._busy_before
        usage = {name: process.usage() for name, process in self._cluster.processes.items() if name in self._before}
        return Observation(
            functions=functions,
            seconds=seconds,
            usage=usage,
            cpu_percent={name: (each.cpu_seconds - self._before[name]) / seconds * 100.0 for name, each in usage.items()},
            requests=self._audit.read(),
            etcd_mib=etcd_bytes(self._cluster) / 2**20,
            elsewhere_percent=max(0.0, busy - sum(each.cpu_seconds - self._before[name] for name, each in usage.items())) / seconds * 100.0,
        )

    async def wait_for_rest(self, patience: float = 300.0) -> None:
        """Until nobody in the cluster has taken more than a tenth of a CPU for two seconds, or patience ends."""
        deadline = time.monotonic() + patience
        quiet = 0
        names = [*ROLES, "controller-manager", "apiserver", "etcd"]
        while quiet < 2 and time.monotonic() < deadline:
            before = {name: self._cluster.processes[name].usage().cpu_seconds for name in names}
            await asyncio.sleep(1.0)
            taken = [self._cluster.processes[name].usage().cpu_seconds - before[name] for name in names]
            quiet = quiet + 1 if max(taken) <= 0.1 else 0


def busy_seconds() -> float:
    """CPU time that this machine has spent on anything, since it started."""
    user, nice, system, _, _, interrupts, soft_interrupts, *_ = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:])
    return (user + nice + system + interrupts + soft_interrupts) / TICKS_PER_SECOND


def etcd_bytes(cluster: SimulatedCluster) -> float:
    """Bytes in use in etcd's store."""
    with urllib.request.urlopen(f"{cluster.etcd}/metrics", timeout=10) as answer:
        return sum_samples(answer.read().decode())["etcd_mvcc_db_total_size_in_use_in_bytes"]
