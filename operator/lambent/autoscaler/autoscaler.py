"""The flow: what comes in goes to the fleet, what it decides goes out. Everything here runs on one event loop and awaits nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, Protocol

from lambent.autoscaler.functions.applier import scale_version
from lambent.autoscaler.functions.fleet import Assessment, Fleet, ScaleOrder
from lambent.autoscaler.pools.fleet import PoolFleet
from lambent.autoscaler.statistics import Push
from lambent.kube.errors import KubeError
from lambent.kube.scale import Scale
from lambent.telemetry.autoscaler_metrics import AutoscalerMetrics

logger: Final = logging.getLogger(__name__)


CallLater = Callable[[float, Callable[[], None]], object]


class Orders(Protocol):
    """Where orders go."""

    def submit(self, order: ScaleOrder) -> bool:
        """Whether it is being written."""


class Autoscaler:
    """Reacts to pushes and ticks. Its decisions are made on every replica; `Orders` acts on the leader alone."""

    def __init__(
        self, fleet: Fleet, pools: PoolFleet, metrics: AutoscalerMetrics, clock: Callable[[], float], call_later: CallLater
    ) -> None:
        """`call_later(seconds, function)` is the event loop's."""
        self._fleet = fleet
        self._pools = pools
        self._metrics = metrics
        self._clock = clock
        self._call_later = call_later
        self._scheduled = False
        self.orders: Orders | None = None

    def receive(self, push: Push) -> None:
        """Statistics have come: decide on the functions they speak of, now or as soon as it is due."""
        self._metrics.pushes.inc()
        now = self._clock()
        if self._fleet.push(push, now):
            self._pools.push(push, now)
        if not self._scheduled:
            self._decide_due()

    def _decide_due(self) -> None:
        now = self._clock()
        self._act(self._fleet.decide_due(now))
        seconds = self._fleet.due_in(now)
        self._scheduled = seconds is not None
        if seconds is not None:
            self._call_later(seconds, self._decide_due)

    def tick(self) -> list[Assessment]:
        """Decide on all functions that are not at rest."""
        assessments = self._fleet.decide_all(self._clock())
        self._act(assessments)
        self._metrics.keep(frozenset(self._fleet.keys()))
        return assessments

    def done(self, order: ScaleOrder, scale: Scale) -> None:
        """An order was carried out, or found to be out of date."""
        self._fleet.applied(order.key, scale.replicas, scale_version(scale), self._clock(), written=scale.written)
        if scale.written:
            self._metrics.scaled(order.key, order.current, scale.replicas)
            fields = {"function": str(order.key), "before": order.current, "after": scale.replicas}
            logger.info("scaled", extra=fields)

    def failed(self, order: ScaleOrder, error: KubeError) -> None:
        """An order could not be carried out."""
        self._metrics.failed(order.key)
        fields = {"function": str(order.key), "before": order.current, "after": order.desired, "error": str(error)}
        logger.warning("not scaled, trying again", extra=fields)

    def _act(self, assessments: list[Assessment]) -> None:
        for assessment in assessments:
            observed, decision = assessment.observed, assessment.decision
            self._metrics.assessed(
                assessment.key,
                desired=decision.desired,
                ready=observed.ready,
                stable=observed.stable_concurrency,
                panic=observed.panic_concurrency,
                panicking=decision.panicking,
            )
            if assessment.order is not None and self.orders is not None:
                self.orders.submit(assessment.order)
