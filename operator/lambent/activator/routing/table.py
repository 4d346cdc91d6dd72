"""The routing table: functions by name, routes by host. Every change gives a new table; who holds the old one is not disturbed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lambent.activator.admission.model import FunctionKey
from lambent.activator.routing.route import Match, Route, RouteTree
from lambent.api.invocation import Url

ANY_HOST = ""


@dataclass(frozen=True, slots=True)
class Target:
    """What callers of one function need to know of it."""

    key: FunctionKey
    arn: str
    meta_prefix: bytes
    """The INVOKE meta up to and including the opening quote of the request id's value."""
    url: Url
    version: str = "$LATEST"


@dataclass(frozen=True, slots=True)
class Table:
    """Immutable; `with_…` and `without_…` return another."""

    functions: Mapping[FunctionKey, Target] = field(default_factory=dict)
    hosts: Mapping[str, RouteTree] = field(default_factory=dict)
    """By host in lower case; `ANY_HOST` for Triggers without one."""
    triggers: Mapping[FunctionKey, str] = field(default_factory=dict)
    """The host each Trigger's route is under."""

    def with_function(self, target: Target) -> Table:
        """A Function was added or changed."""
        return replace(self, functions={**self.functions, target.key: target})

    def without_function(self, key: FunctionKey) -> Table:
        """A Function was deleted; its Triggers' routes stay and answer 404 until it is back or they are gone."""
        return replace(self, functions={other: target for other, target in self.functions.items() if other != key})

    def with_route(self, host: str | None, route: Route) -> Table:
        """An http Trigger was added or changed."""
        table = self.without_route(route.trigger)
        where = host.lower() if host else ANY_HOST
        others = table.hosts[where].routes if where in table.hosts else ()
        return replace(
            table,
            hosts={**table.hosts, where: RouteTree((*others, route))},
            triggers={**table.triggers, route.trigger: where},
        )

    def without_route(self, trigger: FunctionKey) -> Table:
        """An http Trigger was deleted, disabled or became something else; harmless where it had no route."""
        where = self.triggers.get(trigger)
        if where is None:
            return self
        hosts = dict(self.hosts)
        rest = [route for route in hosts[where].routes if route.trigger != trigger]
        if rest:
            hosts[where] = RouteTree(rest)
        else:
            del hosts[where]
        return replace(self, hosts=hosts, triggers={other: host for other, host in self.triggers.items() if other != trigger})

    def match_route(self, host: str, method: str, path: str) -> Match | None:
        """The http Trigger for a request: its own host's first, then those of any host."""
        for where in (host, ANY_HOST):
            tree = self.hosts.get(where)
            match = tree.match(method, path) if tree is not None else None
            if match is not None:
                return match
        return None

    def function_at(self, host: str) -> Target | None:
        """The function whose URL has that host: its first two labels are name and namespace, whatever follows."""
        name, _, rest = host.partition(".")
        return self.functions.get(FunctionKey(rest.partition(".")[0], name))
