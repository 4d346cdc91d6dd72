"""All pools and what is asked of them, pure: watch events and pushes in, orders out. Every replica of the autoscaler keeps one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from lambent.autoscaler.pools.giving_way import GivingWay
from lambent.autoscaler.pools.refill import STARTING_SECONDS, Demand, GatedPod, PoolKey, RefillState, hold_seconds, plan_refill
from lambent.autoscaler.pools.size import FunctionStarts, PoolHistory, PoolPolicy, rescale_pool
from lambent.autoscaler.pools.views import PoolPod, PoolUser, PoolView
from lambent.autoscaler.statistics import FunctionKey, Push

FRESH_SECONDS: Final = 2.0
"""What an activator said longer ago than this says nothing of who waits now."""
HANDOVER_SECONDS: Final = 1.0
"""A pool does not give way within this time of a start: a pod that has just become a function may still bear the pool's labels."""
URGENT_SECONDS: Final = 5.0
"""It does where a Function has been refused for so long: a pod that is ended while it becomes a function finishes what it runs."""
PROVED_SECONDS: Final = 60.0
"""A pod that has stayed up for so long, or was taken before, came up well."""


@dataclass(frozen=True, slots=True)
class PoolScale:
    """A pool's Deployment is to go from `current` to `desired`."""

    key: PoolKey
    deployment: str
    current: int
    desired: int
    gives_way: bool = False
    """To a Function whose pod the namespace's quota refuses."""


@dataclass(frozen=True, slots=True)
class Lift:
    """A pod's refill gate, at that place among its gates, is to go."""

    key: PoolKey
    pod: str
    uid: str
    gate: int


@dataclass(frozen=True, slots=True)
class Remove:
    """A pod that nobody may use any more is to be deleted; its ReplicaSet replaces it."""

    key: PoolKey
    pod: str
    uid: str
    failures: int
    """How many of the pool's last pods did not come up."""


PoolOrder = PoolScale | Lift | Remove


@dataclass(frozen=True, slots=True)
class PoolFigures:
    """A pool for the metrics."""

    key: PoolKey
    desired: int
    ready: int
    gated: int


@dataclass(slots=True)
class _Pod:
    view: PoolPod
    seen_at: float
    let_go_at: float | None = None
    """When its gate was seen gone, or lifted by us."""


@dataclass(slots=True)
class _Pool:
    view: PoolView | None = None
    pods: dict[str, _Pod] = field(default_factory=dict)
    failures: int = 0
    """Pods in a row that went bad soon after they were let go."""
    held_until: float = float("-inf")

    def note_bad(self, pod: _Pod, now: float) -> None:
        """A pod that served for a while has done nothing wrong by its end."""
        if pod.let_go_at is None or now - pod.let_go_at < PROVED_SECONDS:
            self.failures += 1
            self.held_until = now + hold_seconds(self.failures)

    def note_good(self) -> None:
        """A pod has come up, and stayed or was taken."""
        self.failures, self.held_until = 0, float("-inf")


@dataclass(slots=True)
class _User:
    pool: PoolKey
    max_scale: int
    starts: FunctionStarts = field(default_factory=FunctionStarts)


