"""Which namespace a host belongs to, and which Trigger a route: one decision, kept up to date claim by claim. Pure.

The controller tells people by it, and activators route by it, so that nobody is told what is not so. A host belongs to the namespace
that a HostGrant names, or else to the one whose Trigger has asked for it first; inside that namespace a route belongs to the oldest
Trigger that asks for it. A change costs what it changes, however many Triggers there are (docs/decisions/0010).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from lambent.api import conditions
from lambent.api.triggers.grants import Grants, HostGrant
from lambent.api.triggers.hosts import ANY_HOST, Domains, why_granted_only, why_reserved
from lambent.api.triggers.route_path import Pattern, pattern_of
from lambent.api.triggers.served import find_unserved_trigger_fields
from lambent.api.triggers.trigger import Trigger

Name = tuple[str, str]
"""(namespace, name)."""
RouteKey = tuple[str, str, Pattern]
"""(host, namespace, pattern)."""
Age = tuple[str, str, str]
"""(creation time, namespace, name): of two, the smaller is older, or of the same second and first by name."""
BY_GRANT: Final = "whoever administers the cluster can name it in a HostGrant"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a Trigger asks for: requests of a host, by path and method."""

    trigger: Name
    created: str
    host: str
    """In lower case; `ANY_HOST` for requests at hosts that nobody has asked for."""
    pattern: Pattern
    methods: frozenset[str]
    """Empty: every method."""

    @property
    def namespace(self) -> str:
        """The Trigger's namespace."""
        return self.trigger[0]

    @property
    def route(self) -> RouteKey:
        """What it shares with other Triggers of its namespace for the same requests."""
        return (self.host, self.trigger[0], self.pattern)

    @property
    def age(self) -> Age:
        """By which of two claims goes first."""
        return (self.created, *self.trigger)

    def collides_with(self, other: Claim) -> bool:
        """Whether some request would fit both as well: one that names a method goes before one for every method, and both have theirs."""
        return self.route == other.route and (self.methods == other.methods or bool(self.methods & other.methods))


def claim_of(trigger: Trigger) -> Claim | None:
    """A Trigger's claim; None where it asks for no request: another source, disabled, deleted, or with a field that is not served yet."""
    http = trigger.spec.http
    if http is None or not trigger.spec.enabled or trigger.deleting or find_unserved_trigger_fields(trigger.spec):
        return None
    name = (trigger.namespace, trigger.name)
    return Claim(name, trigger.created, http.host or ANY_HOST, pattern_of(http.path), frozenset(http.methods))


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a claim is not served."""

    reason: str
    """A condition's."""
    message: str


@dataclass(slots=True)
class _Host:
    """Who asks for one host, oldest first."""

    by_namespace: dict[str, list[Age]] = field(default_factory=dict)
    firsts: list[Age] = field(default_factory=list)
    """The oldest claim of each namespace."""

    def add(self, age: Age) -> None:
        ages = self.by_namespace.setdefault(age[1], [])
        before = ages[0] if ages else None
        insort(ages, age)
        self._follow_first(before, ages[0])

    def remove(self, age: Age) -> None:
        ages = self.by_namespace[age[1]]
        before = ages[0]
        del ages[bisect_left(ages, age)]
        if not ages:
            del self.by_namespace[age[1]]
        self._follow_first(before, ages[0] if ages else None)

    def _follow_first(self, before: Age | None, after: Age | None) -> None:
        if before == after:
            return
        if before is not None:
            del self.firsts[bisect_left(self.firsts, before)]
        if after is not None:
            insort(self.firsts, after)


