"""Which pods of pools to let start now, pure.

A pool's pods come with a scheduling gate (docs/decisions/0007-the-warm-pool.md): starting one costs half a second of CPU, just when the
function that took its predecessor needs it. So nothing starts while an invocation waits or a pod has just been asked for; else a few at a
time, the emptiest pool first and its oldest pod; and where the load does not end, as it never does in a large cluster, some in a while.
A pool with half its pods is in no hurry: the next function has one, and the last one is still at its first work.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

QUIET_SECONDS: Final = 1.0
"""After a pod was asked for: its function initialises."""
RESTED_SECONDS: Final = 10.0
"""After a pod was asked for, where a pool still has half its pods."""
PATIENCE_SECONDS: Final = 30.0
"""A pod that has waited for so long is started like those of an emptier pool: somewhere something is always asked for."""
STARVED_SECONDS: Final = 5.0
"""Under a load that does not end, one pod starts each time that this has passed."""
STARTING_SECONDS: Final = 15.0
"""A pod that is not ready by then has a trouble of its own, and holds up no other."""
STARTING_AT_ONCE: Final = 2
"""In all pools of a small cluster; a pool has one."""
POOLS_PER_SHARE: Final = 20
"""For each further twenty pools in use, as much again may start: so many pools run on more nodes, and somebody always waits somewhere."""


FIRST_HOLD_SECONDS: Final = 5.0
LONGEST_HOLD_SECONDS: Final = 300.0
"""A pool whose pods do not come up tries again after pauses that double: Kubernetes has no back-off for pods that are deleted."""


class PoolKey(NamedTuple):
    """A pool is one runtime's in one namespace."""

    namespace: str
    runtime: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.runtime}"


@dataclass(frozen=True, slots=True)
class GatedPod:
    """A pod that waits to be let go."""

    name: str
    created_at: str
    """RFC 3339, as the API server has it: in the order of time as text too."""
    seen_at: float


@dataclass(frozen=True, slots=True)
class RefillState:
    """A pool as far as its refill goes."""

    key: PoolKey
    wanted: int
    """Pods that the pool should have."""
    present: int
    """Pods that have been let go, ready or not."""
    starting: int
    """Those of them that have begun to start of late and are not ready yet."""
    held_until: float
    """No pod of it starts before: the last ones did not come up."""
    gated: tuple[GatedPod, ...]


@dataclass(frozen=True, slots=True)
class Demand:
    """What goes on in the whole cluster."""

    waiting: bool
    """Whether any invocation waits for a slot."""
    asked_at: float
    """When a pod was last asked for, of a pool or otherwise."""
    quiet_at: float
    """When nothing last asked for pods."""
    let_go_at: float
    """When a pod was last let go."""

    def is_quiet(self, now: float) -> bool:
        """Whether starting a pod takes nothing from anybody who waits."""
        return not self.waiting and now - self.asked_at >= QUIET_SECONDS


class LetGo(NamedTuple):
    """One pod may start."""

    key: PoolKey
    pod: str


def plan_refill(now: float, pools: Iterable[RefillState], demand: Demand) -> tuple[LetGo, ...]:
    """The pods to let go now, in order."""
    room = _room(now, pools := tuple(pools), demand)
    needy = sorted((pool for pool in pools if _may_start(now, pool, demand)), key=lambda pool: (pool.present / pool.wanted, pool.key))
    return tuple(LetGo(pool.key, _oldest(now, pool).name) for pool in needy[: max(0, room)])


def hold_seconds(failures: int) -> float:
    """How long a pool whose last `failures` pods did not come up lets no other one start."""
    return min(LONGEST_HOLD_SECONDS, FIRST_HOLD_SECONDS * 2.0 ** min(failures - 1, 30)) if failures > 0 else 0.0


def _room(now: float, pools: tuple[RefillState, ...], demand: Demand) -> int:
    share = 1 + sum(pool.wanted > 0 for pool in pools) // POOLS_PER_SHARE
    if not demand.is_quiet(now):
        return share if now - max(demand.quiet_at, demand.let_go_at) >= STARVED_SECONDS else 0
    return STARTING_AT_ONCE * share - sum(pool.starting for pool in pools)


def _may_start(now: float, pool: RefillState, demand: Demand) -> bool:
    free = pool.present < pool.wanted and pool.starting == 0 and now >= pool.held_until
    rested = 2 * pool.present < pool.wanted or now - demand.asked_at >= RESTED_SECONDS
    return free and any(_has_settled(now, pod) and (rested or now - pod.seen_at >= PATIENCE_SECONDS) for pod in pool.gated)


def _has_settled(now: float, pod: GatedPod) -> bool:
    # It replaces one that was taken, perhaps a moment ago, of which activators have not told yet.
    return now - pod.seen_at >= QUIET_SECONDS


def _oldest(now: float, pool: RefillState) -> GatedPod:
    return min((pod for pod in pool.gated if _has_settled(now, pod)), key=lambda pod: (pod.created_at, pod.name))
