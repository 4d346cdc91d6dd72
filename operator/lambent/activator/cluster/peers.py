"""Who the activators are: the addresses behind their headless Service, watched, so that shims hear at once who comes and goes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from lambent.kube.client import Json, KubeClient
from lambent.kube.paths import collection_path
from lambent.kube.watch import Added, Deleted, Listed, Modified, watch_objects

SERVICE_LABEL = "kubernetes.io/service-name"


async def watch_peers(client: KubeClient, namespace: str, service: str, tell: Callable[[list[str], list[str]], None]) -> None:
    """Calls `tell` with all addresses and the names of their pods after each change, without end."""
    slices: dict[str, Endpoints] = {}
    path = collection_path("discovery.k8s.io/v1", "endpointslices", namespace)
    async for event in watch_objects(client, path, label_selector=f"{SERVICE_LABEL}={service}", keep=_keep):
        match event:
            case Listed(items=items):
                slices = dict(items)
            case Added(item=(name, endpoints)) | Modified(item=(name, endpoints)):
                slices[name] = endpoints
            case Deleted(item=(name, _)):
                slices.pop(name, None)
        addresses = {address for endpoints in slices.values() for address in endpoints.addresses}
        names = {pod for endpoints in slices.values() for pod in endpoints.pods}
        tell(sorted(addresses), sorted(names))


class Endpoints(NamedTuple):
    """What an EndpointSlice holds."""

    addresses: tuple[str, ...]
    pods: tuple[str, ...]


def _keep(item: Json) -> tuple[str, Endpoints]:
    return str((item.get("metadata") or {}).get("name")), Endpoints(tuple(addresses_of(item)), tuple(pods_of(item)))


def pods_of(endpoint_slice: Json) -> Iterable[str]:
    """The name of the pod behind each endpoint that is not going away."""
    for endpoint in endpoint_slice.get("endpoints") or []:
        reference: dict[str, Any] = endpoint.get("targetRef") or {}
        if not (endpoint.get("conditions") or {}).get("terminating") and reference.get("name"):
            yield str(reference["name"])


def addresses_of(endpoint_slice: Json) -> Iterable[str]:
    """`host:port` of each endpoint that is not going away; shims may dial those that are not ready yet."""
    ports = endpoint_slice.get("ports") or []
    for endpoint in endpoint_slice.get("endpoints") or []:
        conditions: dict[str, Any] = endpoint.get("conditions") or {}
        if conditions.get("terminating"):
            continue
        for port in ports:
            for address in endpoint.get("addresses") or []:
                yield f"[{address}]:{port.get('port')}" if ":" in address else f"{address}:{port.get('port')}"
