"""Keeps routing and admission in step with Functions and Triggers, whoever tells of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lambent.activator.admission.model import FunctionKey, Rules
from lambent.activator.catalog.views import route_of, rules_of, target_of
from lambent.activator.gateway.gateway import Gateway
from lambent.activator.routing.route import EVERY_METHOD, Route, Routes
from lambent.api.functions.function import Function
from lambent.api.functions.pool import why_not_pooled
from lambent.api.names import DEFAULT_REGION
from lambent.api.namespace_limits import NamespaceLimits, Roster
from lambent.api.triggers.claims import HostClaims, RouteKey, claim_of
from lambent.api.triggers.grants import HostGrant
from lambent.api.triggers.hosts import Domains
from lambent.api.triggers.trigger import Trigger


class Configuration:
    """Each change is made in the gateway's table and told to admission; no request waits for it."""

    def __init__(
        self,
        gateway: Gateway,
        set_rules: Callable[[FunctionKey, Rules | None], None],
        forget: Callable[[FunctionKey], None],
        *,
        region: str = DEFAULT_REGION,
        pool_memory_bytes: int = 0,
        domains: Domains | None = None,
        limits: NamespaceLimits | None = None,
    ) -> None:
        """Functions of up to `pool_memory_bytes` may be run by pods of a pool."""
        self.functions: dict[FunctionKey, Function] = {}
        self.claims = HostClaims(domains)
        bounds = limits or NamespaceLimits()
        self._function_roster = Roster(bounds.functions, bounds.inline_bytes)
        self._trigger_roster = Roster(bounds.triggers)
        self._routes: dict[FunctionKey, Route] = {}
        """By Trigger, served or not."""
        self._hosts: dict[tuple[str, str], Routes] = {}
        """By host and namespace, whether the host belongs to it or not: who gets a host later finds its routes ready."""
        self._gateway = gateway
        self._set_rules = set_rules
        self._forget = forget
        self._region = region
        self._pool_memory_bytes = pool_memory_bytes

    def put_function(self, function: Function) -> None:
        """Added or changed. A Function that is being deleted takes no more invocations."""
        key = FunctionKey(function.namespace, function.name)
        if function.deleting:
            self.remove_function(key)
            return
        moves = self._function_roster.put(key, function.created, function.inline_size)
        for name in moves.refused:
            self._forget_function(FunctionKey(*name))
        if not self._function_roster.admits(key):
            # Its place is kept, and nothing else: it is told of again when the controller has found room for it.
            self._forget_function(key)
            return
        self.functions[key] = function
        pooled = self._pool_memory_bytes and not why_not_pooled(function.spec, max_memory_bytes=self._pool_memory_bytes)
        rules = rules_of(function, function.spec.runtime or "" if pooled else "")
        # Admission first: whoever can be routed can be admitted.
        self._set_rules(key, rules)
        target = target_of(function, self._region)
        if self._gateway.table.functions.get(key) != target:
            self._gateway.table.put_function(target)

    def remove_function(self, key: FunctionKey) -> None:
        """Deleted; harmless where it was not known."""
        self._function_roster.drop(key)
        self._forget_function(key)

    def _forget_function(self, key: FunctionKey) -> None:
        if self.functions.pop(key, None) is None:
            return
        self._gateway.table.drop_function(key)
        self._set_rules(key, None)
        self._forget(key)

    def replace_functions(self, functions: Iterable[Function]) -> None:
        """All there are."""
        listed = list(functions)
        kept = {FunctionKey(function.namespace, function.name) for function in listed}
        for name in [name for name in self._function_roster.names() if name not in kept]:
            self.remove_function(FunctionKey(*name))
        for function in listed:
            self.put_function(function)

    def put_trigger(self, trigger: Trigger) -> None:
        """Added or changed."""
        key = FunctionKey(trigger.namespace, trigger.name)
        if trigger.deleting:
            self.remove_trigger(key)
            return
        for name in self._trigger_roster.put(key, trigger.created).refused:
            self._forget_trigger(FunctionKey(*name))
        claim = claim_of(trigger) if self._trigger_roster.admits(key) else None
        if claim is None or trigger.spec.http is None:
            self._forget_trigger(key)
            return
        before = self.claims.find(key)
        self._routes[key] = route_of(trigger, trigger.spec.http)
        changed = self.claims.put(claim)
        if before is not None and before.route != claim.route:
            self._assign(before.route)
        self._assign(claim.route)
        self._serve(changed)

    def remove_trigger(self, key: FunctionKey) -> None:
        """Deleted; harmless where it was not known."""
        self._trigger_roster.drop(key)
        self._forget_trigger(key)

    def _forget_trigger(self, key: FunctionKey) -> None:
        before = self.claims.find(key)
        if before is None:
            return
        changed = self.claims.drop(key)
        del self._routes[key]
        self._assign(before.route)
        self._serve(changed)

    def replace_triggers(self, triggers: Iterable[Trigger]) -> None:
        """All there are."""
        listed = list(triggers)
        kept = {FunctionKey(trigger.namespace, trigger.name) for trigger in listed}
        for name in [name for name in self._trigger_roster.names() if name not in kept]:
            self.remove_trigger(FunctionKey(*name))
        for trigger in listed:
            self.put_trigger(trigger)

    def replace_grants(self, grants: Iterable[HostGrant]) -> None:
        """All HostGrants there are."""
        self._serve(self.claims.set_grants(grants))

    def _assign(self, route: RouteKey) -> None:
        """Have a route's requests taken by those that have it now."""
        host, namespace, pattern = route
        served = {}
        for claim in self.claims.served_on(route):
            for method in claim.methods or (EVERY_METHOD,):
                served[method] = self._routes[FunctionKey(*claim.trigger)]
        routes = self._hosts.setdefault((host, namespace), Routes())
        routes.assign(pattern, served)
        if not routes:
            del self._hosts[host, namespace]

    def _serve(self, hosts: Iterable[str]) -> None:
        """Have hosts answered by the routes of the namespaces that they belong to now."""
        for host in hosts:
            owner = self.claims.owner(host)
            self._gateway.table.serve(host, None if owner is None else self._hosts[host, owner])
