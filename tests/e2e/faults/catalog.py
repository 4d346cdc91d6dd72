"""All faults, in the order in which they strike: the mildest first. A new module of faults is named here and nowhere else."""

from __future__ import annotations

from tests.e2e.faults import changes, cluster, pods, roles
from tests.e2e.faults.arena import Fault


def all_faults() -> list[Fault]:
    """Every fault there is."""
    return [*roles.faults(), *pods.faults(), *changes.faults(), *cluster.faults()]


def full_faults(nodes: int) -> list[Fault]:
    """Those of `make faults` on so many nodes: without the short form of a longer one."""
    return [fault for fault in all_faults() if fault.nodes <= nodes and fault.name != f"{changes.QUICK_ROLLOUTS} rollouts"]
