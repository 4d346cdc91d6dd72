"""Reading and writing a Deployment's scale without undoing what somebody else has just written.

Activator and autoscaler both write it, and neither knows of the other: each reads, compares and writes on condition that nothing changed.
Source: Kubernetes API concepts, "Resource versions" (a patch with `metadata.resourceVersion` is refused with 409 when it is not current).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from lambent.kube.client import MERGE, Json, KubeClient
from lambent.kube.errors import ConflictError
from lambent.kube.paths import object_path

# While pods come and go, a Deployment's status changes several times a second, and each change is a new resourceVersion.
_TRIES: Final = 8
_Target = Callable[[int], int | None]


@dataclass(frozen=True, slots=True)
class Scale:
    """What the scale is now: replicas asked for, whether this call wrote it, and the Deployment's resourceVersion at that moment."""

    replicas: int
    written: bool
    version: str = ""


async def raise_scale(client: KubeClient, namespace: str, name: str, replicas: int, maximum: int, *, field_manager: str = "") -> Scale:
    """Ask for at least `replicas`, at most `maximum`; never lowers. Raises KubeError (NotFoundError: no such Deployment)."""
    wanted = min(replicas, maximum)

    def target(current: int) -> int | None:
        return wanted if wanted > current else None

    return await _write(client, namespace, name, target, field_manager)


async def set_scale(
    client: KubeClient, namespace: str, name: str, replicas: int, *, expected: int | None = None, field_manager: str = ""
) -> Scale:
    """Ask for exactly `replicas`; with `expected`, only where the scale is still that. Raises KubeError.

    `written` is false, and `replicas` the current scale, where it was there already or is not the expected one.
    """

    def target(current: int) -> int | None:
        return replicas if current != replicas and expected in {None, current} else None

    return await _write(client, namespace, name, target, field_manager)


async def _write(client: KubeClient, namespace: str, name: str, target: _Target, field_manager: str) -> Scale:
    path = object_path("apps/v1", "deployments", namespace, name, "scale")
    tries = 0
    while True:
        scale = await client.get(path)
        current = replicas_of(scale)
        wanted = target(current)
        if wanted is None:
            return Scale(current, written=False, version=str(scale["metadata"]["resourceVersion"]))
        body: Json = {"metadata": {"resourceVersion": scale["metadata"]["resourceVersion"]}, "spec": {"replicas": wanted}}
        try:
            scale = await client.patch(path, body, kind=MERGE, field_manager=field_manager)
        except ConflictError:
            tries += 1
            if tries == _TRIES:
                raise
            continue
        return Scale(replicas_of(scale), written=True, version=str(scale["metadata"]["resourceVersion"]))


def replicas_of(scale: Json) -> int:
    """`spec.replicas` of a Scale object; the API leaves a zero out."""
    spec: dict[str, Any] = scale.get("spec") or {}
    return int(spec.get("replicas") or 0)
