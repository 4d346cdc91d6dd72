"""Gets a function the pods that are missing: generic ones, and where there are not enough of them, its Deployment's."""

from __future__ import annotations

from lambent.activator.admission.links import Links
from lambent.activator.admission.meter import Meter
from lambent.activator.admission.model import Action, Become, FunctionKey, Limits, PoolKey, Rules, Start
from lambent.activator.admission.pace import Pace
from lambent.activator.admission.pools import Pools
from lambent.activator.admission.starts import Starts
from lambent.activator.admission.waiting import Waiting


class Recruiter:
    """Of one function, whose links, line and meter it looks at and tells."""

    __slots__ = ("_key", "_limits", "_links", "_meter", "_pace", "_pools", "_unfit_until", "_waiting", "starts")

    def __init__(self, key: FunctionKey, limits: Limits, pools: Pools, *, links: Links, waiting: Waiting, meter: Meter, pace: Pace) -> None:
        self.starts = Starts(limits)
        self._key = key
        self._limits = limits
        self._pools = pools
        self._links = links
        self._waiting = waiting
        self._meter = meter
        self._pace = pace
        self._unfit_until = 0.0

    @property
    def wanted(self) -> int:
        """Pods in all that the function has or has asked for."""
        return max(len(self._links.serving), self.starts.requested)

    def find_unfit(self, now: float) -> None:
        """Generic pods are of no use to the function, for a while."""
        self._unfit_until = now + self._limits.unfit_seconds

    def plan(self, rules: Rules | None, now: float, out: list[Action]) -> None:
        """Ask for the pods that are missing; call whenever somebody waits."""
        starts, waiting, links = self.starts, self._waiting, self._links
        if rules is None or starts.is_early(now, waiting, links, self._pace.seconds):
            return
        pace = self._pace.current(now, links)
        missing = starts.count_missing(waiting, links, rules, pace)
        if not missing:
            return
        generic = self._count_generic(rules, now)
        taken = min(missing, generic)
        if not pace:
            taken = min(taken, starts.count_step(now, waiting, links))
        there = len(links.serving)
        for _ in range(taken):
            self._take(rules, now, out)
        short = taken == generic < missing and not starts.is_patient(now, waiting, links)
        self._meter.starts += starts.note_needed(there, there + (missing if short else taken))
        if short:
            scale = starts.ask(now, waiting, links, rules, pace)
            if scale is not None:
                # Those that are about to be the Deployment's are in it: `pool.gates` lets no pod start in their place.
                out.append(Start(self._key, scale))

    def _count_generic(self, rules: Rules, now: float) -> int:
        """Generic pods that the function may take."""
        if not rules.pool or now < self._unfit_until:
            return 0
        # Pods that the Deployment was asked for are coming: one of the pool beside them would be one more than there may be.
        pods = self.starts.count_coming(now, len(self._links.serving))
        allowed = self._pools.allowance(self._key, rules.max_scale, pods, self._links.held)
        return min(allowed, self._pools.count(PoolKey(self._key.namespace, rules.pool)))

    def _take(self, rules: Rules, now: float, out: list[Action]) -> None:
        """Have a generic pod become this function's."""
        link = self._pools.take(PoolKey(self._key.namespace, rules.pool))
        if link is None:
            return
        link.turn_into(self._key, rules.revision, rules.concurrency)
        link.asked_at = now
        link.held = True
        self._links.add(link)
        out.append(Become(link.number, self._key, rules.revision))
