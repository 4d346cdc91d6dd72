"""Who the activators are: the addresses behind their headless Service, watched, so that shims hear at once who comes and goes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from lambent.kube.client import Json, KubeClient
from lambent.kube.paths import collection_path
from lambent.kube.watch import Added, Deleted, Listed, Modified, watch_objects

SERVICE_LABEL = "kubernetes.io/service-name"


async def watch_peers(client: KubeClient, namespace: str, service: str, tell: Callable[[list[str]], None]) -> None:
    """Calls `tell` with all addresses after each change, without end."""
    slices: dict[str, tuple[str, ...]] = {}
    path = collection_path("discovery.k8s.io/v1", "endpointslices", namespace)
    async for event in watch_objects(client, path, label_selector=f"{SERVICE_LABEL}={service}", keep=_keep):
        match event:
            case Listed(items=items):
                slices = dict(items)
            case Added(item=(name, addresses)) | Modified(item=(name, addresses)):
                slices[name] = addresses
            case Deleted(item=(name, _)):
                slices.pop(name, None)
        tell(sorted({address for addresses in slices.values() for address in addresses}))


def _keep(item: Json) -> tuple[str, tuple[str, ...]]:
    return str((item.get("metadata") or {}).get("name")), tuple(addresses_of(item))


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
