"""Metrics of what an activator holds of its clients, read at the moment of the scrape. Bounds: docs/operations.md, "Bounds"."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


class FrontFigures(NamedTuple):
    """What the HTTP front holds, and whom it has ended since it began."""

    connections: int
    receiving_bytes: int
    unread_bytes: int
    gave_way: int
    cut_behind: int
    refusals_held: int
    cached: Mapping[str, int]
    """Entries of each cache whose keys callers choose."""


class FrontCollector(Collector):
    """Turns figures into metrics."""

    def __init__(self, figures: Callable[[], FrontFigures]) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        """Gauges of what is held, counters of who gave way."""
        figures = self._figures()
        cached = GaugeMetricFamily("lambent_cache_entries", "Entries of caches whose keys callers choose.", labels=("cache",))
        for name, entries in figures.cached.items():
            cached.add_metric([name], entries)
        return [
            GaugeMetricFamily("lambent_http_connections", "Connections of clients that are open.", value=figures.connections),
            GaugeMetricFamily(
                "lambent_http_receiving_bytes", "Bytes held of requests that have not come whole, or wait.", value=figures.receiving_bytes
            ),
            GaugeMetricFamily(
                "lambent_http_unread_bytes", "Bytes of answers that clients are behind in reading.", value=figures.unread_bytes
            ),
            CounterMetricFamily(
                "lambent_http_gave_way", "Connections ended because they held much and brought little.", value=figures.gave_way
            ),
            CounterMetricFamily(
                "lambent_http_cut",
                "Connections cut because they were behind in reading, and it was too much of all.",
                value=figures.cut_behind,
            ),
            GaugeMetricFamily(
                "lambent_http_refusals_held", "Clients that are told in a moment to come again later.", value=figures.refusals_held
            ),
            cached,
        ]
