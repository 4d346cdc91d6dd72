"""All functions and all activators, pure: pushes and watch events in, scale orders out. Every replica of the autoscaler keeps one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from lambent.autoscaler.functions.decision import Decision, Observed, Policy
from lambent.autoscaler.functions.observed import DeploymentView, FunctionView, ObservedFunction
from lambent.autoscaler.statistics import FunctionKey, Push

INFORMED_SECONDS: Final = 10.0
"""With no activator heard of for so long, nothing counts as idle."""
LATE_PUSHES: Final = 10
"""A push at most so many behind the last one was overtaken on its way; one further behind comes from an activator that has restarted."""
_FORGET_ACTIVATOR_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class ScaleOrder:
    """A Deployment's scale is to go from `current` to `desired`."""

    key: FunctionKey
    deployment: str
    current: int
    desired: int
    max_scale: int


@dataclass(frozen=True, slots=True)
class Assessment:
    """One function, as decided on just now; `order` where its scale is not what it should be."""

    key: FunctionKey
    observed: Observed
    decision: Decision
    order: ScaleOrder | None


@dataclass(slots=True)
class _Activator:
    sequence: int
    heard_at: float
    mentioned: frozenset[FunctionKey]


class Fleet:
    """`push` and `decide_due` when an activator speaks, `decide_due` again after `due_in` seconds, `decide_all` now and then."""

    def __init__(self, policy: Policy, *, least_seconds: float = 0.1) -> None:
        """`least_seconds` pass between two decisions on one function that pushes lead to."""
        self._policy = policy
        self._least_seconds = least_seconds
        self._functions: dict[FunctionKey, ObservedFunction] = {}
        self._activators: dict[str, _Activator] = {}
        self._decided_at: dict[FunctionKey, float] = {}
        self._spoken_of: set[FunctionKey] = set()
        self._invoked: set[FunctionKey] = set()
        self._awake: set[FunctionKey] = set()
        """Those that time alone may change: most functions are at zero, and cost nothing there."""

    def push(self, push: Push, now: float) -> bool:
        """Take in what an activator says; False, and nothing is taken in, where the push came late or twice."""
        known = self._activators.get(push.activator)
        if known is not None and 0 <= known.sequence - push.sequence < LATE_PUSHES:
            return False
        listed = frozenset(report.key for report in push.reports if report.key in self._functions)
        for report in push.reports:
            if report.key in listed:
                self._functions[report.key].report(push.activator, report, push.interval_seconds, now)
                if report.requests:
                    self._invoked.add(report.key)
        for key in known.mentioned - listed if known is not None else ():
            if key in self._functions:
                self._functions[key].idle(push.activator)
        self._activators[push.activator] = _Activator(push.sequence, now, listed)
        self._spoken_of |= listed
        self._awake |= listed
        return True

    def set_function(self, key: FunctionKey, view: FunctionView | None, now: float) -> None:
        """A Function as it is now; None: deleted."""
        self._entry(key, now).set_view(view, now)
        self._awake.add(key)
        self._forget(key)

    def set_deployment(self, key: FunctionKey, view: DeploymentView | None, now: float) -> None:
        """A function's Deployment as it is now; None: deleted."""
        self._entry(key, now).set_deployment(view, now)
        self._awake.add(key)
        self._forget(key)

    def keep_functions(self, keys: Iterable[FunctionKey], now: float) -> None:
        """After a list: all other Functions are gone."""
        for key in self.keys().difference(keys):
            self.set_function(key, None, now)

    def keep_deployments(self, keys: Iterable[FunctionKey], now: float) -> None:
        """After a list: all other Deployments are gone."""
        for key in self.keys().difference(keys):
            self.set_deployment(key, None, now)

    def applied(self, key: FunctionKey, replicas: int, version: int, now: float, *, written: bool) -> None:
        """What became of an order."""
        function = self._functions.get(key)
        if function is not None:
            function.applied(replicas, version, now, written=written)
            self._awake.add(key)

    def decide_due(self, now: float) -> list[Assessment]:
        """Decide on the functions spoken of since the last decision on them, where `least_seconds` have passed since that."""
        due = [key for key in self._spoken_of if now >= self._next_at(key)]
        self._spoken_of.difference_update(due)
        return self._decide(due, now)

    def due_in(self, now: float) -> float | None:
        """Seconds until another decision is due; None where no function spoken of is left."""
        return max(0.0, min(map(self._next_at, self._spoken_of)) - now) if self._spoken_of else None

    def decide_all(self, now: float) -> list[Assessment]:
        """Decide on every function that is not at rest."""
        for name, activator in list(self._activators.items()):
            if now - activator.heard_at > _FORGET_ACTIVATOR_SECONDS:
                del self._activators[name]
        assessments = self._decide(self._awake, now)
        resting = [key for key in self._awake if self._functions[key].at_rest]
        self._awake.difference_update(resting)
        for key in resting:
            self._decided_at.pop(key, None)
        return assessments

    def informed(self, now: float) -> bool:
        """Whether any activator has been heard of lately."""
        return any(now - activator.heard_at <= INFORMED_SECONDS for activator in self._activators.values())

    def last_invocations(self) -> dict[FunctionKey, float]:
        """When each function was last invoked, as far as it was reported; without those that were not."""
        found = {key: self._functions[key].invoked_at for key in self._invoked}
        return {key: at for key, at in found.items() if at is not None}

    def is_at_zero(self, key: FunctionKey) -> bool:
        """Whether a function's scale is zero."""
        function = self._functions.get(key)
        return function is not None and function.deployment is not None and function.deployment.replicas == 0

    def keys(self) -> frozenset[FunctionKey]:
        """All functions there are."""
        return frozenset(self._functions)

    def _decide(self, keys: Iterable[FunctionKey], now: float) -> list[Assessment]:
        informed = self.informed(now)
        assessments = []
        for key in keys:
            function = self._functions.get(key)
            outcome = function.decide(now, self._policy, informed=informed) if function is not None else None
            if function is None or outcome is None or function.deployment is None:
                continue
            self._decided_at[key] = now
            observed, decision = outcome
            order = None
            if decision.desired != observed.replicas:
                order = ScaleOrder(key, function.deployment.name, observed.replicas, decision.desired, function.max_scale)
            assessments.append(Assessment(key, observed, decision, order))
        return assessments

    def _next_at(self, key: FunctionKey) -> float:
        return self._decided_at.get(key, float("-inf")) + self._least_seconds

    def _entry(self, key: FunctionKey, now: float) -> ObservedFunction:
        return self._functions.setdefault(key, ObservedFunction(now))

    def _forget(self, key: FunctionKey) -> None:
        if not self._functions[key].known:
            del self._functions[key]
            self._decided_at.pop(key, None)
            self._spoken_of.discard(key)
            self._awake.discard(key)
            self._invoked.discard(key)
