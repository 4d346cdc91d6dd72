"""Watches HostGrants: few, written by cluster administrators, and told as a whole each time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Final

from lambent.api.fields import InvalidSpecError
from lambent.api.group import API_VERSION, HOST_GRANTS
from lambent.api.triggers.grants import HostGrant, parse_grant
from lambent.kube.client import Json, KubeClient
from lambent.kube.paths import collection_path
from lambent.kube.watch import Deleted, Listed, watch_objects

logger: Final = logging.getLogger(__name__)


async def watch_grants(client: KubeClient, tell: Callable[[Iterable[HostGrant]], None]) -> None:
    """Tell of all HostGrants whenever one changes, without end. One that cannot be read is as one that is not there."""
    grants: dict[str, HostGrant] = {}
    async for event in watch_objects(client, collection_path(API_VERSION, HOST_GRANTS), keep=keep_grant):
        if isinstance(event, Listed):
            grants = {name: grant for name, grant in event.items if grant is not None}
        else:
            name, grant = event.item
            if grant is None or isinstance(event, Deleted):
                grants.pop(name, None)
            else:
                grants[name] = grant
        tell(grants.values())


def keep_grant(item: Json) -> tuple[str, HostGrant | None]:
    """A HostGrant by its name; None where its spec cannot be used."""
    try:
        grant = parse_grant(item)
    except InvalidSpecError as error:
        name = str((item.get("metadata") or {}).get("name") or "")
        logger.warning("HostGrant %s is not followed: %s", name, error)
        return name, None
    return grant.name, grant
