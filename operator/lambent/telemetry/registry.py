"""The registry every role starts with: its process's memory, CPU time, descriptors and garbage collection."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector


def build_registry() -> CollectorRegistry:
    """A registry of its own, so that several roles can run in one process (tests, `lambent dev`)."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return registry
