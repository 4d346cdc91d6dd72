"""Keeps pools: watches their Deployments and pods, has the fleet decide, and hands its orders on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final, Protocol

from lambent.api.group import LABEL_ROLE, LABEL_RUNTIME, ROLE_POOL
from lambent.autoscaler.pools.fleet import PoolFleet, PoolOrder
from lambent.autoscaler.pools.views import view_pod, view_pool
from lambent.kube.client import KubeClient
from lambent.kube.paths import collection_path
from lambent.kube.watch import Deleted, Listed, watch_objects
from lambent.telemetry.autoscaler_metrics import AutoscalerMetrics

SELECTOR: Final = f"{LABEL_ROLE}={ROLE_POOL},{LABEL_RUNTIME}"
LISTS: Final = 2
PAUSE_SECONDS: Final = 0.1
"""Between two decisions: pods' changes come in bursts."""
SOON_SECONDS: Final = 0.25
"""How soon to look again while pods wait to be let go, or a pool is about to give way: that time has passed is no event."""


class PoolOrders(Protocol):
    """Where orders go."""

    def submit(self, order: PoolOrder) -> bool:
        """Whether it is being written."""


class PoolReconciler:
    """`watch_pools`, `watch_pods` and `tend` run until cancelled."""

    def __init__(
        self,
        client: KubeClient,
        fleet: PoolFleet,
        orders: PoolOrders,
        metrics: AutoscalerMetrics,
        clock: Callable[[], float],
        is_ready: Callable[[], bool],
    ) -> None:
        """`is_ready`: whether Functions have been listed; nothing is decided before they, the pools and their pods have."""
        self._client = client
        self._fleet = fleet
        self._orders = orders
        self._metrics = metrics
        self._clock = clock
        self._is_ready = is_ready
        self._listed: set[str] = set()
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """Something has changed that pools depend on: decide soon."""
        self._changed.set()

    async def watch_pools(self) -> None:
        """Follow the Deployments of pools."""
        path = collection_path("apps/v1", "deployments")
        async for event in watch_objects(self._client, path, label_selector=SELECTOR, keep=view_pool):
            if isinstance(event, Listed):
                self._fleet.keep_pools(key for key, _ in event.items)
                for key, view in event.items:
                    self._fleet.set_pool(key, view)
                self._listed.add("deployments")
            else:
                key, view = event.item
                self._fleet.set_pool(key, None if isinstance(event, Deleted) else view)
            self._changed.set()

    async def watch_pods(self) -> None:
        """Follow the pods that bear a pool's labels: one that is handed to a function leaves this watch."""
        async for event in watch_objects(self._client, collection_path("v1", "pods"), label_selector=SELECTOR, keep=view_pod):
            now = self._clock()
            if isinstance(event, Listed):
                self._fleet.keep_pods(((key, pod.name) for key, pod in event.items), now)
                for key, pod in event.items:
                    self._fleet.set_pod(key, pod.name, pod, now)
                self._listed.add("pods")
            else:
                key, pod = event.item
                self._fleet.set_pod(key, pod.name, None if isinstance(event, Deleted) else pod, now)
            self._changed.set()

    async def tend(self, tick_seconds: float) -> None:
        """Decide after each change, soon again while pods wait to be let go, and each tick."""
        shown_at = float("-inf")
        while True:
            await asyncio.sleep(PAUSE_SECONDS)
            if self._is_ready() and len(self._listed) == LISTS:
                now = self._clock()
                for order in self._fleet.decide(now):
                    self._orders.submit(order)
                if now - shown_at >= tick_seconds:
                    self._metrics.show_pools(
                        (figures.key, figures.desired, figures.ready, figures.gated) for figures in self._fleet.figures(now)
                    )
                    shown_at = now
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(tick_seconds, SOON_SECONDS) if self._fleet.is_pressing(self._clock()) else tick_seconds):
                    await self._changed.wait()
