"""The controller's metrics: reconciles by kind and result, how long they take, what waits, and what was written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
DONE: Final = "done"
CONFLICT: Final = "conflict"
UNAVAILABLE: Final = "unavailable"
FAILED: Final = "failed"


class ControllerMetrics:
    """One set per process, on the given registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.reconciles = Counter(
            "lambent_controller_reconciles_total",
            "Reconciles, by kind and result: done; conflict and unavailable are tried again; failed is a defect.",
            ["kind", "result"],
            registry=registry,
        )
        self.reconcile_seconds = Histogram(
            "lambent_controller_reconcile_seconds",
            "Time of one reconcile, reads and writes included.",
            ["kind"],
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )
        self.writes = Counter(
            "lambent_controller_writes_total",
            "Writes to the Kubernetes API, by kind of object and verb.",
            ["kind", "verb"],
            registry=registry,
        )
        self.surveys = Counter(
            "lambent_controller_surveys_total", "Looks at all Functions and what belongs to them that came to their end.", registry=registry
        )
        self.beyond_limit = Gauge(
            "lambent_controller_beyond_limit",
            "Objects that are not served since their namespace has more than it may.",
            ["kind"],
            registry=registry,
        )
        self.queue_length = Gauge("lambent_controller_queue_length", "Objects that wait for their reconcile.", registry=registry)
        self.leading = Gauge("lambent_controller_leading", "1 while this process is the one that acts.", registry=registry)

    def watch_beyond(self, beyond: Callable[[], Mapping[str, int]]) -> None:
        """Ask at each scrape how many objects of each kind are beyond their namespaces' bounds."""
        for kind in beyond():
            self.beyond_limit.labels(kind).set_function(partial(_of_kind, beyond, kind))

    def watch_queue(self, length: Callable[[], int]) -> None:
        """Ask for the queue's length at each scrape."""
        self.queue_length.set_function(length)


def _of_kind(counts: Callable[[], Mapping[str, int]], kind: str) -> float:
    return counts()[kind]
