"""An object that somebody else made under a name that a Function needs is told as a conflict, never used, and never removed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from lambent.api.functions.files import inline_files
from lambent.api.names import candidate_pod, code_config_map
from lambent.controller.function.reconcile import FunctionReconciler
from lambent.controller.trigger.index import TriggerIndex
from lambent.controller.trigger.reconcile import TriggerReconciler
from lambent.controller.writes.execution import Executor
from lambent.kube.client import KubeClient
from lambent.kube.errors import KubeError, KubeUnavailableError
from lambent.kube.events import EventRecorder
from lambent.telemetry.controller_metrics import ControllerMetrics
from tests.support.controller_api import ControllerApi
from tests.support.controller_world import INSTALLATION, a_manifest

FUNCTION = "/apis/lambent.dev/v1alpha1/namespaces/default/functions/hello"
TRIGGER = "/apis/lambent.dev/v1alpha1/namespaces/default/triggers/orders"
MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
CODE = code_config_map("hello", inline_files({"app.py": "v1"}).short_digest)
OWNED = {"labels": {"lambent.dev/function": "hello", "lambent.dev/code": inline_files({"app.py": "v1"}).short_digest}}
OWNER = {"apiVersion": "lambent.dev/v1alpha1", "kind": "Function", "name": "hello", "uid": "fn-uid", "controller": True}


class Cluster:
    def __init__(self) -> None:
        self.api = ControllerApi()
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        client = cast("KubeClient", self.api)
        executor = Executor(client, EventRecorder(client, "lambent-controller", "test"), ControllerMetrics(CollectorRegistry()))
        self.functions = FunctionReconciler(client, executor, INSTALLATION, lambda: self.now)
        self.triggers = TriggerReconciler(client, executor, TriggerIndex(), lambda: self.now, lambda _: None)

    def settle(self, looks: int = 5) -> float | None:
        again: float | None = None
        for _ in range(looks):
            self.functions.disturb("default", "hello")
            again = asyncio.run(self.functions.reconcile("default", "hello"))
            self.now += timedelta(seconds=1)
        return again

    def ready(self, path: str = FUNCTION) -> tuple[str, str, str]:
        conditions = (self.api.objects[path].get("status") or {}).get("conditions") or []
        found = next(item for item in conditions if item["type"] == "Ready")
        return found["status"], found["reason"], found["message"]


@pytest.fixture
def cluster() -> Cluster:
    cluster = Cluster()
    cluster.api.put(FUNCTION, a_manifest())
    return cluster


def of_the_function(**more: Any) -> dict[str, Any]:
    return {"name": CODE, "namespace": "default", **OWNED, "ownerReferences": [OWNER], **more}


FOREIGN: dict[str, dict[str, Any]] = {
    "of nobody, without labels": {"metadata": {"name": CODE}, "data": {"app.py": "evil"}},
    "of nobody, with the same content": {"metadata": {"name": CODE}, "data": {"app.py": "v1"}, "immutable": True},
    "of nobody, with the Function's labels": {"metadata": {"name": CODE, **OWNED}, "data": {"app.py": "evil"}, "immutable": True},
    "said to be the Function's, with other content": {"metadata": of_the_function(), "data": {"app.py": "evil"}, "immutable": True},
    "said to be the Function's, with more content": {
        "metadata": of_the_function(),
        "data": {"app.py": "v1"},
        "binaryData": {"sitecustomize.py": "AA=="},
        "immutable": True,
    },
    "said to be the Function's, not immutable": {"metadata": of_the_function(), "data": {"app.py": "v1"}},
    "said to be the Function's, without the label": {
        "metadata": {**of_the_function(), "labels": {}},
        "data": {"app.py": "evil"},
        "immutable": True,
    },
}


@pytest.mark.parametrize("body", FOREIGN.values(), ids=FOREIGN)
def test_a_config_map_of_the_codes_name_is_not_run_where_it_is_not_the_functions_own(cluster: Cluster, body: dict[str, Any]) -> None:
    cluster.api.put(f"{MAPS}/{CODE}", body)
    before = dict(cluster.api.objects[f"{MAPS}/{CODE}"])

    again = cluster.settle()

    status, reason, message = cluster.ready()
    assert (status, reason) == ("False", "NameConflict")
    assert f"ConfigMap {CODE}" in message
    assert again, "it is looked at again"
    assert "/apis/apps/v1/namespaces/default/deployments/hello" not in cluster.api.objects
    assert cluster.api.objects[f"{MAPS}/{CODE}"] == before, "what is somebody else's stays"

    del cluster.api.objects[f"{MAPS}/{CODE}"]
    cluster.settle()
    assert cluster.ready()[1] == "Deploying"
    assert cluster.api.objects[f"{MAPS}/{CODE}"]["data"] == {"app.py": "v1"}


def test_the_functions_own_config_map_is_taken_as_it_is_found(cluster: Cluster) -> None:
    cluster.api.put(f"{MAPS}/{CODE}", {"metadata": {**of_the_function(), "labels": {}}, "data": {"app.py": "v1"}, "immutable": True})

    cluster.settle()

    assert cluster.ready()[1] == "Deploying"


def test_code_of_an_earlier_function_of_the_name_is_waited_for(cluster: Cluster) -> None:
    earlier = {**of_the_function(), "ownerReferences": [{**OWNER, "uid": "earlier"}]}
    cluster.api.put(f"{MAPS}/{CODE}", {"metadata": earlier, "data": {"app.py": "v1"}, "immutable": True})

    assert cluster.settle() == 1.0
    assert cluster.ready()[:2] == ("Unknown", "Deploying")


def test_a_config_map_of_somebody_else_with_the_functions_label_is_not_cleared_away(cluster: Cluster) -> None:
    cluster.settle()
    cluster.api.put(f"{MAPS}/mine", {"metadata": {"name": "mine", "labels": {"lambent.dev/function": "hello"}}, "data": {"a": "b"}})

    cluster.settle()

    assert f"{MAPS}/mine" in cluster.api.objects


def test_a_pod_of_the_candidates_name_is_told(cluster: Cluster) -> None:
    cluster.settle()
    stored = cluster.api.objects[FUNCTION]
    revision = stored["status"]["latestRevision"]
    outcome = {"revision": revision, "outcome": "Succeeded"}
    cluster.api.put(FUNCTION, {**stored, "status": {**stored["status"], "initialization": outcome}})
    cluster.settle()
    stored = cluster.api.objects[FUNCTION]
    metadata = {**stored["metadata"], "generation": 2}
    changed = {**stored, "metadata": metadata, "spec": {**stored["spec"], "handler": "app.other"}}
    cluster.api.put(FUNCTION, changed)
    cluster.settle(1)
    name = candidate_pod("hello", cluster.api.objects[FUNCTION]["status"]["latestRevision"])
    cluster.api.objects.pop(f"{PODS}/{name}", None)
    cluster.api.put(f"{PODS}/{name}", {"metadata": {"name": name}})

    cluster.settle()

    assert cluster.ready()[:2] == ("False", "NameConflict")
    assert f"Pod {name}" in cluster.ready()[2]


@pytest.mark.parametrize("name", ["a/b", "..", "UPPER", "a" * 254])
def test_code_of_a_config_map_that_cannot_be_is_a_condition(cluster: Cluster, name: str) -> None:
    cluster.api.put(FUNCTION, a_manifest(code={"configMap": {"name": name}}))

    cluster.settle()

    assert cluster.ready()[:2] == ("False", "InvalidSpec")
    assert "spec.code.configMap.name" in cluster.ready()[2]


def test_an_object_that_is_too_large_for_the_api_server_is_a_condition(cluster: Cluster) -> None:
    cluster.api.fail["POST", "/deployments"] = KubeUnavailableError(500, "InternalError", "etcdserver: request is too large")

    cluster.settle()

    assert cluster.ready()[0] == "False"
    assert "too large" in cluster.ready()[2]


def test_a_defect_of_the_controllers_is_told_and_tried_again(cluster: Cluster) -> None:
    cluster.api.fail["GET", "/services/hello"] = cast("KubeError", ZeroDivisionError("oh"))
    cluster.api.put(
        TRIGGER,
        {"kind": "Trigger", "metadata": {"name": "orders", "namespace": "default"}, "spec": {"function": {"name": "hello"}, "http": {}}},
    )

    with pytest.raises(ZeroDivisionError):
        cluster.settle()
    assert cluster.ready()[:2] == ("False", "ReconcileFailed")
    assert "ZeroDivisionError: oh" in cluster.ready()[2]

    cluster.api.fail.clear()
    cluster.settle()
    assert cluster.ready()[1] == "Deploying"

    cluster.api.fail["GET", "/functions/hello"] = cast("KubeError", ZeroDivisionError("oh"))
    with pytest.raises(ZeroDivisionError):
        asyncio.run(cluster.triggers.reconcile("default", "orders"))
    assert cluster.ready(TRIGGER)[:2] == ("False", "ReconcileFailed")
