"""How often background tasks of this process have failed. Names and labels: docs/operations.md."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class BackgroundMetrics:
    """Every role has these."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.failures = Counter("lambent_background_failures", "Background tasks that have failed, or ended.", ("task",), registry=registry)

    def failed(self, task: str) -> None:
        """One has, and is started anew."""
        self.failures.labels(task).inc()
