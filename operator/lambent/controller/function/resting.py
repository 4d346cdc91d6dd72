"""Functions at rest: of these, news of how many pods there are asks for nothing but that number in the status. Pure.

A Function is at rest when a reconcile that has read everything found it served by the revision it asks for, with nothing to write, to
prove or to clear away, and no pod in trouble. Then the plan depends on its Deployment by two numbers alone, and on pods only
where one gets into trouble. Any other news ends the rest: the reconcile after it reads everything, as does one of a Function that is not
remembered here. What is written from memory is tested by the API server against what is remembered.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from lambent.api import conditions
from lambent.api.conditions import Condition
from lambent.api.functions.function import Function
from lambent.controller.function.children import pack_children
from lambent.controller.function.diagnosis import diagnose_pods
from lambent.controller.function.status_patch import diff_status
from lambent.controller.function.status_plan import merge, status_of_counts
from lambent.controller.writes.plan import Observed, Plan
from lambent.controller.writes.views import Counts, hash_deployment

REMEMBERED: Final = 256
"""Functions at rest that are remembered, those that were last busy: each takes some 8 KB."""
Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Resting:
    """A Function at rest."""

    uid: str
    generation: int
    stored: Mapping[str, Any]
    """Of the stored status: conditions, replicas and desiredReplicas."""
    counts: Counts
    """As last heard."""
    looked_at: datetime
    """When everything was last read."""
    again_seconds: float | None
    """After which everything is to be read again; None for not before there is news."""
    looks: int = 0
    """Of its Deployment, by `hash_deployment`."""
    children: bytes = b""
    """What belongs to it, by `pack_children`."""

    def seconds_left(self, now: datetime) -> float | None:
        """Until everything is to be read again, 0 for now; None for not before there is news. A clock that is set back delays nothing."""
        if self.again_seconds is None:
            return None
        elapsed = (now - self.looked_at).total_seconds()
        return max(0.0, self.again_seconds - elapsed) if elapsed >= 0.0 else 0.0


@dataclass(frozen=True, slots=True)
class Known:
    """What belongs to a Function that was at rest until it was changed: `unpack_children` takes the first two."""

    children: bytes
    counts: Counts
    looks: int


@dataclass(slots=True)
class RestingFunctions:
    """Which Functions are at rest. A whole look `begin`s, may lead to `rest`, and `end`s; nothing that is heard meanwhile is lost."""

    _resting: OrderedDict[Name, Resting] = field(default_factory=OrderedDict)
    _looking: set[Name] = field(default_factory=set)
    """Of which a whole look is under way."""
    _disturbed: set[Name] = field(default_factory=set)
    """Of which there was news that a whole look must follow, since its last one began."""
    _heard: dict[Name, Counts] = field(default_factory=dict)
    """The counts of Functions not at rest, as last heard since their last whole look began."""
    _looks: dict[Name, int] = field(default_factory=dict)
    """How their Deployments looked when they last changed, likewise."""
    _known: dict[Name, Known] = field(default_factory=dict)
    """What belongs to Functions that were at rest until they themselves changed."""

    def disturb(self, name: Name) -> None:
        """There is news that a look at everything must follow."""
        self._resting.pop(name, None)
        self._known.pop(name, None)
        self._disturbed.add(name)

    def change(self, name: Name) -> None:
        """The Function itself has changed: a whole look must follow, for which what belongs to it is known if it was at rest."""
        resting = self._resting.get(name)
        known = self._known.get(name) if resting is None else Known(resting.children, resting.counts, resting.looks)
        self.disturb(name)
        if known is not None:
            self._known[name] = known

    def forget(self) -> None:
        """News may have been missed: every Function is looked at as a whole before it is at rest again."""
        for name in {*self._resting, *self._known, *self._looking}:
            self.disturb(name)

    def compare(self, name: Name, looks: int, counts: Counts) -> bool:
        """Note how a Function's Deployment looks now. Return whether a reconcile must follow: not where it rests with one that looks so.

        The event of a write comes before the look that has made it is at its end, so it is then that the two are compared.
        """
        resting = self._resting.get(name)
        if resting is None:
            self._looks[name] = looks
            if name in self._known and self._known[name].looks != looks:
                del self._known[name]
        elif resting.looks != looks:
            self.disturb(name)
            return True
        return self.hear(name, counts)

    def take_known(self, name: Name) -> Known | None:
        """Return what belongs to the Function whose whole look begins, where that is known; by then it may change at any time."""
        return self._known.pop(name, None)

    def hear(self, name: Name, counts: Counts | None) -> bool:
        """There is news that concerns counts alone, these (None: of a pod that is well). Whether a reconcile must follow."""
        resting = self._resting.get(name)
        if resting is None:
            # Not lost on a look under way: it ends in a rest with these counts, or in none, and the reconcile that follows is a whole one.
            if counts is not None:
                self._heard[name] = counts
                if name in self._known:
                    self._known[name] = replace(self._known[name], counts=counts)
            return True
        if counts is None:
            return False
        self._resting[name] = replace(resting, counts=counts)
        return True

    def begin(self, name: Name, now: datetime) -> Resting | None:
        """A reconcile begins: of a Function at rest, or, where None, one that reads everything."""
        resting = self._resting.get(name)
        if resting is None or resting.seconds_left(now) == 0.0:
            self._resting.pop(name, None)
            self._disturbed.discard(name)
            self._heard.pop(name, None)
            self._looks.pop(name, None)
            self._looking.add(name)
            return None
        self._resting.move_to_end(name)
        return resting

    def end(self, name: Name) -> None:
        """A whole look has ended, in whatever way."""
        self._looking.discard(name)

    def rest(self, name: Name, found: Resting | None) -> None:
        """A whole look has ended so; no rest where there was news meanwhile, which may be later than what the look has read."""
        if found is None or name in self._disturbed or self._looks.get(name, found.looks) != found.looks:
            return
        self._looks.pop(name, None)
        self._resting[name] = replace(found, counts=self._heard.pop(name, found.counts))
        if len(self._resting) > REMEMBERED:
            self._resting.popitem(last=False)

    def wrote(self, name: Name, status: Mapping[str, Any]) -> None:
        """The counts were written: the status is this by now."""
        resting = self._resting.get(name)
        if resting is not None:
            self._resting[name] = replace(resting, stored=_remember(status))


def find_rest(now: datetime, function: Function, stored: Mapping[str, Any], observed: Observed, plan: Plan) -> Resting | None:
    """The Function at rest, None where it is not, after a plan made of `observed`; `function` and `stored` are what it is by now."""
    ready = function.status.condition(conditions.READY)
    deployment = observed.deployment
    at_rest = (
        not plan.writes
        and not observed.refused
        and ready is not None
        and ready.is_true
        and ready.observed_generation == function.generation
        and stored.get("observedGeneration") == function.generation
        and deployment is not None
        and not deployment.failure
        and function.status.ready_revision == function.status.latest_revision == deployment.revision
        and len(observed.code_maps) <= 1
        and not any(pod.candidate for pod in observed.pods)
        and diagnose_pods(observed.pods) is None
    )
    if not at_rest or deployment is None:
        return None
    looks, children = hash_deployment(deployment.body), pack_children(observed)
    return Resting(function.uid, function.generation, _remember(stored), deployment.counts, now, plan.requeue_seconds, looks, children)


def plan_counts(now: datetime, resting: Resting) -> dict[str, Any] | None:
    """What a whole look would change of the status of a Function at rest, None for nothing."""
    counted, active = status_of_counts(resting.counts)
    current: list[Condition] = [replace(active, observed_generation=resting.generation)]
    return diff_status(resting.stored, {**counted, "conditions": merge(resting.stored, current, now)})


def build_counts_patch(resting: Resting, changes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The JSON patch of these changes, for the Function as it is remembered and for no other."""
    return [
        {"op": "test", "path": "/metadata/uid", "value": resting.uid},
        {"op": "test", "path": "/metadata/generation", "value": resting.generation},
        {"op": "test", "path": "/status/conditions", "value": resting.stored["conditions"]},
        *({"op": "add", "path": f"/status/{name}", "value": value} for name, value in changes.items()),
    ]


def tells_counts_alone(stored: Mapping[str, Any], plan: Plan) -> bool:
    """Whether all that a plan does is to write counts, and the condition that follows from them."""
    changes = plan.status or {}
    if plan.writes or plan.notices or not changes.keys() <= {"replicas", "desiredReplicas", "conditions"}:
        return False
    return _without_active(changes.get("conditions", stored.get("conditions"))) == _without_active(stored.get("conditions"))


def _without_active(found: Sequence[Mapping[str, Any]] | None) -> list[Mapping[str, Any]]:
    return [item for item in found or () if item.get("type") != conditions.ACTIVE]


def _remember(status: Mapping[str, Any]) -> dict[str, Any]:
    return {name: status.get(name) for name in ("conditions", "replicas", "desiredReplicas")}
