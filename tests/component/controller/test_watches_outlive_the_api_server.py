"""The controller's watches against an API server of a few lines: what happens reaches the queue, also after a kind was not there."""

from __future__ import annotations

import asyncio
import functools
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import kopf
import pytest
from aiohttp import web

from lambent.controller import app
from lambent.controller.queue.work_queue import Key
from lambent.controller.resources import pool as pool_manifests
from lambent.controller.resources.installation import Installation
from lambent.controller.watch import user_objects as watches
from lambent.controller.watch.children import ChildWatches
from lambent.controller.writes.views import Counts
from lambent.kube.access import ClusterAccess, NoCredentials
from lambent.kube.client import KubeClient

PATIENCE_SECONDS = 60.0
"""kopf takes some seconds to end; only a controller that is deaf takes this."""
KINDS = {
    "/api/v1": ("namespaces", "events", "services", "configmaps", "pods"),
    "/apis/apps/v1": ("deployments",),
    "/apis/networking.k8s.io/v1": ("networkpolicies",),
    "/apis/apiextensions.k8s.io/v1": ("customresourcedefinitions",),
    "/apis/lambent.dev/v1alpha1": ("functions", "triggers", "hostgrants"),
}


class Server:
    """Discovery, one object of each kind, and watches that send what they are given; without the kinds in `missing`."""

    def __init__(self) -> None:
        self.missing: set[str] = set()
        self.selectors: dict[str, set[str]] = defaultdict(set)
        self.events: dict[str, asyncio.Queue[dict[str, Any]]] = defaultdict(asyncio.Queue)
        """What watches are sent: by plural, those of pools apart."""
        self.refused = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path, _, plural = request.path.rpartition("/")
        if request.path == "/api":
            return web.json_response({"versions": ["v1"]})
        if request.path == "/apis":
            return web.json_response({"groups": [_group(base) for base in KINDS if base != "/api/v1"]})
        if request.path in KINDS:
            return web.json_response({"resources": [_resource(name) for name in KINDS[request.path]]})
        assert plural in KINDS[path], request.path
        if plural in self.missing:
            self.refused.set()
            return web.json_response({"kind": "Status", "code": 404, "reason": "NotFound", "message": "not found"}, status=404)
        selector = request.query.get("labelSelector", "")
        self.selectors[plural].add(selector)
        if request.query.get("watch"):
            return await self._stream(request, f"pools' {plural}" if "pool" in selector else plural)
        return web.json_response({"metadata": {"resourceVersion": "1"}, "items": [an_object(plural, f"listed-{plural}")]})

    async def _stream(self, request: web.Request, plural: str) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while (event := await self.events[plural].get())["type"] != "END":
            await response.write(json.dumps(event).encode() + b"\n")
        return response


def _group(base: str) -> dict[str, Any]:
    _, _, name, version = base.split("/")
    return {"name": name, "preferredVersion": {"version": version}, "versions": [{"version": version}]}


def _resource(name: str) -> dict[str, Any]:
    verbs = ["list", "watch", "get", "patch"]
    return {"name": name, "kind": name.capitalize(), "singularName": "", "namespaced": name != "namespaces", "verbs": verbs}


def an_object(plural: str, name: str) -> dict[str, Any]:
    metadata = {
        "name": name,
        "namespace": "default",
        "uid": f"{plural}-{name}",
        "resourceVersion": "2",
        "labels": {"lambent.dev/function": name},
    }
    return {"metadata": metadata, "spec": {}}


class Seen:
    """The keys that came, in any order; `until` takes one away."""

    def __init__(self) -> None:
        self.keys: list[Key] = []
        self.came = asyncio.Event()
        self.missed = asyncio.Event()
        """Events of what belongs to Functions may have been missed."""

    def add(self, key: Key, _: float) -> None:
        self.keys.append(key)
        self.came.set()

    def hear(self, key: Key, _: Counts | None, delay: float) -> None:
        self.add(key, delay)

    def compare(self, key: Key, _looks: int, _counts: Counts, delay: float) -> None:
        self.add(key, delay)

    async def until(self, key: Key) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while key not in self.keys:
                self.came.clear()
                await self.came.wait()
        self.keys.remove(key)


@asynccontextmanager
async def watched(server: Server, seen: Seen) -> AsyncIterator[None]:
    web_app = web.Application()
    web_app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(web_app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with KubeClient(ClusterAccess(url, NoCredentials(), None)) as client:
        run = functools.partial(watches.run_watches, seen.add, lambda: kopf.ConnectionInfo(server=url))
        children = ChildWatches(client, seen.add, seen.hear, seen.compare, seen.missed.set)
        watching = [asyncio.create_task(app._watch(client, run)), asyncio.create_task(children.run())]
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await children.begun.wait()
            yield
        finally:
            for task in watching:
                task.cancel()
            await asyncio.wait(watching)
            await runner.cleanup()


def test_objects_and_what_belongs_to_them_are_told_by_key() -> None:
    async def main() -> None:
        server, seen = Server(), Seen()
        async with watched(server, seen):
            await seen.until(Key("Trigger", "default", "listed-triggers"))
            await seen.until(Key("Function", "default", "listed-functions"))
            for plural in ("pods", "deployments", "services", "configmaps", "networkpolicies"):
                await server.events[plural].put({"type": "ADDED", "object": an_object(plural, plural)})
                await seen.until(Key("Function", "default", plural))
            for plural in ("deployments", "networkpolicies"):
                pool = an_object(plural, "pool")
                policy = pool_manifests.build_pool_network_policy("default", f"of-{plural}", Installation())
                pool["metadata"]["labels"] = policy["metadata"]["labels"]
                await server.events[f"pools' {plural}"].put({"type": "DELETED", "object": pool})
                await seen.until(Key("Pool", "default", f"of-{plural}"))
            assert {*server.selectors["pods"], *server.selectors["services"], *server.selectors["configmaps"]} == {"lambent.dev/function"}
            for plural in ("deployments", "networkpolicies"):
                assert server.selectors[plural] == {"lambent.dev/function", "lambent.dev/role=pool"}
            assert server.selectors["functions"] == {""}
            assert not seen.missed.is_set()

    asyncio.run(main())


def test_a_gap_in_the_watch_of_what_belongs_to_functions_is_told() -> None:
    async def main() -> None:
        server, seen = Server(), Seen()
        async with watched(server, seen):
            gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
            await server.events["services"].put({"type": "ERROR", "object": gone})
            await server.events["services"].put({"type": "END"})
            async with asyncio.timeout(PATIENCE_SECONDS):
                await seen.missed.wait()

    asyncio.run(main())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_kind_that_is_not_there_for_a_while_is_watched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "DEFINITIONS_SECONDS", 0.05)

    async def main() -> None:
        server, seen = Server(), Seen()
        async with watched(server, seen):
            await seen.until(Key("Function", "default", "listed-functions"))
            server.missing = {"functions"}
            await server.events["functions"].put({"type": "END"})
            async with asyncio.timeout(PATIENCE_SECONDS):
                await server.refused.wait()
            server.missing = set()
            await seen.until(Key("Function", "default", "listed-functions"))
            await server.events["functions"].put({"type": "ADDED", "object": an_object("functions", "new")})
            await seen.until(Key("Function", "default", "new"))

    asyncio.run(main())
