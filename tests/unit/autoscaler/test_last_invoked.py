"""`status.lastInvoked` is written at most once a minute, and when a function has gone to zero."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import cast

from lambent.autoscaler.functions.last_invoked import InvocationLog, stamp, write_last_invoked
from lambent.autoscaler.statistics import FunctionKey
from lambent.kube.client import KubeClient
from tests.support.fake_kube import FakeKube

KEY = FunctionKey("default", "hello")


def test_it_is_due_at_once_then_once_a_minute_and_at_zero() -> None:
    log = InvocationLog()
    assert not log.is_due(KEY, None, 0.0, at_zero=False)
    assert log.is_due(KEY, 10.0, 10.5, at_zero=False)
    log.note_written(KEY, 10.0, 10.5)
    assert not log.is_due(KEY, 10.0, 100.0, at_zero=True), "nothing new"
    assert not log.is_due(KEY, 30.0, 40.0, at_zero=False)
    assert log.is_due(KEY, 30.0, 40.0, at_zero=True)
    assert log.is_due(KEY, 30.0, 70.5, at_zero=False)
    log.keep([])
    assert log.is_due(KEY, 10.0, 71.0, at_zero=False)


def test_a_time_of_the_clock_becomes_one_of_the_wall_clock() -> None:
    wall = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC).astimezone(timezone(timedelta(hours=5)))
    assert stamp(invoked_at=500.0, now=520.0, wall_now=wall) == "2026-01-01T12:00:10Z"


def test_only_that_field_is_applied() -> None:
    fake = FakeKube()
    path = "/apis/lambent.dev/v1alpha1/namespaces/default/functions/hello/status"
    fake.put(path, {"status": {"url": "http://hello.default"}})
    asyncio.run(write_last_invoked(cast("KubeClient", fake), KEY, "2026-01-01T12:00:10Z", "lambent-autoscaler"))
    assert fake.calls[-1][2] == {
        "apiVersion": "lambent.dev/v1alpha1",
        "kind": "Function",
        "metadata": {"name": "hello", "namespace": "default"},
        "status": {"lastInvoked": "2026-01-01T12:00:10Z"},
    }
