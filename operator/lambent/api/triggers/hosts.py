"""Which hosts are Lambent's own, which are a Function's, and which a Trigger may ask for. Pure.

A Function answers at `NAME.NAMESPACE`, `NAME.NAMESPACE.svc` and `NAME.NAMESPACE.svc.CLUSTER_DOMAIN`, where cluster DNS leads, and at
`NAME.NAMESPACE.DOMAIN` where the installation has a domain. Whoever could take one of those by a Trigger would read another namespace's
requests, so what has their form is nobody's to claim (docs/decisions/0010).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from lambent.api.names import DEFAULT_CLUSTER_DOMAIN

LOCALHOST: Final = "localhost"
ANY_HOST: Final = ""
"""The host of Triggers that name none."""


@dataclass(frozen=True, slots=True)
class Domains:
    """Names that an installation answers to besides its Triggers' hosts; all in lower case."""

    cluster_domain: str = DEFAULT_CLUSTER_DOMAIN
    domain: str = ""
    """Public domain of function URLs; empty for none."""
    own: frozenset[str] = frozenset()
    """Hosts that lead to the activators by the names of their own Services (`own_hosts`)."""


def own_hosts(namespace: str, services: Iterable[str], cluster_domain: str) -> frozenset[str]:
    """Every form in which cluster DNS knows Services of a namespace."""
    tails = ("", f".{namespace}", f".{namespace}.svc", f".{namespace}.svc.{cluster_domain}")
    return frozenset(f"{service}{tail}" for service in services for tail in tails)


def is_address(host: str) -> bool:
    """Whether a host is an IP address, in any of the forms that clients take for one: its last label is a number, or it is bracketed.

    Source: WHATWG URL Standard, "ends in a number checker".
    """
    last = host.removesuffix(".").rpartition(".")[2]
    return host.startswith("[") or (last.isascii() and last.isdigit()) or last.startswith("0x")


def is_below(host: str, domain: str) -> bool:
    """Whether `host` is that domain or a name below it; nothing is below no domain."""
    return bool(domain) and (host == domain or host.endswith("." + domain))


def is_in_cluster(host: str, domains: Domains) -> bool:
    """Whether cluster DNS alone knows the name: one label, or one below `svc` or the cluster's domain."""
    return "." not in host or host.endswith(".svc") or is_below(host, domains.cluster_domain)


def why_reserved(host: str, domains: Domains) -> str:
    """Why no Trigger may ask for a host, whoever grants it; empty where one may."""
    if is_address(host):
        return "it is an IP address"
    if host == LOCALHOST or host.endswith("." + LOCALHOST):
        return "it means the caller's own machine"
    if host in domains.own:
        return "it is the name of one of Lambent's own Services"
    if is_in_cluster(host, domains):
        return "names of one part, and those below svc or the cluster's domain, are those of the cluster's Services"
    return ""


def why_granted_only(host: str, domains: Domains) -> str:
    """Why a Trigger may ask for a host only where a HostGrant names it; empty where everybody may."""
    if is_below(host, domains.domain):
        return f"names below {domains.domain} are those of function URLs"
    if host.count(".") == 1:
        return "names of two parts have the form NAME.NAMESPACE of function URLs inside the cluster"
    return ""
