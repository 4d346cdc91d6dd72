"""Settings that several roles read, and that must be the same in all of them: each declares its field by calling these."""

from __future__ import annotations

from typing import Any

from lambent.settings.base import setting


def cluster_domain() -> Any:
    """Controller, which writes hosts, and activator, which answers at them."""
    return setting("LAMBENT_CLUSTER_DOMAIN", "cluster.local", "The cluster's DNS domain.")


def domain() -> Any:
    """Controller, which writes hosts, and activator, which answers at them."""
    text = "Domain below which functions answer as NAME.NAMESPACE.DOMAIN; empty: in the cluster only."
    return setting("LAMBENT_DOMAIN", "", text)


def activator_service() -> Any:
    """Controller and activator: a host that no Trigger may have."""
    return setting("LAMBENT_ACTIVATOR_SERVICE", "lambent-activator", "Service that functions' names lead to.")


def links_service() -> Any:
    """Controller and activator: where function pods dial, and a host that no Trigger may have."""
    return setting("LAMBENT_LINKS_SERVICE", "lambent-activator-links", "Headless Service of the activators' links.")


def lambda_api_service() -> Any:
    """Controller and activator: a host that no Trigger may have."""
    return setting("LAMBENT_LAMBDA_API_SERVICE", "lambent-lambda-api", "Service of the Lambda API, where it has a port of its own.")


def public_service() -> Any:
    """Controller and activator: a host that no Trigger may have."""
    return setting("LAMBENT_PUBLIC_SERVICE", "lambent-public", "Service of the port for the outside, where there is one.")


def cpu_request_percent() -> Any:
    """Controller and activator: what pods are made with, and what those of a pool are resized to."""
    text = "Share of Lambda's CPU for the memory that function pods request."
    return setting("LAMBENT_CPU_REQUEST_PERCENT", 100, text, unit="%", low=1, high=100)


def init_boost_millis() -> Any:
    """Controller, which raises the limit, and activator, which lowers it."""
    text = "What a function's cpu.limit is raised to while it initialises; 0: never. Needs pods/resize (Kubernetes 1.33)."
    return setting("LAMBENT_INIT_BOOST_MILLIS", 0, text, unit="m", low=0, high=100_000)


def namespace_max_functions() -> Any:
    """Controller and activator, which count alike."""
    return setting("LAMBENT_NAMESPACE_MAX_FUNCTIONS", 1000, "Functions of a namespace that are served, the oldest.", low=1, high=1_000_000)


def namespace_max_triggers() -> Any:
    """Controller and activator, which count alike."""
    return setting("LAMBENT_NAMESPACE_MAX_TRIGGERS", 1000, "Triggers of one namespace that are served, the oldest.", low=1, high=1_000_000)


def namespace_max_inline_megabytes() -> Any:
    """Controller and activator, which count alike."""
    text = "Inline code of a namespace's Functions that are served."
    return setting("LAMBENT_NAMESPACE_MAX_INLINE_MEGABYTES", 32, text, unit="MiB", low=1, high=65_536)


def starts_at_once() -> Any:
    """Activator and autoscaler, since both raise scales."""
    text = "Pods of one function that may always start at the same time; more do where the cluster has room."
    return setting("LAMBENT_STARTS_AT_ONCE", 3, text, low=1, high=1000)


def pool_max_memory_mib() -> Any:
    """All three: whose pods have room for it, who may take them, whose demand counts."""
    text = "Largest memory of a function that may take a pool's pod."
    return setting("LAMBENT_POOL_MAX_MEMORY_MIB", 1024, text, unit="MiB", low=128, high=10_240)
