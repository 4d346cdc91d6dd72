"""A reconcile reads, decides and writes; what the API server refuses is told, what it is too busy for is tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from lambent.api.triggers.claims import Name
from lambent.controller.function.reconcile import REFUSED_SECONDS, SOON_SECONDS, FunctionReconciler
from lambent.controller.trigger.index import TriggerIndex
from lambent.controller.trigger.reconcile import TriggerReconciler
from lambent.controller.writes.execution import Executor
from lambent.controller.writes.views import Counts
from lambent.kube.client import KubeClient
from lambent.kube.errors import ConflictError, ForbiddenError, InvalidError, KubeUnavailableError
from lambent.kube.events import EventRecorder
from lambent.telemetry.controller_metrics import ControllerMetrics
from tests.support.controller_api import ControllerApi
from tests.support.controller_world import INSTALLATION, a_manifest

FUNCTION = "/apis/lambent.dev/v1alpha1/namespaces/default/functions/hello"
DEPLOYMENT = "/apis/apps/v1/namespaces/default/deployments/hello"
SERVICE = "/api/v1/namespaces/default/services/hello"
TRIGGERS = "/apis/lambent.dev/v1alpha1/namespaces/default/triggers"


class Bench:
    """A reconciler of each kind on one API server."""

    def __init__(self) -> None:
        self.api = ControllerApi()
        client = cast("KubeClient", self.api)
        self.registry = CollectorRegistry()
        executor = Executor(client, EventRecorder(client, "lambent-controller", "test"), ControllerMetrics(self.registry))
        self.told: list[Name] = []
        self.now = now()
        self.functions = FunctionReconciler(client, executor, INSTALLATION, lambda: self.now)
        self.triggers = TriggerReconciler(client, executor, TriggerIndex(), now, self.told.append)

    def function(self, **spec: Any) -> None:
        self.api.put(FUNCTION, a_manifest(**spec))

    def step(self) -> float | None:
        """The reconcile after news that asks for a whole look."""
        self.functions.disturb("default", "hello")
        self.now += timedelta(seconds=1)
        return asyncio.run(self.functions.reconcile("default", "hello"))

    def settle(self) -> None:
        for _ in range(8):
            self.api.writes()
            self.step()
            if not self.api.writes():
                return
        raise AssertionError("no rest")

    def trigger(self, name: str, created: str = "2026-01-01T00:00:00Z", **spec: Any) -> None:
        metadata = {"name": name, "namespace": "default", "generation": 1, "creationTimestamp": created}
        body = {"apiVersion": "lambent.dev/v1alpha1", "kind": "Trigger", "metadata": metadata}
        self.api.put(f"{TRIGGERS}/{name}", {**body, "spec": {"function": {"name": "hello"}, "http": {"path": "/x"}, **spec}})
        self.look(name)

    def look(self, name: str) -> tuple[str, str]:
        asyncio.run(self.triggers.reconcile("default", name))
        body = self.api.objects.get(f"{TRIGGERS}/{name}") or {"status": {"conditions": [{"status": "", "reason": ""}]}}
        ready = body["status"]["conditions"][0]
        return ready["status"], ready["reason"]

    @property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.api.objects[FUNCTION].get("status") or {}
        return found

    @property
    def ready(self) -> tuple[str, str, str]:
        found = next(item for item in self.status["conditions"] if item["type"] == "Ready")
        return found["status"], found["reason"], found["message"]


def now() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_function_gets_its_objects_and_then_there_is_rest(bench: Bench) -> None:
    bench.function()

    bench.settle()

    kinds = {body["kind"] for path, body in bench.api.objects.items() if path != FUNCTION}
    assert kinds == {"Deployment", "Service", "NetworkPolicy", "ConfigMap", "Event"}
    assert bench.api.events() == ["Created"]
    assert bench.registry.get_sample_value("lambent_controller_writes_total", {"kind": "Deployment", "verb": "create"}) == 1


def test_a_new_function_is_ready_after_one_reconcile_and_few_requests(bench: Bench) -> None:
    bench.function(scaling={"initialScale": 0})

    assert bench.step() is None

    assert bench.ready[0] == "True"
    assert bench.status["latestRevision"] == bench.status["readyRevision"]
    # The Function, three names that may be taken, four objects, the status, an Event.
    assert len(bench.api.calls) == 10


@pytest.mark.parametrize("scaling", [{}, {"initialScale": 0, "minScale": 1}])
def test_a_revision_is_announced_before_its_first_pod_can_start(bench: Bench, scaling: dict[str, int]) -> None:
    bench.function(scaling=scaling)

    bench.step()

    writes = [call for call in bench.api.calls if call[0] in ("POST", "PATCH") and not call[1].endswith("/events")]
    assert writes[0] == ("PATCH", f"{FUNCTION}/status")
    assert ("POST", DEPLOYMENT.rpartition("/")[0]) in writes


def test_what_is_left_of_an_earlier_function_of_the_name_is_met_by_the_next_look(bench: Bench) -> None:
    bench.function()
    bench.step()
    left = {path: body for path, body in bench.api.objects.items() if "/configmaps/" in path}
    (path,) = left
    successor = Bench()
    successor.api.objects = left
    successor.function(code={"inline": {"app.py": "another"}})

    successor.settle()

    assert path not in successor.api.objects, "code that nobody uses goes"


def test_a_function_that_is_gone_is_forgotten(bench: Bench) -> None:
    bench.function()
    bench.settle()
    assert bench.functions.knows("default", "hello")
    del bench.api.objects[FUNCTION]

    assert bench.step() is None

    assert not bench.functions.knows("default", "hello")
    assert bench.api.writes() == []


def test_an_object_changed_by_hand_is_put_right_once(bench: Bench) -> None:
    bench.function()
    bench.settle()
    bench.api.objects[DEPLOYMENT]["spec"]["template"]["spec"]["containers"][0]["image"] = "nginx"

    bench.step()

    assert bench.api.writes() == [("PATCH", DEPLOYMENT)]
    bench.step()
    assert bench.api.writes() == []


def test_a_fresh_controller_finds_nothing_to_write(bench: Bench) -> None:
    bench.function()
    bench.settle()
    successor = Bench()
    successor.api.objects = bench.api.objects

    successor.step()

    assert successor.api.writes() == []


def test_a_manifest_that_cannot_be_read_is_told(bench: Bench) -> None:
    bench.function(memory="1Mi")

    bench.step()

    assert bench.ready[:2] == ("False", "InvalidSpec")
    assert "spec.memory" in bench.ready[2]
    assert bench.api.events() == ["InvalidSpec"]


def test_what_the_api_server_refuses_is_told_and_tried_again(bench: Bench) -> None:
    bench.function()
    bench.api.fail["POST", "/deployments"] = InvalidError(422, "Invalid", "spec.template.spec.tolerations[0]: Invalid value")

    assert bench.step() == SOON_SECONDS

    assert bench.ready[:2] == ("False", "InvalidSpec")
    assert "tolerations" in bench.ready[2]
    for elapsed in (10.0, 3600.0):
        bench.api.objects[FUNCTION]["status"]["conditions"][0]["lastTransitionTime"] = (now() - timedelta(seconds=elapsed)).isoformat()
        assert min(elapsed, REFUSED_SECONDS) <= (bench.step() or 0.0) <= REFUSED_SECONDS, "the longer, the more seldom"
    bench.api.fail.clear()
    bench.settle()
    assert bench.ready[:2] == ("Unknown", "Deploying")


def test_a_namespace_that_goes_is_no_fault_of_the_manifest(bench: Bench) -> None:
    bench.function()
    words = "unable to create new content in namespace default because it is being terminated"
    bench.api.fail["POST", "/deployments"] = ForbiddenError(403, "Forbidden", words)

    assert bench.step() == REFUSED_SECONDS

    assert bench.ready[:2] == ("Unknown", "Deploying")


def test_a_refusal_never_says_that_a_revision_serves(bench: Bench) -> None:
    bench.function(scaling={"initialScale": 0})
    bench.api.fail["POST", "/deployments"] = ForbiddenError(403, "Forbidden", "exceeded quota: small")

    bench.step()

    assert "readyRevision" not in bench.status
    assert bench.ready[0] == "False"


@pytest.mark.parametrize("method", ["GET", "LIST", "POST", "PATCH"])
def test_an_api_server_that_is_away_changes_nothing(bench: Bench, method: str) -> None:
    bench.function()
    bench.settle()
    stored = bench.api.objects[FUNCTION]
    edited = {**stored, "metadata": {**stored["metadata"], "generation": 2}, "spec": {**stored["spec"], "scaling": {"maxScale": 7}}}
    bench.api.put(FUNCTION, edited)
    del bench.api.objects[SERVICE]
    before = bench.status
    bench.api.fail[method, "/default/"] = KubeUnavailableError(0, "NoConnection", "refused")

    with pytest.raises(KubeUnavailableError):
        bench.step()

    assert bench.status == before


def test_a_status_is_not_written_over_a_newer_object(bench: Bench) -> None:
    bench.function()
    bench.api.fail["PATCH", "/functions/hello/status"] = ConflictError(409, "Conflict", "modified")

    with pytest.raises(ConflictError):
        bench.step()


def test_code_from_a_config_map_follows_it(bench: Bench) -> None:
    path = "/api/v1/namespaces/default/configmaps/code"
    bench.function(code={"configMap": {"name": "code"}})
    bench.settle()
    assert bench.ready[:2] == ("False", "CodeNotFound")

    bench.api.put(path, {"kind": "ConfigMap", "metadata": {"name": "code"}, "data": {"app.py": "1"}})
    bench.settle()
    first = bench.status["latestRevision"]
    bench.api.put(path, {"kind": "ConfigMap", "metadata": {"name": "code"}, "data": {"app.py": "2"}})
    bench.settle()

    assert bench.status["latestRevision"] != first
    assert bench.step() == pytest.approx(15.0)


def test_a_config_map_without_the_key_asked_for_is_told(bench: Bench) -> None:
    bench.api.put("/api/v1/namespaces/default/configmaps/code", {"metadata": {"name": "code"}, "data": {"other": ""}})
    bench.function(code={"configMap": {"name": "code", "items": [{"key": "app", "path": "app.py"}]}})

    bench.settle()

    assert bench.ready[1] == "CodeNotFound"
    assert "no key 'app'; its keys are other" in bench.ready[2]


@pytest.fixture
def resting(bench: Bench) -> Bench:
    """A Function that serves and has come to rest, with its calls forgotten."""
    bench.function(scaling={"initialScale": 0})
    bench.settle()
    bench.now += timedelta(seconds=5)
    bench.api.calls.clear()
    return bench


def follow(bench: Bench, counts: Counts | None) -> float | None:
    """News of counts, and the reconcile after it where one follows."""
    if not bench.functions.hear("default", "hello", counts):
        return None
    return asyncio.run(bench.functions.reconcile("default", "hello"))


def test_new_counts_cost_one_request(resting: Bench) -> None:
    assert follow(resting, Counts(2, 3)) is None

    assert resting.api.calls == [("PATCH", f"{FUNCTION}/status")]
    assert (resting.status["replicas"], resting.status["desiredReplicas"]) == (2, 3)
    assert {item["type"]: item["status"] for item in resting.status["conditions"]}["Active"] == "True"
    assert resting.ready[0] == "True"


def test_counts_that_change_again_within_a_second_wait_for_its_end(resting: Bench) -> None:
    follow(resting, Counts(1, 3))
    resting.api.calls.clear()
    resting.now += timedelta(seconds=0.25)

    assert follow(resting, Counts(2, 3)) == pytest.approx(0.75)
    assert follow(resting, Counts(3, 3)) == pytest.approx(0.75)
    assert resting.api.calls == []
    resting.now += timedelta(seconds=0.75)
    assert asyncio.run(resting.functions.reconcile("default", "hello")) is None
    assert resting.status["replicas"] == 3


def put_pod(bench: Bench, name: str, status: dict[str, Any]) -> None:
    latest = bench.status["latestRevision"]
    labels = {"lambent.dev/function": "hello", "lambent.dev/revision": latest, "lambent.dev/role": "function"}
    bench.api.put(f"/api/v1/namespaces/default/pods/{name}", {"metadata": {"name": name, "labels": labels}, "status": status})


def look_at_once(bench: Bench) -> str:
    """Ready after a whole look within the second of the last write."""
    bench.functions.disturb("default", "hello")
    asyncio.run(bench.functions.reconcile("default", "hello"))
    return bench.ready[0]


def test_ready_never_waits_for_the_second_to_end(resting: Bench) -> None:
    follow(resting, Counts(1, 1))
    waiting = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
    put_pod(resting, "p", {"phase": "Pending", "containerStatuses": [waiting]})

    assert look_at_once(resting) == "False"
    put_pod(resting, "q", {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]})
    assert look_at_once(resting) == "True"


def test_there_is_no_rest_while_a_pod_is_in_trouble(resting: Bench) -> None:
    waiting = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
    put_pod(resting, "p", {"phase": "Pending", "containerStatuses": [waiting]})
    put_pod(resting, "q", {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]})
    assert look_at_once(resting) == "True"

    assert resting.functions.hear("default", "hello", None), "that the other goes may change everything"


def test_pods_that_are_well_cost_nothing_and_counts_that_are_known_neither(resting: Bench) -> None:
    assert follow(resting, None) is None
    assert follow(resting, Counts(0, 0)) is None

    assert resting.api.calls == []


def test_other_news_of_a_function_at_rest_asks_for_a_whole_look(resting: Bench) -> None:
    del resting.api.objects[SERVICE]

    resting.step()

    assert SERVICE in resting.api.objects


def test_counts_are_not_written_to_a_function_that_is_another_by_now(resting: Bench) -> None:
    stored = resting.api.objects[FUNCTION]
    resting.api.put(FUNCTION, {**stored, "metadata": {**stored["metadata"], "generation": 2}})

    with pytest.raises(ConflictError):
        follow(resting, Counts(2, 2))

    assert resting.status["replicas"] == 0
    asyncio.run(resting.functions.reconcile("default", "hello"))
    assert resting.status["observedGeneration"] == 2, "the next look is a whole one"


def test_a_function_at_rest_that_is_gone_is_looked_for(resting: Bench) -> None:
    del resting.api.objects[FUNCTION]

    assert follow(resting, Counts(2, 2)) == 0.0

    asyncio.run(resting.functions.reconcile("default", "hello"))
    assert not resting.functions.knows("default", "hello")


def look_while(bench: Bench, tell: Callable[[], object]) -> None:
    """A whole look, with news once it has read everything, and then the reconcile after the news; only the latter's calls are kept."""

    async def main() -> None:
        bench.functions.disturb("default", "hello")
        looking = asyncio.create_task(bench.functions.reconcile("default", "hello"))
        while not bench.api.calls:  # noqa: ASYNC110 - until it has begun to read
            await asyncio.sleep(0)
        tell()
        await looking
        bench.api.calls.clear()
        await bench.functions.reconcile("default", "hello")

    asyncio.run(main())


