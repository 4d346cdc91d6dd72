"""The shim's metrics in Prometheus' format. Imported at the first scrape only: prometheus-client takes 60 ms to load."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from lambent_shim.telemetry.counters import DURATION_BUCKETS, Tally

_OUTCOMES = {"": "success", "Function": "function_error", "Caller": "caller_error", "Platform": "platform_error"}


class PodCollector(Collector):
    """Turns the tally into metric families."""

    def __init__(self, tally: Tally, bounced: int, labels: dict[str, str]) -> None:
        self._tally = tally
        self._bounced = bounced
        self._labels = labels

    def collect(self) -> Iterator[Metric]:
        """All families, from the numbers of this moment."""
        tally, names, values = self._tally, list(self._labels), list(self._labels.values())
        invocations = CounterMetricFamily(
            "lambent_shim_invocations", "Invocations answered by this pod", labels=[*names, "outcome", "reason"]
        )
        for reason, count in sorted(tally.invocations.items()):
            invocations.add_metric([*values, _OUTCOMES.get(reason.partition(".")[0], "platform_error"), reason], count)
        yield invocations
        buckets: list[tuple[str, float]] = []
        total = 0
        for limit, count in zip([*map(str, DURATION_BUCKETS), "+Inf"], tally.duration_counts, strict=True):
            total += count
            buckets.append((limit, total))
        durations = HistogramMetricFamily(
            "lambent_shim_handler_duration_seconds", "Time from the event's way to the worker to its result", labels=names
        )
        durations.add_metric(values, buckets, tally.duration_sum)
        yield durations
        for name, text, value in (
            ("running", "Invocations that run now", tally.running),
            ("init_seconds", "Duration of the initialisation that succeeded", tally.init_seconds),
            ("peak_memory_bytes", "Largest resident memory of a worker at an invocation's end", tally.peak_memory_mib << 20),
        ):
            gauge = GaugeMetricFamily(f"lambent_shim_{name}", text, labels=names)
            gauge.add_metric(values, value)
            yield gauge
        bounced = CounterMetricFamily("lambent_shim_bounced", "Invocations sent here that met no free slot", labels=names)
        bounced.add_metric(values, self._bounced)
        yield bounced
        initialisations = CounterMetricFamily("lambent_shim_initialisations", "Imports of the handler", labels=[*names, "outcome"])
        for succeeded, count in sorted(tally.initialisations.items()):
            initialisations.add_metric([*values, "success" if succeeded else "function_error"], count)
        yield initialisations


def render(tally: Tally, bounced: int, labels: dict[str, str]) -> tuple[bytes, str]:
    """(text, content type) of one scrape."""
    registry = CollectorRegistry()
    registry.register(PodCollector(tally, bounced, labels))
    return generate_latest(registry), CONTENT_TYPE_LATEST
