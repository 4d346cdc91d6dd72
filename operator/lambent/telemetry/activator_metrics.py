"""Metrics of an activator, in a registry that is passed in. Names and labels: docs/operations.md.

The hot path adds numbers and does nothing else.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0)
FUNCTION = ("namespace", "function")
MAX_PHASE_NAME = 40


class Distribution:
    """A histogram's numbers, added to by two list operations: prometheus_client's own takes a lock and a loop for each observation."""

    __slots__ = ("_counts", "_sum")

    def __init__(self) -> None:
        self._counts = [0] * (len(SECONDS) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """One more."""
        self._counts[bisect_left(SECONDS, seconds)] += 1
        self._sum += seconds

    def read(self) -> tuple[list[tuple[str, float]], float]:
        """(cumulative buckets by upper bound, sum), as the exposition format has them."""
        bounds = [*(str(bound) for bound in SECONDS), "+Inf"]
        return list(zip(bounds, (float(count) for count in accumulate(self._counts)), strict=True)), self._sum


class _OfFunction:
    """The numbers of one function."""

    __slots__ = ("duration", "outcomes", "queue_wait", "succeeded")

    def __init__(self) -> None:
        self.duration = Distribution()
        self.queue_wait = Distribution()
        self.succeeded = 0
        self.outcomes: dict[tuple[str, str], int] = {}


class ActivatorMetrics(Collector):
    """What happens per invocation is in plain numbers that `collect` turns into metrics; the rest, rarer, is prometheus_client's."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.cold_starts = Counter("lambent_cold_starts", "Invocations that waited for a pod to start.", FUNCTION, registry=registry)
        self.cold_start_phases = Histogram(
            "lambent_cold_start_phase_seconds", "Parts of cold starts.", (*FUNCTION, "phase"), buckets=SECONDS, registry=registry
        )
        self.initializations = Counter(
            "lambent_initializations", "Initialisations of pods by outcome.", (*FUNCTION, "outcome"), registry=registry
        )
        self.starts_asked = Counter("lambent_starts_asked", "Times this activator raised a scale.", FUNCTION, registry=registry)
        self.bounces = Counter("lambent_bounces", "Invocations that met a slot just taken and went elsewhere.", registry=registry)
        self.pool_pods = Counter(
            "lambent_pool_pods",
            "What came of generic pods: took, told (another activator took it), refused, lost, unfit (the function could not be sent).",
            ("namespace", "runtime", "outcome"),
            registry=registry,
        )
        self.adoptions = Counter(
            "lambent_adoptions", "What came of handing such pods to their Deployments.", ("outcome",), registry=registry
        )
        self.gates_lifted = Counter(
            "lambent_gates_lifted", "Pods of functions that this activator let start: wanted, left_behind.", ("why",), registry=registry
        )
        self.pods_in_vain = Counter(
            "lambent_pods_in_vain", "Pods of functions that were deleted before anybody let them start.", registry=registry
        )
        self.refused = Counter("lambent_requests_refused", "Requests that reached no function, by reason.", ("reason",), registry=registry)
        self.actions_failed = Counter(
            "lambent_actions_failed", "Defects met while one invocation was sent or answered, by action.", ("action",), registry=registry
        )
        self.links_refused = Counter(
            "lambent_links_refused", "Connections to the link port that were refused or cut, by reason.", ("why",), registry=registry
        )
        self._functions: dict[tuple[str, str], _OfFunction] = {}
        registry.register(self)

    def succeeded(self, function: tuple[str, str], total_seconds: float, queue_seconds: float) -> None:
        """An invocation went well."""
        numbers = self._functions.get(function) or self._numbers(function)
        numbers.succeeded += 1
        numbers.duration.observe(total_seconds)
        numbers.queue_wait.observe(queue_seconds)

    def failed(self, function: tuple[str, str], outcome: str, reason: str, total_seconds: float) -> None:
        """An invocation of a known function went wrong."""
        numbers = self._functions.get(function) or self._numbers(function)
        key = (str(outcome), reason)
        numbers.outcomes[key] = numbers.outcomes.get(key, 0) + 1
        numbers.duration.observe(total_seconds)

    def collect(self) -> Iterable[Metric]:
        """Invocations, durations and waits, as they are at the moment of the scrape."""
        invocations = CounterMetricFamily(
            "lambent_invocations", "Invocations by function, outcome and reason.", labels=(*FUNCTION, "outcome", "reason")
        )
        durations = HistogramMetricFamily("lambent_invocation_duration_seconds", "From arrival to the answer.", labels=FUNCTION)
        waits = HistogramMetricFamily("lambent_queue_wait_seconds", "From arrival until sent to a pod.", labels=FUNCTION)
        for function, numbers in self._functions.items():
            invocations.add_metric([*function, "success", ""], numbers.succeeded)
            for (outcome, reason), count in numbers.outcomes.items():
                invocations.add_metric([*function, outcome, reason], count)
            durations.add_metric(function, *numbers.duration.read())
            waits.add_metric(function, *numbers.queue_wait.read())
        return [invocations, durations, waits]

    def cold_start(self, function: tuple[str, str], wait_seconds: float) -> None:
        """An invocation had to wait for a pod."""
        self.cold_starts.labels(*function).inc()
        self.cold_start_phases.labels(*function, "wait").observe(wait_seconds)

    def initialized(self, function: tuple[str, str], init_seconds: float, phases: Mapping[str, Any], *, failed: bool) -> None:
        """A pod has initialised; `phases` are milliseconds by name, as its shim told them."""
        self.initializations.labels(*function, "failed" if failed else "succeeded").inc()
        self.cold_start_phases.labels(*function, "init").observe(init_seconds)
        for phase, milliseconds in phases.items():
            if isinstance(milliseconds, int | float) and phase.endswith("Ms") and phase.isidentifier() and len(phase) < MAX_PHASE_NAME:
                self.cold_start_phases.labels(*function, phase.removesuffix("Ms")).observe(milliseconds / 1000)

    def start_asked(self, function: tuple[str, str]) -> None:
        """The scale is raised."""
        self.starts_asked.labels(*function).inc()

    def became(self, pool: tuple[str, str], outcome: str) -> None:
        """A generic pod has said what it is."""
        self.pool_pods.labels(*pool, outcome).inc()

    def adopted(self, outcome: str) -> None:
        """A pod was handed over, or not."""
        self.adoptions.labels(outcome).inc()

    def gate_lifted(self, why: str) -> None:
        """A pod of a function may start."""
        self.gates_lifted.labels(why).inc()

    def made_in_vain(self) -> None:
        """A pod of a function is gone that was never let start."""
        self.pods_in_vain.inc()

    def action_failed(self, action: str) -> None:
        """Something could not be done for one invocation, or one pod."""
        self.actions_failed.labels(action).inc()

    def link_refused(self, why: str) -> None:
        """A connection to the link port was refused, or a link cut."""
        self.links_refused.labels(why).inc()

    def bounced(self) -> None:
        """An invocation came back unstarted."""
        self.bounces.inc()

    def request_refused(self, reason: str) -> None:
        """A request for no function there is."""
        self.refused.labels(reason).inc()

    def forget(self, function: tuple[str, str]) -> None:
        """A function was deleted: its series go, so that they do not pile up."""
        self._functions.pop(function, None)
        labels = dict(zip(FUNCTION, function, strict=True))
        for metric in (
            self.cold_starts,
            self.cold_start_phases,
            self.initializations,
            self.starts_asked,
        ):
            metric.remove_by_labels(labels)

    def _numbers(self, function: tuple[str, str]) -> _OfFunction:
        numbers = self._functions[function] = _OfFunction()
        return numbers


