"""Which Triggers share a route and which call a Function: little per Trigger, kept up to date from events. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from lambent.api.trigger import Trigger

Name = tuple[str, str]
"""(namespace, name)."""
Route = tuple[str, str]
"""(host, path with its parameters' names left out)."""

_PARAMETER: Final = re.compile(r"\{[^{}+]*(\+?)\}")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a Trigger lays claim to."""

    trigger: Name
    created: str
    function: Name
    route: Route | None
    methods: frozenset[str]
    """Empty: every method."""

    def collides_with(self, other: Claim) -> bool:
        """Whether some request would fit both."""
        if self.route is None or self.route != other.route:
            return False
        # One that names the method goes before one for every method; both have their requests.
        return self.methods == other.methods or bool(self.methods & other.methods)

    def is_older_than(self, other: Claim) -> bool:
        """Who has the route of two: the older, and of two of the same second the one whose name comes first."""
        return (self.created, self.trigger) < (other.created, other.trigger)


def claim_of(trigger: Trigger) -> Claim:
    """A Trigger's claim; one that is not enabled claims no route."""
    http = trigger.spec.http if trigger.spec.enabled else None
    route = (http.host or "", _plain_path(http.path)) if http is not None else None
    methods = frozenset(http.methods) if http is not None else frozenset()
    return Claim((trigger.namespace, trigger.name), trigger.created, (trigger.namespace, trigger.spec.function), route, methods)


def _plain_path(path: str) -> str:
    """Equal for paths that take the same requests: whatever parameters are called, however characters are escaped, / at the end or not."""
    return _PARAMETER.sub(r"{\1}", unquote(path)).rstrip("/") or "/"


@dataclass(slots=True)
class TriggerIndex:
    """All claims, by Trigger, by route and by Function."""

    _claims: dict[Name, Claim] = field(default_factory=dict)
    _by_route: dict[Route, set[Name]] = field(default_factory=dict)
    _by_function: dict[Name, set[Name]] = field(default_factory=dict)

    def put(self, claim: Claim) -> set[Name]:
        """Take in a new or changed claim; the other Triggers whose standing it may change."""
        affected = self.drop(claim.trigger)
        self._claims[claim.trigger] = claim
        self._by_function.setdefault(claim.function, set()).add(claim.trigger)
        if claim.route is not None:
            sharing = self._by_route.setdefault(claim.route, set())
            affected |= sharing
            sharing.add(claim.trigger)
        return affected

    def drop(self, trigger: Name) -> set[Name]:
        """Forget a Trigger; the others on its route."""
        claim = self._claims.pop(trigger, None)
        if claim is None:
            return set()
        _discard(self._by_function, claim.function, trigger)
        if claim.route is None:
            return set()
        _discard(self._by_route, claim.route, trigger)
        return set(self._by_route.get(claim.route, ()))

    def has_same(self, claim: Claim) -> bool:
        """Whether just this is known already."""
        return self._claims.get(claim.trigger) == claim

    def calling(self, function: Name) -> Iterable[Name]:
        """The Triggers of a Function."""
        return tuple(self._by_function.get(function, ()))

    def older_claim(self, claim: Claim) -> Claim | None:
        """The oldest other claim that collides with this one and goes before it."""
        others = (self._claims[name] for name in self._by_route.get(claim.route or ("", ""), ()) if name != claim.trigger)
        colliding = [other for other in others if claim.collides_with(other) and other.is_older_than(claim)]
        return min(colliding, key=lambda other: (other.created, other.trigger), default=None)


def _discard(groups: dict[Name, set[Name]], group: Name, member: Name) -> None:
    members = groups.get(group)
    if members is None:
        return
    members.discard(member)
    if not members:
        del groups[group]
