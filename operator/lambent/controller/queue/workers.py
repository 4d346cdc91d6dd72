"""Runs reconciles: a few tasks that take keys from the queue until cancelled."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from lambent.controller.queue.work_queue import Key, WorkQueue
from lambent.kube.errors import ConflictError, KubeError
from lambent.telemetry.controller_metrics import CONFLICT, DONE, FAILED, UNAVAILABLE, ControllerMetrics

logger: Final = logging.getLogger(__name__)
Reconcile = Callable[[Key], Awaitable[float | None]]
"""Reconciles one key; returns the seconds until it wants another look, None for not before something changes."""
CONFLICT_SECONDS: Final = 0.05


class Workers:
    """The queue with its tasks. `add` may be called from any coroutine of the loop."""

    def __init__(self, reconcile: Reconcile, count: int, metrics: ControllerMetrics) -> None:
        self._reconcile = reconcile
        self._count = count
        self._metrics = metrics
        self._queue = WorkQueue()
        self._changed = asyncio.Event()
        self._at_work = 0
        metrics.watch_queue(lambda: len(self._queue))

    def add(self, key: Key, delay: float = 0.0) -> None:
        """Have `key` reconciled in `delay` seconds."""
        self._queue.add(key, self._now(), delay)
        self._changed.set()

    def is_busy(self) -> bool:
        """Whether something is due now, or being worked on."""
        due = self._queue.next_due()
        return self._at_work > 0 or (due is not None and due <= self._now())

    async def run(self) -> None:
        """Work without end; cancel it to stop."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._count):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            key = self._queue.take(self._now())
            if key is None:
                await self._wait()
                continue
            self._at_work += 1
            try:
                await self._work_on(key)
            finally:
                self._at_work -= 1
            # What became due while this key was worked on may be another worker's.
            self._changed.set()

    async def _wait(self) -> None:
        self._changed.clear()
        due = self._queue.next_due()
        try:
            async with asyncio.timeout(None if due is None else max(0.0, due - self._now())):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _work_on(self, key: Key) -> None:
        began = self._now()
        result = DONE
        try:
            self._queue.finish(key, self._now(), await self._reconcile(key))
        except ConflictError as error:
            # Somebody else wrote first: look again at what there is now.
            result = CONFLICT
            logger.debug("reconcile met a newer object", extra={"object": str(key), "error": str(error)})
            self._queue.finish(key, self._now(), CONFLICT_SECONDS)
        except KubeError as error:
            result = UNAVAILABLE
            pause = self._queue.fail(key, self._now())
            logger.warning("reconcile put off", extra={"object": str(key), "error": str(error), "again_in_seconds": round(pause, 1)})
        except Exception:
            result = FAILED
            pause = self._queue.fail(key, self._now())
            logger.exception("reconcile failed", extra={"object": str(key), "again_in_seconds": round(pause, 1)})
        self._metrics.reconciles.labels(key.kind, result).inc()
        self._metrics.reconcile_seconds.labels(key.kind).observe(self._now() - began)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