class PoolFleet:
    """`decide` after each change and now and then. Without pools (`size` 0) it gives no orders."""

    def __init__(self, policy: PoolPolicy) -> None:
        self._policy = policy
        self._users: dict[FunctionKey, _User] = {}
        self._histories: dict[PoolKey, PoolHistory] = {}
        self._pools: dict[PoolKey, _Pool] = {}
        self._giving = GivingWay()
        self._waiting: dict[str, tuple[float, bool]] = {}
        self._asked_at = float("-inf")
        self._quiet_at = float("-inf")
        self._let_go_at = float("-inf")

    def push(self, push: Push, now: float) -> None:
        """What an activator says; each push once."""
        self._note_quiet(now)
        self._waiting[push.activator] = (now, any(report.queued > 0 for report in push.reports))
        for report in push.reports:
            if report.starts > 0:
                self._asked_at = now
            user = self._users.get(report.key)
            if user is not None:
                history = self._histories.setdefault(user.pool, PoolHistory())
                history.note_asked(now)
                history.note_starts(user.starts.count(report.starts, report.ready, user.max_scale, now), now)

    def set_user(self, key: FunctionKey, user: PoolUser | None, now: float, epoch_now: float) -> None:
        """A Function as it is now, None: it takes no pod of a pool, or is gone. `epoch_now` is the wall clock's reading of `now`."""
        if user is None:
            self._users.pop(key, None)
            return
        known = self._users.setdefault(key, _User(user.pool, user.max_scale))
        known.pool, known.max_scale = user.pool, user.max_scale
        # A clock that is ahead must not make something be asked in the future.
        self._histories.setdefault(user.pool, PoolHistory()).note_asked(now - max(0.0, epoch_now - user.asked_at))

    def keep_users(self, keys: Iterable[FunctionKey]) -> None:
        """After a list: all others are gone."""
        for key in self._users.keys() - set(keys):
            del self._users[key]

    def set_refused(self, key: FunctionKey, said_by: str, now: float, *, refused: bool) -> bool:
        """A quota refuses a pod of that Function, or not any more, as `said_by` (a kind of object) tells; whether that is new."""
        return self._policy.size > 0 and self._giving.note(key, said_by, now, refused=refused)

    def keep_refused(self, said_by: str, keys: Iterable[FunctionKey], now: float) -> None:
        """After a list: of all others, that kind of object says nothing any more."""
        self._giving.keep(said_by, frozenset(keys), now)

    def set_pool(self, key: PoolKey, view: PoolView | None) -> None:
        """A pool's Deployment as it is now; None: deleted. What is older than the last write is left aside."""
        pool = self._pools.setdefault(key, _Pool())
        if view is None or pool.view is None or view.version >= pool.view.version:
            pool.view = view
        self._forget(key)

    def keep_pools(self, keys: Iterable[PoolKey]) -> None:
        """After a list: all others are gone."""
        for key in self._pools.keys() - set(keys):
            self.set_pool(key, None)

    def set_pod(self, key: PoolKey, name: str, view: PoolPod | None, now: float) -> None:
        """A pod with the pool's labels as it is now; None: it is gone, or has become a function's."""
        pool = self._pools.setdefault(key, _Pool())
        if view is None:
            gone = pool.pods.pop(name, None)
            if gone is not None and gone.view.ready and not gone.view.deleting and not gone.view.bad:
                # It has become a function.
                pool.note_good()
                self._note_quiet(now)
                self._asked_at = now
            self._forget(key)
            return
        pod = pool.pods.setdefault(name, _Pod(view, now))
        if view.bad and not view.deleting and (not pod.view.bad or pod.view is view):
            pool.note_bad(pod, now)
        pod.view = view
        if view.gate is None and pod.let_go_at is None:
            pod.let_go_at = now

    def keep_pods(self, found: Iterable[tuple[PoolKey, str]], now: float) -> None:
        """After a list: all others are gone."""
        kept = set(found)
        for key, pool in list(self._pools.items()):
            for name in [name for name in pool.pods if (key, name) not in kept]:
                self.set_pod(key, name, None, now)

    def scaled(self, key: PoolKey, replicas: int, version: int) -> None:
        """What a scale was found to be, or has become."""
        pool = self._pools.get(key)
        if pool is not None and pool.view is not None and version >= pool.view.version:
            pool.view = replace(pool.view, replicas=replicas, version=version)

    def let_go(self, lift: Lift, now: float) -> None:
        """A gate is being lifted: no other pod is, in its place."""
        self._let_go_at = now
        pool = self._pools.get(lift.key)
        pod = pool.pods.get(lift.pod) if pool is not None else None
        if pod is not None:
            pod.let_go_at = now

    def not_let_go(self, lift: Lift) -> None:
        """The gate could not be lifted."""
        pool = self._pools.get(lift.key)
        pod = pool.pods.get(lift.pod) if pool is not None else None
        if pod is not None and pod.view.gate is not None:
            pod.let_go_at = None

    def decide(self, now: float) -> tuple[PoolOrder, ...]:
        """What is to be done now."""
        if self._policy.size == 0:
            return ()
        self._note_quiet(now)
        self._waiting = {name: said for name, said in self._waiting.items() if now - said[0] <= FRESH_SECONDS}
        for pool in self._pools.values():
            if pool.failures and any(_has_proved(pod, now) for pod in pool.pods.values()):
                pool.note_good()
        states = {key: self._state(key, pool, now) for key, pool in self._pools.items() if pool.view is not None}
        lifts = []
        for key, name in plan_refill(now, states.values(), self._demand(now)):
            view = self._pools[key].pods[name].view
            if view.gate is not None:
                lifts.append(Lift(key, name, view.uid, view.gate))
        return (*self._removals(), *self._scales(now), *lifts)

    def is_pressing(self, now: float) -> bool:
        """Whether a pod waits to be let go, or a pool is about to give way: then it is worth looking again soon."""
        return self._giving.is_young(now) or any(pod.let_go_at is None for pool in self._pools.values() for pod in pool.pods.values())

    def figures(self, now: float) -> list[PoolFigures]:
        """Every pool for the metrics."""
        return [
            PoolFigures(
                key,
                self._desired(key, pool.view, now),
                ready=sum(pod.view.ready and not pod.view.deleting for pod in pool.pods.values()),
                gated=sum(pod.view.gate is not None for pod in pool.pods.values()),
            )
            for key, pool in self._pools.items()
            if pool.view is not None
        ]

    def _removals(self) -> list[Remove]:
        return [
            Remove(key, name, pod.view.uid, pool.failures)
            for key, pool in self._pools.items()
            for name, pod in pool.pods.items()
            if pod.view.bad and not pod.view.deleting
        ]

    def _scales(self, now: float) -> list[PoolScale]:
        scales = []
        for key, pool in self._pools.items():
            if pool.view is None:
                continue
            desired = self._desired(key, pool.view, now)
            if desired != pool.view.replicas:
                gives_way = desired == 0 and self._gives_way(key, now)
                scales.append(PoolScale(key, pool.view.name, pool.view.replicas, desired, gives_way))
        return scales

    def _gives_way(self, key: PoolKey, now: float) -> bool:
        if not self._giving.is_due(key.namespace, now):
            return False
        handed_over = now - self._histories.get(key, PoolHistory()).started_at >= HANDOVER_SECONDS
        return handed_over or self._giving.refused_seconds(key.namespace, now) >= URGENT_SECONDS

    def _desired(self, key: PoolKey, view: PoolView, now: float) -> int:
        if self._gives_way(key, now):
            return 0
        return rescale_pool(now, view.replicas, self._histories.get(key, PoolHistory()), self._policy)

    def _state(self, key: PoolKey, pool: _Pool, now: float) -> RefillState:
        wanted = self._desired(key, pool.view, now) if pool.view is not None else 0
        if pool.view is not None and pool.view.updating and wanted > 0:
            # Pods of the new template start beside those of the old one, which go as they come.
            wanted += 1
        going = [pod for pod in pool.pods.values() if not pod.view.deleting and not pod.view.bad]
        let_go = [pod.let_go_at for pod in going if pod.let_go_at is not None]
        starting = [pod for pod in going if pod.let_go_at is not None and not pod.view.ready and now - pod.let_go_at < STARTING_SECONDS]
        gated = tuple(GatedPod(pod.view.name, pod.view.created_at, pod.seen_at) for pod in going if pod.let_go_at is None)
        return RefillState(key, wanted, len(let_go), len(starting), pool.held_until, gated)

    def _demand(self, now: float) -> Demand:
        waiting = any(waits and now - at <= FRESH_SECONDS for at, waits in self._waiting.values())
        return Demand(waiting, self._asked_at, self._quiet_at, self._let_go_at)

    def _note_quiet(self, now: float) -> None:
        if self._demand(now).is_quiet(now):
            self._quiet_at = now

    def _forget(self, key: PoolKey) -> None:
        pool = self._pools[key]
        if pool.view is None and not pool.pods:
            del self._pools[key]
            if all(user.pool != key for user in self._users.values()):
                self._histories.pop(key, None)


def _has_proved(pod: _Pod, now: float) -> bool:
    up = pod.view.ready and not pod.view.bad and not pod.view.deleting
    return up and pod.let_go_at is not None and now - pod.let_go_at >= PROVED_SECONDS
