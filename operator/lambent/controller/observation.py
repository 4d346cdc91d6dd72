"""Reads a Function and all that belongs to it from the API server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lambent.api import conditions, names
from lambent.api.code import ConfigMapCode
from lambent.api.fields import InvalidSpecError
from lambent.api.files import CodeFiles, config_map_files, inline_files
from lambent.api.function import Function
from lambent.api.group import API_VERSION, FUNCTIONS, LABEL_FUNCTION
from lambent.controller.diagnosis import Problem
from lambent.controller.drift import Accepted
from lambent.controller.plan import Observed
from lambent.controller.views import view_code, view_deployment, view_object, view_pod, view_replica_set
from lambent.kube.client import Json, KubeClient
from lambent.kube.errors import NotFoundError
from lambent.kube.paths import collection_path, object_path

RESOURCES: Final[Mapping[str, tuple[str, str]]] = {
    "Deployment": ("apps/v1", "deployments"),
    "ReplicaSet": ("apps/v1", "replicasets"),
    "Service": ("v1", "services"),
    "ConfigMap": ("v1", "configmaps"),
    "Pod": ("v1", "pods"),
    "NetworkPolicy": ("networking.k8s.io/v1", "networkpolicies"),
}
"""Group/version and plural of every kind that a Function's reconcile touches."""


async def read_function(client: KubeClient, namespace: str, name: str) -> Json | None:
    """The Function as stored; None where it is gone."""
    return await _read(client, object_path(API_VERSION, FUNCTIONS, namespace, name))


async def observe(client: KubeClient, function: Function, body: Json, accepted: Mapping[str, Accepted]) -> Observed:
    """Everything that a decision looks at, read at once."""
    namespace = function.namespace
    (deployment, service, policy), (pods, maps), source = await asyncio.gather(
        asyncio.gather(
            _child(client, "Deployment", namespace, names.deployment(function.name)),
            _child(client, "Service", namespace, names.service(function.name)),
            _child(client, "NetworkPolicy", namespace, names.network_policy(function.name)),
        ),
        asyncio.gather(*(_children(client, kind, function) for kind in ("Pod", "ConfigMap"))),
        _read_code(client, function),
    )
    code_maps = tuple(view_code(item) for item in maps)
    # Only code that may be left over makes it matter who still uses it.
    sets = await _children(client, "ReplicaSet", function) if len(code_maps) > 1 else []
    return Observed(
        function=function,
        stored_status=body.get("status") or {},
        code=source.files,
        code_problem=source.problem,
        deployment=view_deployment(deployment) if deployment is not None else None,
        service=view_object(service) if service is not None else None,
        network_policy=view_object(policy) if policy is not None else None,
        code_maps=code_maps,
        replica_sets=tuple(view for item in sets if (view := view_replica_set(item)) is not None),
        pods=tuple(view_pod(item) for item in pods),
        accepted=accepted,
    )


@dataclass(frozen=True, slots=True)
class _Source:
    """The code that was found, or why there is none."""

    files: CodeFiles | None = None
    problem: Problem | None = None


async def _read_code(client: KubeClient, function: Function) -> _Source:
    code = function.spec.code
    if code is None:
        return _Source()
    try:
        if code.inline:
            return _Source(inline_files(code.inline))
        if code.config_map is not None:
            return await _read_config_map(client, function.namespace, code.config_map)
    except InvalidSpecError as error:
        return _Source(problem=Problem(conditions.REASON_INVALID_SPEC, str(error)))
    return _Source()


async def _read_config_map(client: KubeClient, namespace: str, source: ConfigMapCode) -> _Source:
    body = await _child(client, "ConfigMap", namespace, source.name)
    if body is None:
        return _not_found(f"spec.code.configMap.name: there is no ConfigMap {source.name!r} in the namespace {namespace!r}")
    try:
        files = config_map_files(source, body)
    except KeyError as error:
        keys = ", ".join(sorted({**(body.get("data") or {}), **(body.get("binaryData") or {})})) or "none"
        return _not_found(f"spec.code.configMap.items: the ConfigMap {source.name!r} has no key {error.args[0]!r}; its keys are {keys}")
    if not files.files:
        return _not_found(f"spec.code.configMap.name: the ConfigMap {source.name!r} holds no file")
    return _Source(files)


def _not_found(message: str) -> _Source:
    return _Source(problem=Problem(conditions.REASON_CODE_NOT_FOUND, message))


async def _child(client: KubeClient, kind: str, namespace: str, name: str) -> Json | None:
    version, plural = RESOURCES[kind]
    return await _read(client, object_path(version, plural, namespace, name))


async def _children(client: KubeClient, kind: str, function: Function) -> list[Any]:
    version, plural = RESOURCES[kind]
    page = await client.list(collection_path(version, plural, function.namespace), label_selector=f"{LABEL_FUNCTION}={function.name}")
    return list(page.get("items") or ())


async def _read(client: KubeClient, path: str) -> Json | None:
    try:
        return await client.get(path)
    except NotFoundError:
        return None
