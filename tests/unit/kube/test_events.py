"""Events are written once and counted when they come again; none of it may stop the work they tell of."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from lambent.kube.client import KubeClient
from lambent.kube.events import AT_ONCE, SECONDS_EACH, WARNING, EventRecorder
from tests.support.fake_kube import FakeKube, unavailable

FUNCTION = {"apiVersion": "lambent.dev/v1alpha1", "kind": "Function", "metadata": {"name": "hello", "namespace": "web", "uid": "u1"}}


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def a_recorder() -> tuple[FakeKube, EventRecorder, Clock]:
    fake, clock = FakeKube(), Clock()
    return fake, EventRecorder(cast("KubeClient", fake), "lambent-controller", "pod-1", clock=clock), clock


def record(recorder: EventRecorder, message: str = "no module named app") -> None:
    asyncio.run(recorder.record(FUNCTION, WARNING, "BadHandler", message))


def only(fake: FakeKube) -> dict[str, Any]:
    (event,) = fake.objects.values()
    return event


def test_an_event_says_who_reports_what_of_which_object() -> None:
    fake, recorder, _ = a_recorder()
    record(recorder)
    event = only(fake)
    assert event["involvedObject"] == {
        "apiVersion": "lambent.dev/v1alpha1",
        "kind": "Function",
        "namespace": "web",
        "name": "hello",
        "uid": "u1",
    }
    assert (event["type"], event["reason"], event["message"], event["count"]) == ("Warning", "BadHandler", "no module named app", 1)
    assert event["firstTimestamp"] == event["lastTimestamp"] == "2026-01-02T03:04:05Z"
    assert event["source"] == {"component": "lambent-controller", "host": "pod-1"}
    assert next(iter(fake.objects)).startswith("/api/v1/namespaces/web/events/hello.")


def test_the_same_event_again_is_counted() -> None:
    fake, recorder, clock = a_recorder()
    for _ in range(3):
        record(recorder)
        clock.now += timedelta(seconds=60)
    event = only(fake)
    assert (event["count"], event["firstTimestamp"], event["lastTimestamp"]) == (3, "2026-01-02T03:04:05Z", "2026-01-02T03:06:05Z")


def test_another_message_or_one_after_a_long_time_is_another_event() -> None:
    fake, recorder, clock = a_recorder()
    record(recorder)
    record(recorder, "another")
    clock.now += timedelta(minutes=11)
    record(recorder)
    assert [event["count"] for event in fake.objects.values()] == [1, 1, 1]


def test_an_event_that_the_api_server_has_forgotten_is_written_anew() -> None:
    fake, recorder, clock = a_recorder()
    record(recorder)
    fake.objects.clear()
    clock.now += timedelta(seconds=1)
    record(recorder)
    assert only(fake)["count"] == 1


def test_a_long_message_is_cut() -> None:
    fake, recorder, _ = a_recorder()
    record(recorder, "x" * 5000)
    assert len(only(fake)["message"]) == 1024


def test_an_api_server_that_is_away_stops_nothing() -> None:
    fake, recorder, _ = a_recorder()

    def away(method: str, path: str) -> None:
        raise unavailable(method, path)

    fake.before = away
    record(recorder)
    assert fake.objects == {}


def test_of_one_object_so_many_are_written_and_then_one_in_five_minutes() -> None:
    fake, recorder, clock = a_recorder()
    for number in range(100):
        record(recorder, f"another {number}")
    assert len(fake.objects) == AT_ONCE
    clock.now += timedelta(seconds=SECONDS_EACH)
    for number in range(100, 110):
        record(recorder, f"another {number}")
    assert len(fake.objects) == AT_ONCE + 1

    other = {**FUNCTION, "metadata": {"name": "other", "namespace": "web", "uid": "u2"}}
    asyncio.run(recorder.record(other, WARNING, "BadHandler", "of another object"))
    assert len(fake.objects) == AT_ONCE + 2


def test_events_of_one_second_are_named_in_their_order() -> None:
    fake, recorder, clock = a_recorder()
    for message in ("first", "second", "third"):
        record(recorder, message)
        clock.now += timedelta(microseconds=1)
    assert [fake.objects[path]["message"] for path in sorted(fake.objects)] == ["first", "second", "third"]
