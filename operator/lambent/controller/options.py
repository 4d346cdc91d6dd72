"""What the builders and decisions need to know of the installation: a part of the controller's settings, as pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lambent.api.hosts import Domains, own_hosts
from lambent.api.names import DEFAULT_CLUSTER_DOMAIN, DEFAULT_REGION
from lambent.api.quantity import GIB, MIB


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
    init_boost_millis: int = 0
    """What `cpu.limit` is raised to in pods that start; the activator lowers it once they are initialised. 0: never."""
    """Share of Lambda's CPU for the memory that pods request; they may burst beyond it."""
    pools: Pools = field(default_factory=Pools)

    @property
    def domains(self) -> Domains:
        """Hosts that are the installation's own."""
        return Domains(self.cluster_domain, self.domain.lower(), own_hosts(self.namespace, self.own_services, self.cluster_domain))
