"""Lambent's own client against a real API server: what no fake can prove."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing
from typing import Any

import pytest

from lambent.kube.client import JSON_PATCH, STRATEGIC, KubeClient
from lambent.kube.errors import AlreadyExistsError, ConflictError, InvalidError, NotFoundError
from lambent.kube.events import WARNING, EventRecorder
from lambent.kube.lease import LeaderElection
from lambent.kube.paths import collection_path, object_path
from lambent.kube.scale import raise_scale, set_scale
from lambent.kube.tokens import TokenRefusedError, review_token
from lambent.kube.watch import Added, Deleted, Listed, Modified, WatchSettings, watch_objects
from tests.e2e.framework.control_plane import ControlPlane
from tests.e2e.framework.kube_api import KubeApi
from tests.e2e.framework.node import restart_api_server
from tests.support.waiting import wait_for

NAMESPACE = "e2e-kube"
CONFIG_MAPS = collection_path("v1", "configmaps", NAMESPACE)


@pytest.fixture(scope="module", autouse=True)
def namespace(api: KubeApi) -> Iterator[None]:
    if api.get("Namespace", None, NAMESPACE) is not None:
        api.delete("Namespace", None, NAMESPACE)
        wait_for(lambda: api.get("Namespace", None, NAMESPACE) is None, "an earlier namespace to be gone", 120)
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    wait_for(lambda: api.get("ServiceAccount", NAMESPACE, "default"), "the service account", 30)
    yield
    api.delete("Namespace", None, NAMESPACE)


@pytest.fixture
def run(kubeconfig: str) -> Callable[[Callable[[KubeClient], Awaitable[None]]], None]:
    def with_client(test: Callable[[KubeClient], Awaitable[None]]) -> None:
        async def main() -> None:
            async with KubeClient.from_environment({"KUBECONFIG": kubeconfig}) as client:
                await asyncio.wait_for(test(client), 200)

        asyncio.run(main())

    return with_client


Run = Callable[[Callable[[KubeClient], Awaitable[None]]], None]


def a_config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"kept": "yes"}}, "data": data}


def a_deployment(name: str, replicas: int) -> dict[str, Any]:
    container = {"name": "main", "image": "never.invalid/none:1", "imagePullPolicy": "Never"}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container], "nodeSelector": {"no-such": "node"}}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def test_objects_are_made_changed_and_deleted_and_errors_say_why(run: Run) -> None:
    async def test(client: KubeClient) -> None:
        path = f"{CONFIG_MAPS}/things"
        made = await client.create(CONFIG_MAPS, a_config_map("things", a="1"))
        with pytest.raises(AlreadyExistsError):
            await client.create(CONFIG_MAPS, a_config_map("things"))
        assert (await client.patch(path, {"data": {"b": "2"}}))["data"] == {"a": "1", "b": "2"}
        operations = [{"op": "replace", "path": "/data/a", "value": "3"}]
        assert (await client.patch(path, operations, kind=JSON_PATCH))["data"]["a"] == "3"
        assert (await client.patch(path, {"data": {"b": None}}, kind=STRATEGIC))["data"] == {"a": "3"}
        with pytest.raises(ConflictError):
            await client.replace(path, made)
        with pytest.raises(InvalidError, match=r"metadata\.name"):
            await client.create(CONFIG_MAPS, a_config_map("Not_A_Name"))
        with pytest.raises(ConflictError):
            await client.delete(path, uid="another")
        await client.delete(path, uid=made["metadata"]["uid"])
        with pytest.raises(NotFoundError):
            await client.get(path)

    run(test)


def test_server_side_apply_owns_fields(run: Run) -> None:
    async def test(client: KubeClient) -> None:
        path = f"{CONFIG_MAPS}/applied"
        await client.apply(path, a_config_map("applied", a="1", b="2"), field_manager="first")
        with pytest.raises(ConflictError, match='conflict with "first"'):
            await client.apply(path, a_config_map("applied", a="9"), field_manager="second", force=False)
        await client.apply(path, a_config_map("applied", a="9"), field_manager="second")
        assert (await client.apply(path, a_config_map("applied", b="2"), field_manager="first"))["data"] == {"a": "9", "b": "2"}

    run(test)


def test_a_watch_tells_all_there_is_and_every_change(run: Run) -> None:
    async def test(client: KubeClient) -> None:
        for index in range(7):
            await client.create(CONFIG_MAPS, a_config_map(f"watched-{index}"))
        settings = WatchSettings(page_size=3)
        watch = watch_objects(client, CONFIG_MAPS, label_selector="kept=yes", keep=lambda body: body["metadata"]["name"], settings=settings)
        async with aclosing(watch) as events:
            listed = await anext(events)
            assert isinstance(listed, Listed)
            assert {f"watched-{index}" for index in range(7)} <= set(listed.items)
            await client.create(CONFIG_MAPS, a_config_map("large", a="x" * 900_000))
            assert await anext(events) == Added("large")
            await client.patch(f"{CONFIG_MAPS}/large", {"data": {"b": "1"}})
            assert await anext(events) == Modified("large")
            await client.delete(f"{CONFIG_MAPS}/large")
            assert await anext(events) == Deleted("large")

    run(test)


def test_one_candidate_leads_and_the_other_follows_at_once_when_it_resigns(run: Run) -> None:
    async def test(client: KubeClient) -> None:
        first = LeaderElection(client, NAMESPACE, "leader", "first")
        second = LeaderElection(client, NAMESPACE, "leader", "second")
        leading = asyncio.create_task(first.run())
        await first.wait_until_leader()
        waiting = asyncio.create_task(second.run())
        for _ in range(12):
            await asyncio.sleep(0.5)
            assert (first.is_leader, second.is_leader) == (True, False)
        leading.cancel()
        await asyncio.wait_for(second.wait_until_leader(), 5)
        waiting.cancel()
        await asyncio.gather(leading, waiting, return_exceptions=True)

    run(test)


def test_a_token_proves_its_service_account_for_its_audience_alone(run: Run) -> None:
    async def test(client: KubeClient) -> None:
        path = object_path("v1", "serviceaccounts", NAMESPACE, "default", "token")
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": ["lambent"]}}
        token = (await client.create(path, request))["status"]["token"]
        identity = await review_token(client, token, "lambent")
        assert (identity.namespace, identity.service_account, identity.pod) == (NAMESPACE, "default", "")
        with pytest.raises(TokenRefusedError):
            await review_token(client, token, "another")
        with pytest.raises(TokenRefusedError):
            await review_token(client, token[:-4] + "AAAA", "lambent")

    run(test)


def test_scales_are_raised_from_zero_by_many_at_once_and_lowered_only_where_nobody_has_raised_them(run: Run) -> None:
    async def test(client: KubeClient) -> None:
        await client.create(collection_path("apps/v1", "deployments", NAMESPACE), a_deployment("scaled", 0))
        wanted = [1, 5, 3, 2, 5, 4]
        outcomes = await asyncio.gather(*(raise_scale(client, NAMESPACE, "scaled", replicas, 20) for replicas in wanted))
        assert max(outcome.replicas for outcome in outcomes) == 5
        assert (await raise_scale(client, NAMESPACE, "scaled", 0, 20)).replicas == 5
        assert not (await set_scale(client, NAMESPACE, "scaled", 0, expected=4)).written
        lowered = await set_scale(client, NAMESPACE, "scaled", 0, expected=5)
        assert (lowered.replicas, lowered.written) == (0, True)
        body = await client.get(object_path("apps/v1", "deployments", NAMESPACE, "scaled"))
        assert int(body["metadata"]["resourceVersion"]) >= int(lowered.version)

    run(test)


def test_an_event_that_comes_again_is_counted(run: Run) -> None:
    async def test(client: KubeClient) -> None:
        about = await client.create(CONFIG_MAPS, a_config_map("told-of"))
        recorder = EventRecorder(client, "e2e", "pod-1")
        about |= {"apiVersion": "v1", "kind": "ConfigMap"}
        for _ in range(3):
            await recorder.record(about, WARNING, "Odd", "this is odd")
        listed = await client.list(collection_path("v1", "events", NAMESPACE), field_selector="involvedObject.name=told-of")
        assert [(item["reason"], item["count"]) for item in listed["items"]] == [("Odd", 3)]

    run(test)


def test_a_watch_and_a_leader_outlive_a_restart_of_the_api_server(run: Run, api: KubeApi, control_plane: ControlPlane) -> None:
    async def test(client: KubeClient) -> None:
        election = LeaderElection(client, NAMESPACE, "survivor", "only")
        electing = asyncio.create_task(election.run())
        await election.wait_until_leader()
        seen: list[Any] = []
        found = asyncio.Event()

        async def watch() -> None:
            async for event in watch_objects(client, CONFIG_MAPS, keep=lambda body: body["metadata"]["name"]):
                seen.extend(event.items if isinstance(event, Listed) else (event.item,))
                if "after-the-restart" in seen:
                    found.set()

        watching = asyncio.create_task(watch())
        await asyncio.to_thread(restart_api_server, api, control_plane)
        await client.create(CONFIG_MAPS, a_config_map("after-the-restart"))
        await asyncio.wait_for(found.wait(), 30)
        await asyncio.wait_for(election.wait_until_leader(), 30)
        assert election.is_leader
        assert "after-the-restart" in seen
        electing.cancel()
        watching.cancel()
        await asyncio.gather(electing, watching, return_exceptions=True)

    run(test)
