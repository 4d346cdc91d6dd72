"""kopf runs in a thread of its own: what it ends with is told, and one that does not end holds nobody."""

from __future__ import annotations

import asyncio
import threading

import kopf
import pytest

from lambent.controller.queue.work_queue import Key
from lambent.controller.watch import user_objects as watches


def add(key: Key, delay: float) -> None:
    return


def test_what_kopf_ends_with_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(registry: kopf.OperatorRegistry, stop: threading.Event) -> None:
        raise LookupError("no such kind")

    monkeypatch.setattr(watches, "_run_kopf", fail)
    with pytest.raises(LookupError, match="no such kind"):
        asyncio.run(watches.run_watches(add, lambda: None))


def test_one_that_does_not_end_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, told, may_end = threading.Event(), threading.Event(), threading.Event()

    def go_on(registry: kopf.OperatorRegistry, stop: threading.Event) -> None:
        begun.set()
        stop.wait()
        told.set()
        may_end.wait()

    async def main() -> None:
        watching = asyncio.create_task(watches.run_watches(add, lambda: None))
        await asyncio.to_thread(begun.wait)
        watching.cancel()
        await asyncio.wait([watching])
        assert watching.cancelled()

    monkeypatch.setattr(watches, "_run_kopf", go_on)
    monkeypatch.setattr(watches, "STOP_SECONDS", 0.01)
    try:
        asyncio.run(main())
        assert told.is_set()
    finally:
        may_end.set()