class PoolCollector(Collector):
    """Generic pods that wait, read at the moment of the scrape."""

    def __init__(self, figures: Callable[[], Iterable[tuple[tuple[str, str], int]]]) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        """The gauge."""
        waiting = GaugeMetricFamily("lambent_pool_waiting", "Generic pods linked to this activator.", labels=("namespace", "runtime"))
        for pool, count in self._figures():
            waiting.add_metric(list(pool), count)
        return [waiting]


class FigureCollector(Collector):
    """In-flight, queued and ready per function, read at the moment of the scrape."""

    def __init__(self, figures: Callable[[], Iterable[tuple[tuple[str, str], int, int, int]]]) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        """The three gauges."""
        in_flight = GaugeMetricFamily("lambent_in_flight", "Invocations that pods run for this activator.", labels=FUNCTION)
        queued = GaugeMetricFamily("lambent_queued", "Invocations that wait in this activator.", labels=FUNCTION)
        ready = GaugeMetricFamily("lambent_ready", "Pods that are linked to this activator and take invocations.", labels=FUNCTION)
        for function, running_count, queued_count, ready_count in self._figures():
            in_flight.add_metric(list(function), running_count)
            queued.add_metric(list(function), queued_count)
            ready.add_metric(list(function), ready_count)
        return [in_flight, queued, ready]
