"""A survey finds what no event told of, by lists, and writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from lambent.controller.function.reconcile import FunctionReconciler
from lambent.controller.queue.work_queue import Key
from lambent.controller.watch import survey as module
from lambent.controller.watch.survey import Survey
from lambent.controller.writes.execution import Executor
from lambent.kube.client import Json, KubeClient
from lambent.kube.errors import GoneError, KubeUnavailableError
from lambent.kube.events import EventRecorder
from lambent.telemetry.controller_metrics import ControllerMetrics
from tests.support.controller_api import ControllerApi
from tests.support.controller_world import INSTALLATION, a_manifest
from tests.unit.controller.test_reconciling import now

FUNCTIONS = "/apis/lambent.dev/v1alpha1/functions"


class Cluster:
    """Functions, a controller that has brought them to rest, and a survey by its successor."""

    def __init__(self) -> None:
        self.api = ControllerApi()
        self.added: list[Key] = []
        self.busy = 0

    def reconciler(self) -> FunctionReconciler:
        client = cast("KubeClient", self.api)
        executor = Executor(client, EventRecorder(client, "lambent-controller", "test"), ControllerMetrics(CollectorRegistry()))
        return FunctionReconciler(client, executor, INSTALLATION, now)

    def create(self, name: str, namespace: str = "default", **spec: Any) -> None:
        body = a_manifest(**{"scaling": {"initialScale": 0}, **spec})
        body["metadata"] = {**body["metadata"], "name": name, "namespace": namespace}
        self.api.put(self.path(name, namespace), body)
        for _ in range(3):
            asyncio.run(self.reconciler().reconcile(namespace, name))

    def path(self, name: str, namespace: str = "default", kind: str = "lambent.dev/v1alpha1", plural: str = "functions") -> str:
        return f"/apis/{kind}/namespaces/{namespace}/{plural}/{name}"

    def is_busy(self) -> bool:
        self.busy = max(0, self.busy - 1)
        return self.busy > 0

    def look(self, reviewer: FunctionReconciler | None = None) -> list[str]:
        """Names of the Functions that ask for a reconcile."""
        self.api.calls.clear()
        self.added.clear()
        done: list[int] = []
        functions = reviewer or self.reconciler()
        survey = Survey(cast("KubeClient", self.api), functions, self.added.append, self.is_busy, lambda: done.append(len(self.added)))
        asyncio.run(survey._look_at_all())
        assert done == [len(self.added)]
        assert {method for method, _ in self.api.calls} == {"LIST"}
        return [key.name for key in self.added]


@pytest.fixture
def cluster() -> Cluster:
    cluster = Cluster()
    for name in ("one", "two", "three"):
        cluster.create(name)
    return cluster


def test_where_all_is_well_nothing_is_asked_for(cluster: Cluster) -> None:
    assert cluster.look() == []


def test_functions_are_looked_at_together(cluster: Cluster) -> None:
    cluster.look()
    assert len(cluster.api.calls) == 6, "Functions, and five kinds that belong to them"


def test_pages_are_followed_to_their_end(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 1)
    reviewer = cluster.reconciler()
    cluster.look(reviewer)
    assert sorted(name for _, name in reviewer.known()) == ["one", "three", "two"]


@pytest.mark.parametrize(
    ("kind", "plural"),
    [("apps/v1", "deployments"), ("networking.k8s.io/v1", "networkpolicies")],
)
def test_an_object_that_went_unseen_is_missed(cluster: Cluster, kind: str, plural: str) -> None:
    del cluster.api.objects[cluster.path("two", kind=kind, plural=plural)]
    assert cluster.look() == ["two"]


def test_an_object_that_was_changed_unseen_is_found(cluster: Cluster) -> None:
    deployment = cluster.api.objects[cluster.path("two", kind="apps/v1", plural="deployments")]
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] = "nginx"
    assert cluster.look() == ["two"]


def test_a_manifest_that_was_changed_unseen_is_found(cluster: Cluster) -> None:
    stored = cluster.api.objects[cluster.path("three")]
    edited = {**stored, "metadata": {**stored["metadata"], "generation": 2}, "spec": {**stored["spec"], "handler": "other.handler"}}
    cluster.api.put(cluster.path("three"), edited)
    assert cluster.look() == ["three"]


def test_a_function_that_is_gone_is_forgotten_by_a_reconcile(cluster: Cluster) -> None:
    reviewer = cluster.reconciler()
    cluster.look(reviewer)
    del cluster.api.objects[cluster.path("one")]
    assert cluster.look(reviewer) == ["one"]


def test_code_that_is_polled_for_and_manifests_that_cannot_be_read_are_for_a_reconcile(cluster: Cluster) -> None:
    cluster.api.put("/api/v1/namespaces/default/configmaps/code", {"metadata": {"name": "code"}, "data": {"app.py": "1"}})
    cluster.create("polled", code={"configMap": {"name": "code"}})
    cluster.create("unreadable", memory="1Mi")
    assert sorted(cluster.look()) == ["polled", "unreadable"]


def test_functions_of_one_name_in_many_namespaces_keep_what_is_theirs(cluster: Cluster) -> None:
    for number in range(module.SCOPES + 1):
        cluster.create("same", f"tenant-{number}")
    del cluster.api.objects[cluster.path("same", "tenant-3", "apps/v1", "deployments")]
    assert cluster.look() == ["same"]
    assert cluster.added[0].namespace == "tenant-3"
    assert len(cluster.api.calls) == 6


def test_urgent_work_goes_first(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.0)
    cluster.busy = 5
    assert cluster.look() == []
    assert cluster.busy == 0


class Failing(ControllerApi):
    """An API server whose first list fails."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error: Exception | None = error
        self.lists = 0
        self.listed = asyncio.Event()

    async def until(self, lists: int) -> None:
        while self.lists < lists:
            self.listed.clear()
            await self.listed.wait()

    async def list(self, path: str, **query: Any) -> Json:
        self.lists += 1
        self.listed.set()
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return {"metadata": {}, "items": []}


class Nobody:
    def review(self, *_: object) -> bool:
        return False

    def known(self) -> Iterable[tuple[str, str]]:
        return ()


@pytest.mark.parametrize("error", [KubeUnavailableError(0, "NoConnection", "refused"), GoneError(410, "Expired", "too old")])
def test_a_look_that_could_not_be_finished_is_begun_anew(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.0)

    async def main() -> None:
        api = Failing(error)
        survey = Survey(cast("KubeClient", api), Nobody(), lambda _: None, lambda: False)
        listed = asyncio.Event()
        running = asyncio.create_task(survey.run(listed.wait))
        await asyncio.sleep(0)
        assert api.lists == 0, "nothing before the watches have begun"
        listed.set()
        await api.until(2)
        survey.ask()
        await api.until(3)
        running.cancel()
        await asyncio.wait([running])

    asyncio.run(main())


def test_code_maps_that_others_labelled_are_listed_without_what_is_in_them(cluster: Cluster) -> None:
    """Anybody in a namespace may make ConfigMaps of a megabyte with a Function's label."""
    asked: list[bool] = []
    real = cluster.api.list

    async def watched(path: str, *, metadata_only: bool = False, **query: Any) -> Json:
        if "configmaps" in path:
            asked.append(metadata_only)
        return await real(path, metadata_only=metadata_only, **query)

    cluster.api.list = watched  # type: ignore[method-assign]

    assert cluster.look() == []
    assert asked == [True]
