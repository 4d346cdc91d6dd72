"""Believes a shim by the projected token of its pod: the API server vouches for token and pod, the pod's label for the function.

A token bound to a pod proves which pod it is; that pod carries `lambent.dev/function`, which only who may create pods in that namespace
can set. The token's own claim of its pod is used, unread by anybody yet, to ask for the pod at the same time, and compared afterwards.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from typing import Any

from lambent.activator.links.hello import Hello, Identity, LinkRefusedError, UnverifiedError
from lambent.api.functions.shim import SHIM_VARIABLE
from lambent.api.group import (
    LABEL_FUNCTION,
    LABEL_ORIGIN,
    LABEL_REVISION,
    LABEL_ROLE,
    LABEL_RUNTIME,
    ORIGIN_POOL,
    ROLE_POOL,
    TOKEN_AUDIENCE,
)
from lambent.api.names import CONTAINER
from lambent.kube.client import Json, KubeClient
from lambent.kube.errors import KubeError, NotFoundError
from lambent.kube.paths import object_path
from lambent.kube.tokens import TokenRefusedError, review_token


class KubeVerifier:
    """One review and one read per link, both at once."""

    def __init__(self, client: KubeClient, at_once: int = 16) -> None:
        """`at_once` hellos are asked about at a time; the others wait, for no longer than a hello may take."""
        self._client = client
        self._slots = asyncio.Semaphore(at_once)

    async def verify(self, hello: Hello) -> Identity:
        """Raises `LinkRefusedError` unless the token's pod is one of the function, or of the pool, that the hello names."""
        namespace, pod_name = hello.function.namespace, claimed_pod(hello.token)
        try:
            path = object_path("v1", "pods", namespace, pod_name)
        except ValueError:
            raise LinkRefusedError("the token is bound to no pod") from None
        async with self._slots:
            return await self._ask(hello, path, pod_name)

    async def _ask(self, hello: Hello, path: str, pod_name: str) -> Identity:
        reviewing = asyncio.ensure_future(review_token(self._client, hello.token, TOKEN_AUDIENCE))
        reading = asyncio.ensure_future(self._client.get(path))
        try:
            identity, pod = await asyncio.gather(reviewing, reading)
        except TokenRefusedError as error:
            raise LinkRefusedError(f"token refused: {error}") from None
        except NotFoundError:
            raise LinkRefusedError(f"there is no pod {pod_name} in namespace {hello.function.namespace}") from None
        except KubeError as error:
            raise UnverifiedError(f"the API server could not be asked: {error.reason}") from None
        finally:
            reviewing.cancel()
            reading.cancel()
        return check_pod(hello, pod, namespace=identity.namespace, name=identity.pod, uid=identity.pod_uid)


def check_pod(hello: Hello, pod: Json, *, namespace: str, name: str, uid: str) -> Identity:
    """Pure: raises `LinkRefusedError` unless identity, pod and hello fit together."""
    metadata: dict[str, Any] = pod.get("metadata") or {}
    if namespace != hello.function.namespace:
        raise LinkRefusedError(f"the token is of namespace {namespace}, the hello of {hello.function.namespace}")
    if not uid or uid != metadata.get("uid") or name != metadata.get("name"):
        raise LinkRefusedError("the token is bound to another pod than it says")
    labels: dict[str, str] = metadata.get("labels") or {}
    if hello.pool is not None and labels.get(LABEL_ROLE) == ROLE_POOL:
        runtime = labels.get(LABEL_RUNTIME, "")
        if runtime != hello.pool.runtime:
            raise LinkRefusedError(f"the pod is of the pool {runtime!r}, not {hello.pool.runtime!r}")
        return Identity(name, uid, moved=hello.generic, spoiled=_find_restart(hello, pod), claims=True)
    label = labels.get(LABEL_FUNCTION)
    if hello.generic and label and labels.get(LABEL_ORIGIN) == ORIGIN_POOL:
        return Identity(name, uid, spoiled=f"it was {label} before its container was restarted")
    if label != hello.function.name:
        raise LinkRefusedError(f"pod {name} belongs to function {label!r}, not {hello.function.name!r}")
    revision = labels.get(LABEL_REVISION, "")
    if revision != hello.revision:
        raise LinkRefusedError(f"pod {name} is of revision {revision!r}, not {hello.revision!r}")
    if labels.get(LABEL_ORIGIN) == ORIGIN_POOL:
        return Identity(name, uid, claims=True)
    slots = _find_concurrency(pod)
    if slots != hello.slots:
        raise LinkRefusedError(f"pod {name} was made with a concurrency of {slots or 'nobody knows what'}, not {hello.slots}")
    return Identity(name, uid)


def _find_concurrency(pod: Json) -> int:
    """What the pod was made with (LAMBENT_SHIM), which nothing that runs in it can change; 0 where that cannot be read."""
    containers: list[Any] = (pod.get("spec") or {}).get("containers") or []
    for container in containers:
        for variable in container.get("env") or () if container.get("name") == CONTAINER else ():
            if variable.get("name") == SHIM_VARIABLE:
                try:
                    configuration = json.loads(variable.get("value") or "")
                except ValueError:
                    return 0
                concurrency = configuration.get("concurrency") if isinstance(configuration, dict) else None
                return concurrency if type(concurrency) is int else 0
    return 0


def _find_restart(hello: Hello, pod: Json) -> str:
    statuses: list[Any] = (pod.get("status") or {}).get("containerStatuses") or []
    restarted = hello.used or any(status.get("restartCount") for status in statuses)
    return "its container was restarted, and may have been a function before" if hello.generic and restarted else ""


def claimed_pod(token: str) -> str:
    """The pod's name that a token claims, nothing of it checked; empty where it claims none (RFC 7519; `kubernetes.io` claim)."""
    parts = token.split(".")
    if len(parts) != 3:
        return ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return ""
    kubernetes = claims.get("kubernetes.io") if isinstance(claims, dict) else None
    pod = kubernetes.get("pod") if isinstance(kubernetes, dict) else None
    name = pod.get("name") if isinstance(pod, dict) else None
    return name if isinstance(name, str) else ""
