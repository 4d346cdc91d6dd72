"""Carries out what was decided on pools: scales, gates and pods, one write at a time for each, none by a process that does not lead."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Final

from lambent.api.functions.gates import build_lift
from lambent.api.group import REFILL_GATE
from lambent.autoscaler.functions.applier import FIELD_MANAGER, scale_version
from lambent.autoscaler.pools.fleet import Lift, PoolFleet, PoolOrder, PoolScale, Remove
from lambent.kube.client import JSON_PATCH, KubeClient
from lambent.kube.errors import KubeError, NotFoundError
from lambent.kube.paths import object_path
from lambent.kube.scale import set_scale
from lambent.tasks.keyed import KeyedTasks
from lambent.telemetry.autoscaler_metrics import AutoscalerMetrics

logger: Final = logging.getLogger(__name__)
WRITE_SECONDS: Final = 2.0
"""A decision is not carried out later than that: by then another one is due, perhaps another leader's."""
GRACE_SECONDS: Final = 10
"""For a pod whose container was restarted: it runs nothing, and may have missed the signal that would end it."""
PAUSE_SECONDS: Final = 2.0
"""After a write that failed, before the same one is tried again."""


class PoolApplier:
    """`submit` returns at once. What cannot be written now is decided anew later."""

    def __init__(
        self,
        client: KubeClient,
        may_act: Callable[[], bool],
        fleet: PoolFleet,
        metrics: AutoscalerMetrics,
        clock: Callable[[], float],
        count_failure: Callable[[str], None] | None = None,
    ) -> None:
        self._client = client
        self._may_act = may_act
        self._fleet = fleet
        self._metrics = metrics
        self._clock = clock
        self._writing = KeyedTasks("changing a pool", count_failure)
        self._not_before: dict[tuple[str, ...], float] = {}

    def submit(self, order: PoolOrder) -> bool:
        """Begin to write it; False where this process does not lead, the same is being written, or has just failed."""
        about, now = _about(order), self._clock()
        if not self._may_act() or about in self._writing or now < self._not_before.get(about, now):
            return False
        if isinstance(order, Lift):
            self._fleet.let_go(order, now)
        return self._writing.start(partial(self._write, order), about)

    async def close(self) -> None:
        """Give up the writes under way and wait for their end."""
        await self._writing.close()

    async def _write(self, order: PoolOrder) -> None:
        about = _about(order)
        self._not_before.pop(about, None)
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await self._carry_out(order)
        except NotFoundError:
            return  # gone; the watch will say so
        except (KubeError, TimeoutError) as error:
            now = self._clock()
            self._not_before = {known: until for known, until in self._not_before.items() if until > now}
            self._not_before[about] = now + PAUSE_SECONDS
            if isinstance(order, Lift):
                self._fleet.not_let_go(order)
            self._metrics.pool_failed(order.key)
            fields = {"pool": str(order.key), "order": type(order).__name__, "error": str(error) or f"no answer within {WRITE_SECONDS:g} s"}
            logger.warning("pool not changed, trying again", extra=fields)

    async def _carry_out(self, order: PoolOrder) -> None:
        namespace = order.key.namespace
        if isinstance(order, PoolScale):
            scale = await set_scale(
                self._client, namespace, order.deployment, order.desired, expected=order.current, field_manager=FIELD_MANAGER
            )
            self._fleet.scaled(order.key, scale.replicas, scale_version(scale))
            if scale.written:
                said = "pool gives way: a quota refuses a function's pod" if order.gives_way else "pool scaled"
                logger.info(said, extra={"pool": str(order.key), "before": order.current, "after": scale.replicas})
            return
        path = object_path("v1", "pods", namespace, order.pod)
        if isinstance(order, Remove):
            await self._client.delete(path, uid=order.uid, grace_period_seconds=GRACE_SECONDS)
            fields = {"pool": str(order.key), "pod": order.pod, "in_a_row": order.failures}
            # The first one may have been a function that ended its container before it was handed over.
            logger.log(logging.WARNING if order.failures > 1 else logging.INFO, "pod of a pool has ended; it is deleted", extra=fields)
            return
        operations = build_lift(order.uid, REFILL_GATE, order.gate)
        await self._client.patch(path, operations, kind=JSON_PATCH, field_manager=FIELD_MANAGER)


def _about(order: PoolOrder) -> tuple[str, ...]:
    name = order.deployment if isinstance(order, PoolScale) else order.pod
    return (type(order).__name__, order.key.namespace, name)
