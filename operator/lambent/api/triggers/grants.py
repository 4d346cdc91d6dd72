"""The HostGrant custom resource: which namespaces' Triggers may name a host. Schema: crds/hostgrants.yaml. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lambent.api.fields import Fields, InvalidSpecError

EVERY_HOST: Final = "*"
MAX_HOSTS: Final = 256
MAX_NAMESPACES: Final = 256


@dataclass(frozen=True, slots=True)
class HostGrant:
    """Hosts, and the namespaces whose Triggers alone may name them; no namespace at all keeps the hosts from everybody."""

    name: str
    hosts: tuple[str, ...]
    """In lower case: `api.example.com`, `*.example.com` for every name below example.com, `*` for every host."""
    namespaces: frozenset[str]


def parse_grant(body: Mapping[str, Any]) -> HostGrant:
    """A HostGrant from the API server; raises `InvalidSpecError` where a field cannot be used."""
    spec = Fields("spec", body.get("spec"))
    hosts = tuple(host.lower() for host in spec.strings("hosts"))
    for index, host in enumerate(hosts):
        if not host or ("*" in host and host != EVERY_HOST and (not host.startswith("*.") or host.count("*") > 1)):
            raise InvalidSpecError(f"{spec.field('hosts')}[{index}]", host, "a host, *.DOMAIN for all below a domain, or * for every host")
    if not hosts:
        raise InvalidSpecError(spec.field("hosts"), hosts, "at least one host")
    return HostGrant(Fields("metadata", body.get("metadata")).required("name"), hosts, frozenset(spec.strings("namespaces")))


class Grants:
    """All HostGrants, by host. Where several name the same host, the namespaces of each may have it."""

    __slots__ = ("_namespaces",)

    def __init__(self, grants: Iterable[HostGrant] = ()) -> None:
        self._namespaces: dict[str, frozenset[str]] = {}
        for grant in grants:
            for host in grant.hosts:
                self._namespaces[host] = self._namespaces.get(host, frozenset()) | grant.namespaces

    def namespaces_for(self, host: str) -> frozenset[str] | None:
        """Return the namespaces that alone may have a host, by the grant that names it most closely; None where no grant speaks of it."""
        found = self._namespaces.get(host)
        rest = host
        while found is None and "." in rest:
            rest = rest.partition(".")[2]
            found = self._namespaces.get(f"*.{rest}")
        return self._namespaces.get(EVERY_HOST) if found is None else found
