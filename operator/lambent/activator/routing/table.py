"""The routing table: functions by name, routes by host. Changed in place between two requests, each time at the price of the change."""

from __future__ import annotations

from dataclasses import dataclass

from lambent.activator.admission.model import FunctionKey
from lambent.activator.routing.route import Routes
from lambent.api.invocation import ACCESS_NONE, ACCESS_PUBLIC, Url
from lambent.api.triggers.hosts import ANY_HOST, LOCALHOST, Domains, is_address, is_below, is_in_cluster


@dataclass(frozen=True, slots=True)
class Target:
    """What callers of one function need to know of it."""

    key: FunctionKey
    arn: str
    meta_prefix: bytes
    """The INVOKE meta up to and including the opening quote of the request id's value."""
    url: Url
    version: str = "$LATEST"


class Table:
    """What requests mean. Nothing here waits, so that no request ever sees half a change."""

    __slots__ = ("_domains", "_functions_of", "_tails", "anywhere", "functions", "hosts")

    def __init__(self, domains: Domains | None = None) -> None:
        self._domains = domains or Domains()
        self.functions: dict[FunctionKey, Target] = {}
        self.hosts: dict[str, Routes] = {}
        """By host in lower case: the routes of the namespace that the host belongs to."""
        self.anywhere: Routes | None = None
        """Of Triggers that name no host."""
        self._functions_of: dict[str, int] = {}
        """How many Functions each namespace has."""
        # What may follow NAME.NAMESPACE in a function's host, and whether cluster DNS alone knows that form.
        cluster = self._domains.cluster_domain
        tails = dict.fromkeys(("", "svc", f"svc.{cluster}", f"svc.{cluster}."), True)
        if self._domains.domain:
            tails[self._domains.domain] = False
        self._tails: dict[str, bool] = tails

    def put_function(self, target: Target) -> None:
        """A Function was added or changed."""
        if target.key not in self.functions:
            namespace = target.key.namespace
            self._functions_of[namespace] = self._functions_of.get(namespace, 0) + 1
        self.functions[target.key] = target

    def drop_function(self, key: FunctionKey) -> None:
        """A Function was deleted; its Triggers' routes stay and answer 404 until it is back or they are gone.

        Harmless where it was not known.
        """
        if self.functions.pop(key, None) is None:
            return
        left = self._functions_of[key.namespace] - 1
        if left:
            self._functions_of[key.namespace] = left
        else:
            del self._functions_of[key.namespace]

    def serve(self, host: str, routes: Routes | None) -> None:
        """Have a host's requests taken by these routes; None: it is nobody's."""
        if host == ANY_HOST:
            self.anywhere = routes
        elif routes is None:
            self.hosts.pop(host, None)
        else:
            self.hosts[host] = routes

    def function_at(self, host: str, *, in_cluster: bool = True) -> Target | None:
        """The function whose URL has that host; with `in_cluster` off, of public URLs alone."""
        name, _, rest = host.partition(".")
        namespace, _, tail = rest.partition(".")
        cluster = self._tails.get(tail)
        if cluster is None or (cluster and not in_cluster):
            return None
        target = self.functions.get(FunctionKey(namespace, name))
        if target is None:
            return None
        access = target.url.access
        return None if access == ACCESS_NONE or (access != ACCESS_PUBLIC and not cluster) else target

    def is_open(self, host: str) -> bool:
        """Whether Triggers without a host may answer there: it is not a Trigger's, and has not the form of a function's."""
        domains = self._domains
        if host in ("", LOCALHOST) or host in domains.own or is_address(host):
            return True
        if host in self.hosts or is_in_cluster(host, domains) or is_below(host, domains.domain):
            return False
        name, _, rest = host.partition(".")
        return "." in rest or not name or rest not in self._functions_of
