"""What the builders and decisions need to know of the installation: a part of the controller's settings, as pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lambent.api.names import DEFAULT_CLUSTER_DOMAIN, DEFAULT_REGION
from lambent.api.namespace_limits import NamespaceLimits
from lambent.api.quantity import GIB, MIB
from lambent.api.triggers.hosts import Domains, own_hosts


@dataclass(frozen=True, slots=True)
class RuntimeImage:
    """The image that runs a runtime, and when nodes pull it."""

    image: str
    pull_policy: str = "IfNotPresent"
    preload: tuple[str, ...] = ()
    """Modules that a pool's pods import before they know their function."""


@dataclass(frozen=True, slots=True)
class Pools:
    """The generic pods that wait for functions (docs/decisions/0007)."""

    size: int = 2
    """Pods that a pool is made with; the autoscaler sets their number from then on. 0: there are no pools."""
    max_memory_bytes: int = GIB
    """The largest memory of a function that may take a pool's pod."""
    cpu_request_millis: int = 10
    memory_request_bytes: int = 48 * MIB


def _namespace(name: str) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


_CLUSTER_DNS: Final = {"matchExpressions": [{"key": "k8s-app", "operator": "In", "values": ["kube-dns", "node-local-dns"]}]}
DNS_SERVERS: Final[tuple[Mapping[str, Any], ...]] = (
    {**_namespace("kube-system"), "podSelector": _CLUSTER_DNS},
    _namespace("openshift-dns"),
    {"ipBlock": {"cidr": "169.254.20.10/32"}},
)
"""Where DNS servers are, the last being NodeLocal DNSCache's address."""
_SPECIAL_IPV4: Final = (
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.168.0.0/16 198.18.0.0/15 224.0.0.0/3"
)
_SPECIAL_IPV6: Final = "64:ff9b::/96 fc00::/7 fe80::/10 ff00::/8"
SPECIAL_PURPOSE: Final = (*_SPECIAL_IPV4.split(), *_SPECIAL_IPV6.split())
"""Addresses that are none of the Internet (IANA's special-purpose registries): networks of pods and nodes, clouds' metadata."""


@dataclass(frozen=True, slots=True)
class PodNetwork:
    """The ways to and from the pods of functions and pools: who may scrape them, and whom they may call (docs/decisions/0014)."""

    scrapers: tuple[Mapping[str, Any], ...] = (_namespace("monitoring"),)
    """NetworkPolicy peers."""
    restricted: bool = True
    """Whether policies say anything of what pods call."""
    own_namespace: bool = True
    internet: bool = True
    """Every address but `excepted`."""
    excepted: tuple[str, ...] = SPECIAL_PURPOSE
    """Networks that are none of the Internet, as CIDR."""
    extra: tuple[Mapping[str, Any], ...] = ()
    """Further rules of egress, as a NetworkPolicy has them."""
    dns_servers: tuple[Mapping[str, Any], ...] = DNS_SERVERS
    """NetworkPolicy peers; none: any."""
    dns_ports: tuple[int, ...] = (53, 5353)
    api_server_addresses: tuple[str, ...] = ()
    """As CIDR, for functions with a service account; none: any address, at the ports."""
    api_server_ports: tuple[int, ...] = (443, 6443, 8443, 16443)


@dataclass(frozen=True, slots=True)
class Installation:
    """Where the control plane is and what it offers."""

    namespace: str = "lambent-system"
    cluster_domain: str = DEFAULT_CLUSTER_DOMAIN
    region: str = DEFAULT_REGION
    domain: str = ""
    """Public domain below which functions answer as NAME.NAMESPACE.DOMAIN; empty: only inside the cluster."""
    activator_service: str = "lambent-activator"
    links_service: str = "lambent-activator-links"
    own_services: tuple[str, ...] = ("lambent-activator", "lambent-activator-links", "lambent-lambda-api", "lambent-public")
    """All Services that lead to the activators."""
    links_port: int = 8081
    runtimes: Mapping[str, RuntimeImage] = field(default_factory=dict)
    image_pull_policy: str = "IfNotPresent"
    """For functions with their own image."""
    cpu_request_percent: int = 100
    """Share of Lambda's CPU for the memory that pods request; they may burst beyond it."""
    init_boost_millis: int = 0
    """What `cpu.limit` is raised to in pods that start; the activator lowers it once they are initialised. 0: never."""
    pools: Pools = field(default_factory=Pools)
    limits: NamespaceLimits = field(default_factory=NamespaceLimits)
    changes_per_second: int = 2
    """Of a namespace's Functions that were changed within the last minute, so many are looked at again a second; 0: all there are."""
    """What one namespace may have all activators hold."""
    pod_network: PodNetwork = field(default_factory=PodNetwork)

    @property
    def domains(self) -> Domains:
        """Hosts that are the installation's own."""
        return Domains(self.cluster_domain, self.domain.lower(), own_hosts(self.namespace, self.own_services, self.cluster_domain))
