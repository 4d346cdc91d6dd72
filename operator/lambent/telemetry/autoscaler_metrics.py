"""Metrics of an autoscaler, in a registry that is passed in. Names and labels: docs/scaling.md."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge

FUNCTION = ("namespace", "function")
POOL = ("namespace", "runtime")


class AutoscalerMetrics:
    """What is observed and decided, per function."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.leader = Gauge("lambent_autoscaler_leader", "1 on the replica that applies its decisions.", registry=registry)
        self.desired = Gauge("lambent_desired_replicas", "Pods decided on.", FUNCTION, registry=registry)
        self.ready = Gauge("lambent_ready_replicas", "Pods that take invocations.", FUNCTION, registry=registry)
        self.stable = Gauge("lambent_stable_concurrency", "Mean concurrency in the stable window.", FUNCTION, registry=registry)
        self.panic = Gauge("lambent_panic_concurrency", "Mean concurrency in the panic window.", FUNCTION, registry=registry)
        self.panicking = Gauge("lambent_panic_mode", "1 while a burst is on: nothing is lowered.", FUNCTION, registry=registry)
        self.decisions = Counter(
            "lambent_scale_decisions", "Scales written, by direction (up, down, zero).", (*FUNCTION, "direction"), registry=registry
        )
        self.apply_errors = Counter("lambent_scale_apply_errors", "Scales that could not be written.", FUNCTION, registry=registry)
        self.pushes = Counter("lambent_statistics_pushes", "Statistics taken in from activators.", registry=registry)
        self.pool_desired = Gauge("lambent_pool_desired_pods", "Generic pods decided on.", POOL, registry=registry)
        self.pool_ready = Gauge("lambent_pool_ready_pods", "Generic pods that wait for a function.", POOL, registry=registry)
        self.pool_gated = Gauge("lambent_pool_gated_pods", "Generic pods that are not let go yet.", POOL, registry=registry)
        self.pool_errors = Counter("lambent_pool_apply_errors", "Changes of pools that could not be written.", POOL, registry=registry)
        self._known: set[tuple[str, str]] = set()
        self._pools: set[tuple[str, str]] = set()

    def assessed(self, function: tuple[str, str], *, desired: int, ready: int, stable: float, panic: float, panicking: bool) -> None:
        """One decision and what it was made from. A function that has had no pod yet has no series: most never have one at a time."""
        if function not in self._known and not (desired or ready or stable or panic or panicking):
            return
        self._known.add(function)
        self.desired.labels(*function).set(desired)
        self.ready.labels(*function).set(ready)
        self.stable.labels(*function).set(stable)
        self.panic.labels(*function).set(panic)
        self.panicking.labels(*function).set(panicking)

    def scaled(self, function: tuple[str, str], before: int, after: int) -> None:
        """A scale was written."""
        direction = "up" if after > before else "zero" if after == 0 else "down"
        self.decisions.labels(*function, direction).inc()

    def failed(self, function: tuple[str, str]) -> None:
        """A scale could not be written."""
        self.apply_errors.labels(*function).inc()

    def keep(self, functions: frozenset[tuple[str, str]]) -> None:
        """Drop the figures of functions that are gone; totals stay, as counters must."""
        for function in self._known - functions:
            for gauge in (self.desired, self.ready, self.stable, self.panic, self.panicking):
                gauge.remove(*function)
            self._known.discard(function)

    def show_pools(self, pools: Iterable[tuple[tuple[str, str], int, int, int]]) -> None:
        """(pool, desired, ready, gated) of every pool there is."""
        shown = set()
        for pool, desired, ready, gated in pools:
            shown.add(pool)
            self.pool_desired.labels(*pool).set(desired)
            self.pool_ready.labels(*pool).set(ready)
            self.pool_gated.labels(*pool).set(gated)
        for pool in self._pools - shown:
            for gauge in (self.pool_desired, self.pool_ready, self.pool_gated):
                gauge.remove(*pool)
        self._pools = shown

    def pool_failed(self, pool: tuple[str, str]) -> None:
        """A change of a pool could not be written."""
        self.pool_errors.labels(*pool).inc()