class HostClaims:
    """All claims. Each change returns the hosts that belong to another namespace than before."""

    def __init__(self, domains: Domains | None = None) -> None:
        self.domains = domains or Domains()
        self._grants = Grants()
        self._claims: dict[Name, Claim] = {}
        self._hosts: dict[str, _Host] = {}
        self._routes: dict[RouteKey, list[Age]] = {}
        """Who asks for each route, oldest first."""
        self._first: dict[str, Age] = {}
        """By host, the claim by which its owner has it."""

    def find(self, trigger: Name) -> Claim | None:
        """The claim of a Trigger."""
        return self._claims.get(trigger)

    def claims(self) -> Iterable[Claim]:
        """All claims, served or not."""
        return self._claims.values()

    def owner(self, host: str) -> str | None:
        """The namespace that a host belongs to; None where nobody has it."""
        first = self._first.get(host)
        return None if first is None else first[1]

    def put(self, claim: Claim) -> set[str]:
        """Take in a new or changed claim."""
        if self._claims.get(claim.trigger) == claim:
            return set()
        changed = self.drop(claim.trigger)
        self._claims[claim.trigger] = claim
        self._hosts.setdefault(claim.host, _Host()).add(claim.age)
        insort(self._routes.setdefault(claim.route, []), claim.age)
        return changed ^ self._settle(claim.host)

    def drop(self, trigger: Name) -> set[str]:
        """Forget a Trigger; harmless where it claims nothing."""
        claim = self._claims.pop(trigger, None)
        if claim is None:
            return set()
        host = self._hosts[claim.host]
        host.remove(claim.age)
        if not host.firsts:
            del self._hosts[claim.host]
        sharing = self._routes[claim.route]
        del sharing[bisect_left(sharing, claim.age)]
        if not sharing:
            del self._routes[claim.route]
        return self._settle(claim.host)

    def set_grants(self, grants: Iterable[HostGrant]) -> set[str]:
        """All HostGrants there are."""
        self._grants = Grants(grants)
        return {host for host in self._hosts if self._settle(host)}

    def hosts(self) -> Iterable[str]:
        """All hosts that somebody asks for."""
        return self._hosts.keys()

    def members(self, host: str) -> tuple[Name, ...]:
        """All Triggers that ask for a host, served or not."""
        found = self._hosts.get(host)
        return () if found is None else tuple((age[1], age[2]) for ages in found.by_namespace.values() for age in ages)

    def first_claims(self, host: str) -> tuple[Name, ...]:
        """The oldest Trigger of each namespace that asks for a host, oldest first."""
        found = self._hosts.get(host)
        return () if found is None else tuple((age[1], age[2]) for age in found.firsts)

    def sharing(self, route: RouteKey) -> Iterator[Claim]:
        """The claims on a route, oldest first."""
        return (self._claims[age[1], age[2]] for age in self._routes.get(route, ()))

    def served_on(self, route: RouteKey) -> list[Claim]:
        """Return the claims on a route that have it where their namespace has the host: those that collide with no older one."""
        served, taken, every = [], set[str](), False
        for claim in self.sharing(route):
            if not (claim.methods & taken if claim.methods else every):
                served.append(claim)
            # One that is refused keeps younger ones from its methods all the same: what an older one has given up is the next oldest's.
            taken |= claim.methods
            every = every or not claim.methods
        return served

    def older(self, claim: Claim) -> Claim | None:
        """The oldest Trigger of the namespace that has a request of this one's."""
        found = next((other for other in self.sharing(claim.route) if claim.collides_with(other)), None)
        return found if found is not None and found.age < claim.age else None

    def refusal(self, claim: Claim) -> Refusal | None:
        """Why a claim is not served; None where it is."""
        shown = f"the host {claim.host}" if claim.host else "requests at hosts that nobody has asked for"
        reserved = why_reserved(claim.host, self.domains) if claim.host else ""
        if reserved:
            return Refusal(conditions.REASON_INVALID_SPEC, f"spec.http.host: {claim.host!r} cannot be a Trigger's: {reserved}")
        allowed = self._grants.namespaces_for(claim.host)
        if allowed is not None and claim.namespace not in allowed:
            message = f"spec.http.host: a HostGrant keeps {shown} for other namespaces than {claim.namespace}"
            return Refusal(conditions.REASON_CONFLICT, message)
        granted_only = why_granted_only(claim.host, self.domains) if claim.host and allowed is None else ""
        if granted_only:
            message = f"spec.http.host: {claim.host!r} needs a HostGrant, since {granted_only}; {BY_GRANT}"
            return Refusal(conditions.REASON_INVALID_SPEC, message)
        first = self._first.get(claim.host)
        if first is not None and first[1] != claim.namespace:
            message = f"spec.http.host: the namespace {first[1]} has {shown}; use another host, or {BY_GRANT}"
            return Refusal(conditions.REASON_CONFLICT, message)
        older = self.older(claim)
        if older is not None:
            message = f"spec.http: the older Trigger {older.trigger[1]} has this host, path and method already"
            return Refusal(conditions.REASON_CONFLICT, message)
        return None

    def rival(self, claim: Claim) -> Name | None:
        """The Trigger for whose sake a claim is refused, where it is one's."""
        first = self._first.get(claim.host)
        if first is not None and first[1] != claim.namespace:
            return first[1], first[2]
        older = self.older(claim)
        return None if older is None else older.trigger

    def contender(self, claim: Claim) -> Claim | None:
        """The first of those that are refused for the sake of a claim that is served; None where there is none.

        Those of other namespaces count for the oldest claim of the namespace that has the host, those of its own on the same route.
        """
        found = self._hosts.get(claim.host)
        if found is not None and self._first.get(claim.host) == claim.age:
            other = next((age for age in found.firsts if age[1] != claim.namespace), None)
            if other is not None:
                return self._claims[other[1], other[2]]
        return next((other for other in self.sharing(claim.route) if other.age > claim.age and claim.collides_with(other)), None)

    def _settle(self, host: str) -> set[str]:
        """Find the owner of a host anew; the host, where it is another namespace."""
        before, first = self.owner(host), self._find_first(host)
        if first is None:
            self._first.pop(host, None)
        else:
            self._first[host] = first
        return set() if self.owner(host) == before else {host}

    def _find_first(self, host: str) -> Age | None:
        found = self._hosts.get(host)
        if found is None or (host and why_reserved(host, self.domains)):
            return None
        allowed = self._grants.namespaces_for(host)
        if allowed is None:
            return None if host and why_granted_only(host, self.domains) else found.firsts[0]
        return next((age for age in found.firsts if age[1] in allowed), None)
