"""What belongs to a Function, as the API server has it; and how it is remembered of a Function at rest. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lambent.controller.writes.drift import Manifest
from lambent.controller.writes.plan import Create, Delete, Observed, Write
from lambent.controller.writes.views import CodeMapView, Counts, view_code, view_deployment, view_object

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Children:
    """The objects of one Function."""

    deployment: Json | None = None
    service: Json | None = None
    network_policy: Json | None = None
    pods: Sequence[Json] = ()
    code_maps: Sequence[Json] = ()
    replica_sets: Sequence[Json] = ()


def pack_children(observed: Observed) -> bytes:
    """Return what `unpack_children` takes: all objects but pods and ReplicaSets, some 5 KB of JSON."""
    named = (observed.deployment, observed.service, observed.network_policy)
    bodies = [_shorten(view.body) if view is not None else None for view in named]
    maps = [_cut_code(view) for view in observed.code_maps]
    return json.dumps([bodies, maps], separators=(",", ":")).encode()


def unpack_children(packed: bytes, counts: Counts) -> Children:
    """Return the objects that were packed, without pods and ReplicaSets; the Deployment with counts that were heard since."""
    (deployment, service, network_policy), maps = json.loads(packed)
    if deployment is not None:
        deployment.setdefault("spec", {})["replicas"] = counts.desired_replicas
        deployment.setdefault("status", {})["replicas"] = counts.replicas
    return Children(deployment, service, network_policy, code_maps=maps)


def observe_write(observed: Observed, write: Write, answer: Json | None) -> Observed | None:
    """Return what a look after the write would show, by the API server's answer; None where only a look can tell.

    What is deleted may be there for a while, and a pod becomes what the kubelet makes of it.
    """
    if answer is None or isinstance(write, Delete):
        return None
    if write.kind == "Deployment":
        return replace(observed, deployment=view_deployment(answer))
    if write.kind == "Service":
        return replace(observed, service=view_object(answer))
    if write.kind == "NetworkPolicy":
        return replace(observed, network_policy=view_object(answer))
    if write.kind == "ConfigMap" and isinstance(write, Create):
        return replace(observed, code_maps=(*observed.code_maps, view_code(answer)))
    return None


def _cut_code(view: CodeMapView) -> Json:
    # Its contents are known by its uid: it is immutable.
    return {"metadata": _shorten(view.body)["metadata"]}


def _shorten(body: Manifest) -> Mapping[str, Any]:
    """Leave out who wrote which field: it is half of an object, and no decision looks at it."""
    metadata = {name: value for name, value in body["metadata"].items() if name != "managedFields"}
    return {**body, "metadata": metadata}
