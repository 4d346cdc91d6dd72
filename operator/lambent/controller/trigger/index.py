"""Which Triggers ask for the same requests and which call a Function: little per Trigger, kept up to date from events. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from lambent.api.triggers.claims import Claim, HostClaims, Name, claim_of
from lambent.api.triggers.grants import HostGrant
from lambent.api.triggers.hosts import Domains
from lambent.api.triggers.trigger import Trigger


class TriggerIndex:
    """All Triggers, by claim and by Function. Each change returns the other Triggers whose standing it may change."""

    def __init__(self, domains: Domains | None = None) -> None:
        self.claims = HostClaims(domains)
        self._functions: dict[Name, Name] = {}
        """The Function that each Trigger calls."""
        self._by_function: dict[Name, set[Name]] = {}

    def put(self, trigger: Trigger, *, asks: bool = True) -> set[Name]:
        """Take in a new or changed Trigger; with `asks` off, one that claims nothing."""
        name, function = (trigger.namespace, trigger.name), (trigger.namespace, trigger.spec.function)
        claim = claim_of(trigger) if asks else None
        if self._functions.get(name) != function:
            self._forget_function(name)
            self._functions[name] = function
            self._by_function.setdefault(function, set()).add(name)
        before = self.claims.find(name)
        if before == claim:
            return set()
        concerned = [each for each in (before, claim) if each is not None]
        firsts = {each.host: self.claims.first_claims(each.host) for each in concerned}
        changed = self.claims.put(claim) if claim is not None else self.claims.drop(name)
        return self._affected(concerned, firsts, changed) - {name}

    def drop(self, trigger: Name) -> set[Name]:
        """Forget a Trigger; harmless where it was not known."""
        self._forget_function(trigger)
        before = self.claims.find(trigger)
        if before is None:
            return set()
        firsts = {before.host: self.claims.first_claims(before.host)}
        return self._affected([before], firsts, self.claims.drop(trigger)) - {trigger}

    def set_grants(self, grants: Iterable[HostGrant]) -> set[Name]:
        """All HostGrants there are. Their words change what is told to all on a host, also where its owner stays."""
        self.claims.set_grants(grants)
        return {name for host in self.claims.hosts() for name in self.claims.members(host)}

    def calling(self, function: Name) -> Iterable[Name]:
        """The Triggers of a Function."""
        return tuple(self._by_function.get(function, ()))

    def _affected(self, concerned: Iterable[Claim], firsts: dict[str, tuple[Name, ...]], changed: set[str]) -> set[Name]:
        affected = {name for host in changed for name in self.claims.members(host)}
        for claim in concerned:
            affected.update(other.trigger for other in self.claims.sharing(claim.route))
            now = self.claims.first_claims(claim.host)
            if now != firsts[claim.host]:
                # Who has the host is told of those that ask for it too.
                affected.update((*now[:1], *firsts[claim.host][:1]))
        return affected

    def _forget_function(self, trigger: Name) -> None:
        function = self._functions.pop(trigger, None)
        if function is None:
            return
        calling = self._by_function[function]
        calling.discard(trigger)
        if not calling:
            del self._by_function[function]
