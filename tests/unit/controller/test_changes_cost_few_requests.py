"""A user's change of a Function at rest costs few requests: what is known is not read, what was written is not read again."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from lambent.controller.writes.views import Counts, hash_deployment
from lambent.kube.client import Json
from tests.unit.controller.test_reconciling import DEPLOYMENT, FUNCTION, SERVICE, Bench

PODS = "/api/v1/namespaces/default/pods"
EVENTS = "/api/v1/namespaces/default/events"


@pytest.fixture
def resting() -> Bench:
    """A Function that serves and has come to rest, with its calls forgotten."""
    bench = Bench()
    bench.function(scaling={"initialScale": 0})
    bench.settle()
    bench.now += timedelta(seconds=5)
    bench.api.calls.clear()
    return bench


def edit(bench: Bench, **spec: Any) -> None:
    """A user's change, and its event."""
    body = copy.deepcopy(bench.api.objects[FUNCTION])
    body["metadata"]["generation"] += 1
    bench.api.put(FUNCTION, {**body, "spec": {**body["spec"], **spec}})
    bench.functions.change("default", "hello")


def reconcile(bench: Bench) -> float | None:
    return asyncio.run(bench.functions.reconcile("default", "hello"))


def tell_deployment(bench: Bench) -> bool:
    """The event of a Deployment that looks different. Whether a reconcile follows that is more than the counts'."""
    body = bench.api.objects[DEPLOYMENT]
    counts = Counts((body.get("status") or {}).get("replicas", 0), body["spec"]["replicas"])
    bench.api.calls.clear()
    if bench.functions.compare("default", "hello", hash_deployment(body), counts):
        reconcile(bench)
    return ("GET", DEPLOYMENT) in bench.api.calls


def spoil(bench: Bench) -> None:
    """Somebody else changes the Deployment."""
    body = copy.deepcopy(bench.api.objects[DEPLOYMENT])
    body["spec"]["template"]["spec"]["hostNetwork"] = True
    bench.api.put(DEPLOYMENT, body)


def meanwhile(bench: Bench, at: tuple[str, str], act: Callable[[], object]) -> None:
    """Have something happen in the middle of the next reconcile, before its last request of that method and path."""
    called = bench.api._called

    def call(method: str, path: str) -> None:
        called(method, path)
        if (method, path) == at and ("PATCH", DEPLOYMENT) in bench.api.calls:
            bench.api._called = called  # type: ignore[method-assign]
            act()

    bench.api._called = call  # type: ignore[method-assign]


def test_a_change_reads_the_function_and_its_pods_and_writes_what_differs(resting: Bench) -> None:
    edit(resting, env=[{"name": "A", "value": "1"}])

    assert reconcile(resting) is None

    assert resting.api.calls == [
        ("GET", FUNCTION),
        ("LIST", PODS),
        ("PATCH", f"{FUNCTION}/status"),
        ("POST", EVENTS),
        ("PATCH", DEPLOYMENT),
        ("PATCH", f"{FUNCTION}/status"),
        ("POST", EVENTS),
    ]
    assert resting.ready[0] == "True"
    assert resting.status["observedGeneration"] == 2


def test_the_event_of_its_own_write_asks_for_nothing(resting: Bench) -> None:
    edit(resting, env=[{"name": "A", "value": "1"}])
    reconcile(resting)

    assert not tell_deployment(resting)
    assert resting.api.calls == []


def test_the_event_of_its_own_write_that_comes_before_the_end_asks_for_nothing(resting: Bench) -> None:
    edit(resting, env=[{"name": "A", "value": "1"}])
    looks: list[Json] = []
    meanwhile(resting, ("PATCH", f"{FUNCTION}/status"), lambda: looks.append(resting.api.objects[DEPLOYMENT]) or hear(resting))
    reconcile(resting)
    resting.api.calls.clear()

    assert looks
    assert reconcile(resting) is None
    assert resting.api.calls == []


def hear(bench: Bench) -> None:
    body = bench.api.objects[DEPLOYMENT]
    assert bench.functions.compare("default", "hello", hash_deployment(body), Counts(0, body["spec"]["replicas"])), "not yet at rest"


def test_what_others_change_in_the_middle_is_put_right(resting: Bench) -> None:
    edit(resting, env=[{"name": "A", "value": "1"}])
    meanwhile(resting, ("PATCH", f"{FUNCTION}/status"), lambda: (spoil(resting), hear(resting)))
    reconcile(resting)
    assert "hostNetwork" in resting.api.objects[DEPLOYMENT]["spec"]["template"]["spec"]

    reconcile(resting)

    assert "hostNetwork" not in resting.api.objects[DEPLOYMENT]["spec"]["template"]["spec"]


def test_what_others_change_at_rest_is_put_right(resting: Bench) -> None:
    spoil(resting)

    assert tell_deployment(resting), "everything is read"
    assert "hostNetwork" not in resting.api.objects[DEPLOYMENT]["spec"]["template"]["spec"]


def test_after_news_of_another_object_nothing_is_known(resting: Bench) -> None:
    edit(resting, env=[{"name": "A", "value": "1"}])
    del resting.api.objects[SERVICE]
    resting.functions.disturb("default", "hello")

    reconcile(resting)

    assert SERVICE in resting.api.objects


def test_after_events_that_may_have_been_missed_nothing_is_known(resting: Bench) -> None:
    edit(resting, env=[{"name": "A", "value": "1"}])
    resting.functions.forget()

    reconcile(resting)

    assert ("GET", DEPLOYMENT) in resting.api.calls


def test_events_missed_in_the_middle_end_in_no_rest(resting: Bench) -> None:
    edit(resting, env=[{"name": "A", "value": "1"}])
    meanwhile(resting, ("PATCH", f"{FUNCTION}/status"), resting.functions.forget)
    reconcile(resting)
    resting.api.calls.clear()

    reconcile(resting)

    assert ("GET", DEPLOYMENT) in resting.api.calls


def test_a_change_of_a_function_whose_scale_was_changed_knows_its_scale(resting: Bench) -> None:
    """A Deployment that runs pods takes over in its time: with the old scale, the new revision would be said to serve at once."""
    body = copy.deepcopy(resting.api.objects[DEPLOYMENT])
    body["spec"]["replicas"] = 2
    resting.api.put(DEPLOYMENT, body)
    assert resting.functions.hear("default", "hello", Counts(0, 2))
    edit(resting, env=[{"name": "A", "value": "1"}])

    reconcile(resting)

    assert resting.ready[0] == "Unknown"
