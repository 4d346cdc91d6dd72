"""A Function and all that belongs to it: read from the API server one by one, or made of what lists have shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from lambent.api import conditions, names
from lambent.api.fields import InvalidSpecError
from lambent.api.functions.code import ConfigMapCode
from lambent.api.functions.files import CodeFiles, config_map_files, inline_files
from lambent.api.functions.function import Function
from lambent.api.group import API_VERSION, FUNCTIONS, LABEL_FUNCTION
from lambent.api.names import code_config_map
from lambent.controller.function.children import Children
from lambent.controller.writes.drift import Accepted
from lambent.controller.writes.kinds import KINDS
from lambent.controller.writes.plan import Observed
from lambent.controller.writes.problem import Problem
from lambent.controller.writes.views import view_code, view_deployment, view_object, view_pod, view_replica_set
from lambent.kube.client import Json, KubeClient
from lambent.kube.errors import NotFoundError
from lambent.kube.pages import list_pages
from lambent.kube.paths import collection_path, object_path


async def read_function(client: KubeClient, namespace: str, name: str) -> Json | None:
    """The Function as stored; None where it is gone."""
    return await _read(client, object_path(API_VERSION, FUNCTIONS, namespace, name))


async def observe(
    client: KubeClient, function: Function, body: Json, accepted: Mapping[str, Accepted], known: Children | None = None
) -> Observed:
    """Return everything that a decision looks at. What is `known` to be as it was is not read again; pods always are."""
    children, source = await asyncio.gather(_read_children(client, function, known), _read_code(client, function))
    if source.files is not None:
        children = await _read_contents(client, function, code_config_map(function.name, source.files.short_digest), children, accepted)
    return build_observed(function, body, children, accepted, source)


async def _read_contents(
    client: KubeClient, function: Function, name: str, children: Children, accepted: Mapping[str, Accepted]
) -> Children:
    """With what is in the ConfigMap of the code, unless it is known to be what was written: it is immutable, so its uid says so."""
    known = accepted.get("ConfigMap")
    found = next((item for item in children.code_maps if item["metadata"]["name"] == name), None)
    if found is None or (known is not None and known.live == found["metadata"].get("uid")):
        return children
    body = await read_child(client, "ConfigMap", function.namespace, name)
    if body is None:
        return replace(children, code_maps=[item for item in children.code_maps if item is not found])
    # Also one that holds nothing has been looked into.
    whole = {**body, "data": body.get("data") or {}}
    return replace(children, code_maps=[whole if item is found else item for item in children.code_maps])


async def _read_children(client: KubeClient, function: Function, known: Children | None) -> Children:
    if known is not None:
        pods = await _children(client, "Pod", function)
        sets = await _children(client, "ReplicaSet", function) if len(known.code_maps) > 1 else []
        return replace(known, pods=pods, replica_sets=sets)
    namespace = function.namespace
    named = asyncio.gather(
        read_child(client, "Deployment", namespace, names.deployment(function.name)),
        read_child(client, "Service", namespace, names.service(function.name)),
        read_child(client, "NetworkPolicy", namespace, names.network_policy(function.name)),
    )
    if not function.status.latest_revision:
        # It is not announced yet, so it has no pod and no code of its own. Should one of an earlier Function of that name be there still,
        # the write that meets it says so.
        deployment, service, policy = await named
        return Children(deployment, service, policy)
    (deployment, service, policy), pods, maps = await asyncio.gather(
        named, _children(client, "Pod", function), _children(client, "ConfigMap", function)
    )
    # Only code that may be left over makes it matter who still uses it.
    sets = await _children(client, "ReplicaSet", function) if len(maps) > 1 else []
    return Children(deployment, service, policy, pods, maps, sets)


def build_observed(
    function: Function, body: Json, children: Children, accepted: Mapping[str, Accepted], source: Source | None = None
) -> Observed:
    """The same from what was read already; without `source`, of a Function whose code is in itself."""
    found = source if source is not None else _inline_code(function)
    return Observed(
        function=function,
        stored_status=body.get("status") or {},
        code=found.files,
        code_problem=found.problem,
        deployment=view_deployment(children.deployment) if children.deployment is not None else None,
        service=view_object(children.service) if children.service is not None else None,
        network_policy=view_object(children.network_policy) if children.network_policy is not None else None,
        code_maps=tuple(view_code(item) for item in children.code_maps),
        replica_sets=tuple(view for item in children.replica_sets if (view := view_replica_set(item)) is not None),
        pods=tuple(view_pod(item) for item in children.pods),
        accepted=accepted,
    )


@dataclass(frozen=True, slots=True)
class Source:
    """The code that was found, or why there is none."""

    files: CodeFiles | None = None
    problem: Problem | None = None


async def _read_code(client: KubeClient, function: Function) -> Source:
    code = function.spec.code
    if code is None or code.inline or code.config_map is None:
        return _inline_code(function)
    try:
        return await _read_config_map(client, function.namespace, code.config_map)
    except InvalidSpecError as error:
        return Source(problem=Problem(conditions.REASON_INVALID_SPEC, str(error)))


def _inline_code(function: Function) -> Source:
    code = function.spec.code
    if code is None or not code.inline:
        return Source()
    try:
        return Source(inline_files(code.inline))
    except InvalidSpecError as error:
        return Source(problem=Problem(conditions.REASON_INVALID_SPEC, str(error)))


async def _read_config_map(client: KubeClient, namespace: str, source: ConfigMapCode) -> Source:
    body = await read_child(client, "ConfigMap", namespace, source.name)
    if body is None:
        return _not_found(f"spec.code.configMap.name: there is no ConfigMap {source.name!r} in the namespace {namespace!r}")
    try:
        files = config_map_files(source, body)
    except KeyError as error:
        keys = ", ".join(sorted({**(body.get("data") or {}), **(body.get("binaryData") or {})})) or "none"
        return _not_found(f"spec.code.configMap.items: the ConfigMap {source.name!r} has no key {error.args[0]!r}; its keys are {keys}")
    if not files.files:
        return _not_found(f"spec.code.configMap.name: the ConfigMap {source.name!r} holds no file")
    return Source(files)


def _not_found(message: str) -> Source:
    return Source(problem=Problem(conditions.REASON_CODE_NOT_FOUND, message))


async def read_child(client: KubeClient, kind: str, namespace: str, name: str) -> Json | None:
    """One object of a kind in KINDS; None where there is none."""
    version, plural = KINDS[kind]
    return await _read(client, object_path(version, plural, namespace, name))


async def _children(client: KubeClient, kind: str, function: Function) -> list[Any]:
    version, plural = KINDS[kind]
    path, selector = collection_path(version, plural, function.namespace), f"{LABEL_FUNCTION}={function.name}"
    return [item async for item in list_children(client, kind, path, selector)]


async def list_children(client: KubeClient, kind: str, path: str, label_selector: str) -> AsyncGenerator[Json, None]:
    """Objects of a kind, cut down to what decisions look at.

    Anybody in a namespace may make objects with a Function's label, of a megabyte each: ConfigMaps come without what is in them, pods and
    ReplicaSets without what they run, all without annotations.
    """
    pages = list_pages(client, path, label_selector=label_selector, metadata_only=kind == "ConfigMap")
    async with aclosing(pages):
        async for page in pages:
            for item in page.get("items") or ():
                yield _cut(kind, item)


def _cut(kind: str, item: Json) -> Json:
    if kind not in ("ConfigMap", "Pod", "ReplicaSet"):
        return item
    metadata = {name: value for name, value in item["metadata"].items() if name not in ("annotations", "managedFields")}
    cut: Json = {"metadata": metadata}
    if kind == "ReplicaSet":
        spec = item.get("spec") or {}
        labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
        cut["spec"] = {"replicas": spec.get("replicas"), "template": {"metadata": {"labels": labels}}}
    if kind != "ConfigMap":
        cut["status"] = item.get("status") or {}
    return cut


async def _read(client: KubeClient, path: str) -> Json | None:
    try:
        return await client.get(path)
    except NotFoundError:
        return None
