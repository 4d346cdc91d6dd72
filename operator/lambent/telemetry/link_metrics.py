"""Links and what they hold, read at the moment of the scrape. Names and labels: docs/operations.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


class LinkFigures(NamedTuple):
    """What there is."""

    links: int
    unproved: int
    payload_bytes: int
    payloads_refused: int


class LinkCollector(Collector):
    """The collector of one activator's links."""

    def __init__(self, read: Callable[[], LinkFigures]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        """Three gauges and a counter."""
        figures = self._read()
        return [
            GaugeMetricFamily("lambent_links", "Links of proved pods.", figures.links),
            GaugeMetricFamily("lambent_links_unproved", "Connections to the link port that have proved nothing yet.", figures.unproved),
            GaugeMetricFamily(
                "lambent_payload_bytes", "Payloads that are held: waiting, under way, answers on their way.", figures.payload_bytes
            ),
            CounterMetricFamily("lambent_payloads_refused", "Events and answers for which there was no room.", figures.payloads_refused),
        ]
