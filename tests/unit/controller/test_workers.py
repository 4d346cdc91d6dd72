"""Reconciles run side by side, are repeated when they fail, and one that fails stops no other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest
from prometheus_client import CollectorRegistry

from lambent.controller.queue.work_queue import Key
from lambent.controller.queue.workers import Workers
from lambent.kube.errors import ConflictError, KubeUnavailableError
from lambent.telemetry.controller_metrics import ControllerMetrics

A, B = Key("Function", "default", "a"), Key("Function", "default", "b")


def run(reconcile: Callable[[Key], Awaitable[float | None]], *keys: Key, until: Callable[[], bool]) -> CollectorRegistry:
    """Work on `keys` until `until` holds."""
    registry = CollectorRegistry()

    async def main() -> None:
        ended = asyncio.Event()

        async def watched(key: Key) -> float | None:
            try:
                return await reconcile(key)
            finally:
                if until():
                    # After the worker has taken note of this one.
                    asyncio.get_running_loop().call_soon(ended.set)

        workers = Workers(watched, 2, ControllerMetrics(registry))
        running = asyncio.create_task(workers.run())
        for key in keys:
            workers.add(key)
        await ended.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(main())
    return registry


def count(registry: CollectorRegistry, result: str) -> float:
    return registry.get_sample_value("lambent_controller_reconciles_total", {"kind": "Function", "result": result}) or 0.0


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (ConflictError(409, "Conflict", "modified"), "conflict"),
        (KubeUnavailableError(0, "NoConnection", "refused"), "unavailable"),
        (ZeroDivisionError("a defect"), "failed"),
    ],
)
def test_a_reconcile_that_fails_comes_again(error: Exception, result: str, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Key] = []

    async def reconcile(key: Key) -> None:
        seen.append(key)
        if seen.count(A) == 1 and key == A:
            raise error

    with caplog.at_level(logging.WARNING):
        registry = run(reconcile, A, B, until=lambda: seen.count(A) == 2 and B in seen)

    assert count(registry, result) == 1
    assert ("defect" in caplog.text) == (result == "failed")


def test_two_keys_are_worked_on_at_once_and_one_key_never() -> None:
    running: set[Key] = set()
    most: list[int] = []
    release = asyncio.Event()

    async def reconcile(key: Key) -> None:
        assert key not in running
        running.add(key)
        most.append(len(running))
        if len(running) == 2:
            release.set()
        await release.wait()
        running.discard(key)

    run(reconcile, A, A, B, until=lambda: len(most) == 2 and not running)

    assert max(most) == 2


def test_a_reconcile_may_ask_for_another_look() -> None:
    seen: list[Key] = []

    async def reconcile(key: Key) -> float | None:
        seen.append(key)
        return 0.0 if len(seen) < 3 else None

    registry = run(reconcile, A, until=lambda: len(seen) == 3)

    assert count(registry, "done") >= 2


def test_workers_are_busy_while_something_is_due_or_worked_on() -> None:
    async def main() -> None:
        begun, may_end = asyncio.Event(), asyncio.Event()

        async def reconcile(_: Key) -> None:
            begun.set()
            await may_end.wait()

        workers = Workers(reconcile, 1, ControllerMetrics(CollectorRegistry()))
        assert not workers.is_busy()
        workers.add(B, delay=3600.0)
        assert not workers.is_busy(), "what is due later waits for nobody"
        workers.add(A)
        assert workers.is_busy()
        running = asyncio.create_task(workers.run())
        await begun.wait()
        assert workers.is_busy()
        may_end.set()
        while workers.is_busy():  # noqa: ASYNC110 - nobody tells of calm
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait([running])

    asyncio.run(main())