def test_news_while_everything_is_read_is_not_lost(resting: Bench) -> None:
    look_while(resting, lambda: resting.functions.disturb("default", "hello"))

    assert ("GET", DEPLOYMENT) in resting.api.calls, "a whole look"


def test_counts_heard_while_everything_is_read_are_followed_without_another_look(resting: Bench) -> None:
    look_while(
        resting, lambda: resting.functions.hear("default", "hello", Counts(4, 4)) and resting.functions.hear("default", "hello", None)
    )

    assert resting.api.calls == [("PATCH", f"{FUNCTION}/status")]
    assert resting.status["replicas"] == 4


def test_code_of_a_config_map_is_read_in_time_however_often_counts_change(bench: Bench) -> None:
    bench.api.put(
        "/api/v1/namespaces/default/configmaps/code", {"kind": "ConfigMap", "metadata": {"name": "code"}, "data": {"app.py": "1"}}
    )
    bench.function(code={"configMap": {"name": "code"}}, scaling={"initialScale": 0})
    bench.settle()
    bench.now += timedelta(seconds=5)

    assert follow(bench, Counts(1, 1)) == pytest.approx(10.0)
    bench.now += timedelta(seconds=10)
    bench.api.calls.clear()
    follow(bench, Counts(1, 1))
    assert ("GET", "/api/v1/namespaces/default/configmaps/code") in bench.api.calls


