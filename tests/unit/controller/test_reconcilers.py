"""What one kind's reconcile learns reaches the others: a Function's pool comes and goes with it, and its Triggers look again."""

from __future__ import annotations

import asyncio
import copy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from lambent.api.namespace_limits import NamespaceLimits
from lambent.api.triggers.trigger import Http, parse_trigger
from lambent.controller.queue.work_queue import FUNCTION, POOL, TRIGGER, Key
from lambent.controller.reconcilers import RESYNC_SECONDS, UNUSED_POOL_SECONDS, Reconcilers
from lambent.controller.resources.installation import Installation
from lambent.controller.writes.execution import Executor
from lambent.controller.writes.views import Counts
from lambent.kube.client import KubeClient
from lambent.kube.events import EventRecorder
from lambent.telemetry.controller_metrics import ControllerMetrics
from tests.support.controller_api import ControllerApi
from tests.support.controller_world import INSTALLATION, a_manifest

OBJECTS = "/apis/lambent.dev/v1alpha1/namespaces/default"
DEPLOYMENT = "/apis/apps/v1/namespaces/default/deployments"
HELLO = Key(FUNCTION, "default", "hello")
ROUTE = Key(TRIGGER, "default", "route")
PYTHON = Key(POOL, "default", "python3.11")


class Desk:
    """Reconcilers over an API server in memory; what they enqueue is kept."""

    def __init__(self, installation: Installation = INSTALLATION) -> None:
        self.api = ControllerApi()
        self.leads = True
        self.queue: list[tuple[Key, float]] = []
        client = cast("KubeClient", self.api)
        executor = Executor(client, EventRecorder(client, "lambent-controller", "test"), ControllerMetrics(CollectorRegistry()))
        self.reconcilers = Reconcilers(
            client,
            executor,
            installation,
            lambda: datetime(2026, 1, 1, tzinfo=UTC),
            lambda key, delay: self.queue.append((key, delay)),
            lambda: self.leads,
        )

    def apply(self, **spec: Any) -> None:
        self.api.put(f"{OBJECTS}/functions/hello", a_manifest(**spec))

    def apply_trigger(self) -> None:
        spec = {"function": {"name": "hello"}, "http": {"path": "/x"}}
        metadata = {"name": "route", "namespace": "default", "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z"}
        body = {"apiVersion": "lambent.dev/v1alpha1", "kind": "Trigger", "metadata": metadata, "spec": spec}
        self.api.put(f"{OBJECTS}/triggers/route", body)

    def reconcile(self, key: Key) -> float | None:
        """What follows a whole look at it; the queue holds what that asked for."""
        self.reconcilers.add(key)
        self.queue.clear()
        return asyncio.run(self.reconcilers.reconcile(key))


def test_the_first_function_of_a_pool_has_it_made_and_the_last_one_gone_has_it_removed_in_a_while() -> None:
    desk = Desk()
    desk.apply()

    desk.reconcile(HELLO)
    assert desk.queue == [(PYTHON, 0.0)]
    again = desk.reconcile(PYTHON)
    assert again is not None
    assert RESYNC_SECONDS <= again <= 1.5 * RESYNC_SECONDS
    assert f"{DEPLOYMENT}/lambent-pool-python3-11" in desk.api.objects

    del desk.api.objects[f"{OBJECTS}/functions/hello"]
    desk.reconcile(HELLO)
    assert desk.queue == [(PYTHON, UNUSED_POOL_SECONDS)]
    assert desk.reconcile(PYTHON) is None
    assert f"{DEPLOYMENT}/lambent-pool-python3-11" not in desk.api.objects


def test_a_function_that_changes_to_what_no_pool_has_leaves_it() -> None:
    desk = Desk()
    desk.apply()
    desk.reconcile(HELLO)

    desk.apply(serviceAccountName="reader")
    desk.reconcile(HELLO)

    assert desk.queue == [(PYTHON, UNUSED_POOL_SECONDS)]


def test_a_function_that_stays_as_it_is_tells_nobody() -> None:
    desk = Desk()
    desk.apply()
    desk.reconcile(HELLO)

    desk.reconcile(HELLO)

    assert desk.queue == []


def test_triggers_look_again_when_their_function_comes_or_goes() -> None:
    desk = Desk()
    desk.apply_trigger()
    again = desk.reconcile(ROUTE)
    assert again is not None
    assert RESYNC_SECONDS <= again <= 1.5 * RESYNC_SECONDS

    desk.apply()
    desk.reconcile(HELLO)
    assert (ROUTE, 0.0) in desk.queue
    desk.reconcile(HELLO)
    assert (ROUTE, 0.0) not in desk.queue

    del desk.api.objects[f"{OBJECTS}/functions/hello"]
    desk.reconcile(HELLO)
    assert (ROUTE, 0.0) in desk.queue


def test_a_trigger_that_is_gone_is_not_looked_at_again() -> None:
    assert Desk().reconcile(ROUTE) is None


