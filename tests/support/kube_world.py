"""A small API server on a loopback port, in memory: Functions, Deployments with scale, pods, Leases, TokenReviews, and watches of them."""

from __future__ import annotations

import asyncio
import copy
import functools
import json
from typing import Any, NamedTuple, Self

from aiohttp import web

Json = dict[str, Any]
COLLECTIONS = {
    "/apis/lambent.dev/v1alpha1/functions": "Function",
    "/apis/lambent.dev/v1alpha1/triggers": "Trigger",
    "/apis/lambent.dev/v1alpha1/hostgrants": "HostGrant",
    "/apis/apps/v1/deployments": "Deployment",
    "/api/v1/pods": "Pod",
}


class KubeWorld:
    """`objects` by (kind, namespace, name); every change has a resourceVersion and reaches all watches of its kind."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Json] = {}
        self.version = 100
        self.watches: list[tuple[str, Selector, asyncio.Queue[Json | None]]] = []
        self.asked_of_pods: list[tuple[str, str, Any]] = []
        self.down = False
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        for path, kind in COLLECTIONS.items():
            app.router.add_get(path, functools.partial(self._list_or_watch, kind=kind))
        app.router.add_route("*", "/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale", self._scale)
        app.router.add_patch("/apis/lambent.dev/v1alpha1/namespaces/{namespace}/functions/{name}/status", self._status)
        app.router.add_route("*", "/api/v1/namespaces/{namespace}/pods/{name}", self._pod)
        app.router.add_post("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases", self._create_lease)
        app.router.add_route("*", "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}", self._lease)
        app.router.add_post("/apis/authentication.k8s.io/v1/tokenreviews", self._review)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def put(self, kind: str, body: Json) -> Json:
        self.version += 1
        body = copy.deepcopy(body)
        metadata = body["metadata"]
        metadata["resourceVersion"] = str(self.version)
        key = (kind, metadata["namespace"], metadata["name"])
        before = self.objects.get(key)
        self.objects[key] = body
        self._tell(kind, before, body)
        return body

    def remove(self, kind: str, name: str, namespace: str = "default") -> None:
        self._tell(kind, self.objects.pop((kind, namespace, name)), None)

    def _tell(self, kind: str, before: Json | None, after: Json | None) -> None:
        """An object that comes to be what a watch asks for is ADDED to it, one that is so no more DELETED, as by the API server."""
        for watched, selector, queue in self.watches:
            was, is_now = before is not None and selector.takes(before), after is not None and selector.takes(after)
            if watched == kind and (was or is_now):
                change = "MODIFIED" if was and is_now else "ADDED" if is_now else "DELETED"
                queue.put_nowait({"type": change, "object": copy.deepcopy(after or before)})

    def replicas(self, name: str, namespace: str = "default") -> int:
        return int(self.objects["Deployment", namespace, name]["spec"]["replicas"])

    def scale(self, name: str, replicas: int, namespace: str = "default") -> Json:
        """The scale is asked for and the pods are there at once."""
        body = copy.deepcopy(self.objects["Deployment", namespace, name])
        body["spec"]["replicas"] = replicas
        body["status"] = {"readyReplicas": replicas} if replicas else {}
        return self.put("Deployment", body)

    def break_watches(self) -> None:
        for _, _, queue in self.watches:
            queue.put_nowait(None)

    async def _list_or_watch(self, request: web.Request, kind: str) -> web.StreamResponse:
        if self.down:
            return _failure(503, "ServiceUnavailable")
        selector = Selector(request.query.get("labelSelector", ""), request.query.get("fieldSelector", ""))
        if "watch" not in request.query:
            items = [body for (found, _, _), body in self.objects.items() if found == kind and selector.takes(body)]
            return web.json_response({"metadata": {"resourceVersion": str(self.version)}, "items": items})
        queue: asyncio.Queue[Json | None] = asyncio.Queue()
        for (found, _, _), body in self.objects.items():
            later = int(body["metadata"]["resourceVersion"]) > int(request.query["resourceVersion"])
            if found == kind and later and selector.takes(body):
                queue.put_nowait({"type": "MODIFIED", "object": copy.deepcopy(body)})
        self.watches.append((kind, selector, queue))
        response = web.StreamResponse()
        await response.prepare(request)
        while (event := await queue.get()) is not None:
            await response.write(json.dumps(event).encode() + b"\n")
        self.watches.remove((kind, selector, queue))
        return response

    async def _scale(self, request: web.Request) -> web.StreamResponse:
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        body = self.objects["Deployment", namespace, name]
        if self.down:
            return _failure(503, "ServiceUnavailable")
        if request.method == "PATCH":
            patch = await request.json()
            if patch["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]:
                return _failure(409, "Conflict")
            body = self.scale(name, patch["spec"]["replicas"], namespace)
        replicas = body["spec"]["replicas"]
        return web.json_response({"metadata": body["metadata"], "spec": {"replicas": replicas} if replicas else {}})

    async def _pod(self, request: web.Request) -> web.StreamResponse:
        """PATCH of a list's place, as gates are lifted, and DELETE by uid."""
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        body = self.objects.get(("Pod", namespace, name))
        asked = await request.json()
        self.asked_of_pods.append((request.method, name, asked))
        if self.down or body is None:
            return _failure(503, "ServiceUnavailable") if self.down else _failure(404, "NotFound")
        if request.method == "DELETE":
            if asked["preconditions"]["uid"] != body["metadata"]["uid"]:
                return _failure(409, "Conflict")
            self.remove("Pod", name, namespace)
            return web.json_response({})
        *tests, removal = asked
        body = copy.deepcopy(body)
        if any(_at(body, test["path"]) != test["value"] for test in tests):
            return _failure(422, "Invalid")
        parent, _, place = removal["path"].rpartition("/")
        del _at(body, parent)[int(place)]
        return web.json_response(self.put("Pod", body))

    async def _status(self, request: web.Request) -> web.StreamResponse:
        key = ("Function", request.match_info["namespace"], request.match_info["name"])
        body = copy.deepcopy(self.objects[key])
        body.setdefault("status", {}).update((await request.json())["status"])
        return web.json_response(self.put("Function", body))

    async def _create_lease(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if ("Lease", body["metadata"]["namespace"], body["metadata"]["name"]) in self.objects:
            return _failure(409, "AlreadyExists")
        return web.json_response(self.put("Lease", body), status=201)

    async def _lease(self, request: web.Request) -> web.StreamResponse:
        body = self.objects.get(("Lease", request.match_info["namespace"], request.match_info["name"]))
        if self.down:
            return _failure(503, "ServiceUnavailable")
        if body is None:
            return _failure(404, "NotFound")
        if request.method == "PUT":
            wanted = await request.json()
            if wanted["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]:
                return _failure(409, "Conflict")
            body = self.put("Lease", wanted)
        return web.json_response(body)

    async def _review(self, request: web.Request) -> web.StreamResponse:
        spec = (await request.json())["spec"]
        known = spec["token"] == "token-of-an-activator"
        user = {"username": "system:serviceaccount:lambent-system:lambent-activator"}
        return web.json_response({"status": {"authenticated": known, "audiences": spec["audiences"], "user": user} if known else {}})


class Selector(NamedTuple):
    """Labels by `key=value` and `key` alike; of fields, `spec.nodeName=` alone."""

    labels: str
    fields: str

    def takes(self, body: Json) -> bool:
        """Whether an object is selected."""
        assert self.fields in {"", "spec.nodeName="}, self.fields
        labels = body["metadata"].get("labels") or {}
        terms = [term.partition("=") for term in self.labels.split(",") if term]
        has_labels = all(key in labels and (not equals or labels[key] == value) for key, equals, value in terms)
        return has_labels and not (self.fields and (body.get("spec") or {}).get("nodeName"))


def _at(body: Any, path: str) -> Any:
    for part in path.split("/")[1:]:
        try:
            body = body[int(part)] if isinstance(body, list) else body[part]
        except (KeyError, IndexError):
            return None
    return body


def _failure(code: int, reason: str) -> web.Response:
    return web.json_response({"kind": "Status", "code": code, "reason": reason, "message": reason}, status=code)