def test_triggers_of_one_route_are_told_of_each_other(bench: Bench) -> None:
    bench.function()
    bench.trigger("older")
    bench.trigger("younger", "2026-01-02T00:00:00Z")

    assert bench.look("older") == ("True", "Ready")
    assert bench.look("younger") == ("False", "Conflict")
    del bench.api.objects[f"{TRIGGERS}/older"]
    bench.told.clear()
    bench.look("older")
    assert bench.told == [("default", "younger")]
    assert bench.look("younger") == ("True", "Ready")


def test_the_end_of_an_older_trigger_is_noticed_without_its_event(bench: Bench) -> None:
    bench.function()
    bench.trigger("older")
    bench.trigger("younger", "2026-01-02T00:00:00Z")
    del bench.api.objects[f"{TRIGGERS}/older"]

    assert bench.look("younger") == ("True", "Ready")


def test_a_trigger_waits_for_its_function(bench: Bench) -> None:
    bench.trigger("early")
    assert bench.look("early") == ("False", "FunctionNotFound")

    bench.function()

    assert bench.look("early") == ("True", "Ready")


def test_a_trigger_that_cannot_be_read_holds_no_route(bench: Bench) -> None:
    bench.function()
    bench.trigger("bad", http={"path": "x"})
    bench.trigger("good", "2026-01-02T00:00:00Z")

    assert bench.look("bad") == ("False", "InvalidSpec")
    assert bench.look("good") == ("True", "Ready")