@pytest.mark.parametrize("key", [HELLO, ROUTE, PYTHON])
def test_who_leads_no_more_reads_and_writes_nothing(key: Key) -> None:
    desk = Desk()
    desk.apply()
    desk.apply_trigger()
    desk.leads = False

    assert desk.reconcile(key) is None
    assert desk.api.calls == []


@pytest.mark.parametrize("key", [HELLO, PYTHON])
def test_counts_of_what_is_not_known_to_be_at_rest_ask_for_a_look(key: Key) -> None:
    desk = Desk()

    desk.reconcilers.hear(key, Counts(replicas=7), 2.0)

    assert desk.queue == [(key, 2.0)]


def test_a_function_beyond_its_namespaces_bounds_is_told_and_built_when_there_is_room() -> None:
    desk = Desk(replace(INSTALLATION, limits=NamespaceLimits(functions=1)))
    desk.apply()
    desk.reconcilers.note_function(("default", "hello"), "2026-01-02T00:00:00Z", 10)
    desk.reconcilers.note_function(("default", "older"), "2026-01-01T00:00:00Z", 10)
    assert desk.queue == [(HELLO, 0.0)], "one that loses its place is looked at"

    assert desk.reconcile(HELLO) is None
    status = desk.api.objects[f"{OBJECTS}/functions/hello"]["status"]
    (ready,) = status["conditions"]
    assert (ready["status"], ready["reason"]) == ("False", "NamespaceLimit")
    assert "the namespace default has 2 Functions" in ready["message"]
    assert "namespaceLimits" in ready["message"]
    assert desk.api.events() == ["NamespaceLimit"]
    assert f"{DEPLOYMENT}/hello" not in desk.api.objects
    assert desk.reconcilers.beyond() == {FUNCTION: 1, TRIGGER: 0}

    desk.queue.clear()
    desk.reconcilers.note_function(("default", "older"), None)
    assert desk.queue == [(HELLO, 0.0)]
    desk.reconcile(HELLO)
    assert f"{DEPLOYMENT}/hello" in desk.api.objects


def test_a_trigger_beyond_its_namespaces_bounds_asks_for_nothing_until_there_is_room() -> None:
    desk = Desk(replace(INSTALLATION, limits=NamespaceLimits(triggers=1)))
    desk.apply()
    desk.apply_trigger()
    young = parse_trigger(desk.api.objects[f"{OBJECTS}/triggers/route"])
    older = replace(young, name="older", created="2025-01-01T00:00:00Z", spec=replace(young.spec, http=Http(path="/y")))
    desk.reconcilers.note_trigger(("default", "route"), young)
    desk.reconcilers.note_trigger(("default", "older"), older)

    def ready() -> tuple[str, str]:
        desk.reconcile(ROUTE)
        condition = desk.api.objects[f"{OBJECTS}/triggers/route"]["status"]["conditions"][0]
        return condition["status"], condition["reason"]

    assert ready() == ("False", "NamespaceLimit")
    desk.queue.clear()
    desk.reconcilers.note_trigger(("default", "older"), None)
    assert desk.queue == [(ROUTE, 0.0)]
    assert ready() == ("True", "Ready")


def test_a_trigger_of_a_function_that_is_known_costs_two_requests() -> None:
    desk = Desk()
    desk.apply()
    desk.reconcile(HELLO)
    desk.apply_trigger()
    desk.api.calls.clear()

    desk.reconcile(ROUTE)

    assert desk.api.calls == [("GET", f"{OBJECTS}/triggers/route"), ("PATCH", f"{OBJECTS}/triggers/route/status")]


def test_a_function_that_is_changed_again_and_again_waits_and_its_end_does_not() -> None:
    desk = Desk(replace(INSTALLATION, changes_per_second=1))
    desk.apply(scaling={"initialScale": 0})
    waits = []
    for turn in range(20):
        body = copy.deepcopy(desk.api.objects[f"{OBJECTS}/functions/hello"])
        body["metadata"]["generation"] += 1
        body["spec"]["env"] = [{"name": "TURN", "value": str(turn)}]
        desk.api.put(f"{OBJECTS}/functions/hello", body)
        desk.reconcilers.change(HELLO)
        waits.append(asyncio.run(desk.reconcilers.reconcile(HELLO)))
    assert waits[0] is None
    assert waits[-1]
    assert "ChangePutOff" not in desk.api.events(), "whoever waits for a moment need not know"
    reads = len(desk.api.calls)
    assert asyncio.run(desk.reconcilers.reconcile(HELLO)) == waits[-1]
    assert len(desk.api.calls) == reads, "nothing is read while it waits"

    del desk.api.objects[f"{OBJECTS}/functions/hello"]
    desk.reconcilers.note_function(("default", "hello"), None)
    desk.reconcilers.change(HELLO)
    assert asyncio.run(desk.reconcilers.reconcile(HELLO)) is None
    assert not desk.reconcilers.functions.knows("default", "hello")
