"""List and watch: what there is, then every change of it, for as long as the caller listens.

Source: Kubernetes API concepts, "Efficient detection of changes" (resourceVersion, bookmarks, 410 Gone) and client-go's reflector.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar, cast

from lambent.kube.backoff import Backoff
from lambent.kube.client import Json, KubeClient
from lambent.kube.errors import GoneError, KubeError, error_of_event
from lambent.kube.lines import LineDecoder, LineTooLongError
from lambent.kube.pages import list_pages

logger: Final = logging.getLogger(__name__)
Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class Listed(Generic[Kept]):
    """All there is; whatever the receiver held before and is not here is gone. First of all events, and again after a gap."""

    items: tuple[Kept, ...]


@dataclass(frozen=True, slots=True)
class Added(Generic[Kept]):
    """A new object."""

    item: Kept


@dataclass(frozen=True, slots=True)
class Modified(Generic[Kept]):
    """A changed object."""

    item: Kept


@dataclass(frozen=True, slots=True)
class Deleted(Generic[Kept]):
    """An object that is gone, as it last was."""

    item: Kept


Change = Added[Kept] | Modified[Kept] | Deleted[Kept]
WatchEvent = Listed[Kept] | Change[Kept]
_CHANGES: Final[dict[str, type[Added[Any] | Modified[Any] | Deleted[Any]]]] = {"ADDED": Added, "MODIFIED": Modified, "DELETED": Deleted}


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """How a watch behaves; times in seconds."""

    page_size: int = 100
    """Objects per page of the list, fewer where they are large: bounds the memory that a list takes at once."""
    longest_seconds: int = 300
    """The server ends a watch after half to all of this; it goes on where it was."""
    idle_seconds: float = 90.0
    """Nothing in this time, not even a bookmark (one a minute), means that the connection is dead."""
    changes_only: bool = False
    """What there is already is not told: the list is empty, and takes one small request however large the collection is."""
    backoff: Backoff = field(default_factory=lambda: Backoff(longest_seconds=2.0))
    """Between tries while the server does not answer: whoever watches answers callers by what it saw last, so it may not lag for long."""


def decode_line(line: bytes, keep: Callable[[Json], Kept | None], request: str) -> tuple[str, Change[Kept] | None]:
    """One line of a watch, pure: (resourceVersion, change); None for a bookmark, or an object that `keep` makes nothing of.

    Raises the KubeError an ERROR event holds.
    """
    parsed = json.loads(line)
    kind, item = parsed.get("type"), parsed.get("object") or {}
    if kind == "ERROR":
        raise error_of_event(item, request)
    change = _CHANGES.get(kind)
    version = str(item.get("metadata", {}).get("resourceVersion") or "")
    kept = None if change is None else keep(item)
    return version, None if change is None or kept is None else change(kept)


async def watch_objects(
    client: KubeClient,
    path: str,
    *,
    label_selector: str = "",
    field_selector: str = "",
    keep: Callable[[Json], Kept] | None = None,
    settings: WatchSettings | None = None,
) -> AsyncGenerator[WatchEvent[Kept], None]:
    """Events of a collection (`lambent.kube.paths.collection_path`), without end; it outlives API-server restarts.

    `keep` makes of each object the little that the receiver needs, at once, so that memory stays small. Without it, items are the whole
    objects. An object that it raises for is logged and left out: one that nobody foresaw must not make the receiver deaf to all others.
    The only way to end it is to stop listening (cancel the task, or `aclose`).
    """
    watch = _Watch(
        client, path, label_selector, field_selector, keep or cast("Callable[[Json], Kept]", _whole), settings or WatchSettings()
    )
    failures = 0
    while True:
        try:
            if not watch.resource_version:
                listed = await watch.list_all()
                failures = 0
                yield listed
            async with aclosing(watch.follow()) as changes:
                async for change in changes:
                    failures = 0
                    if change is not None:
                        yield change
            failures = 0
        except GoneError:
            # Too far behind for the server's memory of changes; a second one in a row waits, or the two would chase each other.
            watch.resource_version = ""
            failures += 1
            if failures == 1:
                continue
        except (KubeError, LineTooLongError, ValueError) as error:
            failures += 1
            if failures in {1, 10} or failures % 100 == 0:
                logger.warning("watch interrupted, trying again", extra={"path": path, "error": str(error), "failures": failures})
            # Not a position this server knows, as after its store was restored from a backup ("Too large resource version" is a 504).
            if isinstance(error, KubeError) and error.status in {400, 422, 504}:
                watch.resource_version = ""
        if failures:
            await asyncio.sleep(watch.settings.backoff.wait_seconds(failures, random.random()))  # noqa: S311 - jitter


class _Watch(Generic[Kept]):
    """The state of one `watch_objects`: where in the history of the collection it is."""

    def __init__(
        self, client: KubeClient, path: str, labels: str, fields: str, keep: Callable[[Json], Kept], settings: WatchSettings
    ) -> None:
        self.client = client
        self.path = path
        self.labels = labels
        self.fields = fields
        self._keep = keep
        self.settings = settings
        self.resource_version = ""

    def keep(self, item: Json) -> Kept | None:
        """What the receiver needs of an object; None where that cannot be made out."""
        try:
            return self._keep(item)
        except Exception:
            metadata = item.get("metadata") or {}
            fields = {"path": self.path, "namespace": metadata.get("namespace"), "object": metadata.get("name")}
            logger.exception("an object of a watch cannot be read, and is left out", extra=fields)
            return None

    async def list_all(self) -> Listed[Kept]:
        if self.settings.changes_only:
            page = await self.client.list(self.path, label_selector=self.labels, field_selector=self.fields, limit=1)
            self.resource_version = str((page.get("metadata") or {}).get("resourceVersion") or "")
            return Listed(())
        items: list[Kept] = []
        version = ""
        pages = list_pages(
            self.client, self.path, label_selector=self.labels, field_selector=self.fields, page_size=self.settings.page_size
        )
        async with aclosing(pages):
            async for page in pages:
                items.extend(kept for item in page.get("items") or () if (kept := self.keep(item)) is not None)
                version = str((page.get("metadata") or {}).get("resourceVersion") or version)
        self.resource_version = version
        return Listed(tuple(items))

    async def follow(self) -> AsyncGenerator[Change[Kept] | None, None]:
        """Changes until the server ends the watch; None for a bookmark."""
        longest = self.settings.longest_seconds
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self.resource_version,
            "timeoutSeconds": str(int(longest * random.uniform(0.5, 1.0)) or 1),  # noqa: S311 - jitter
            "labelSelector": self.labels,
            "fieldSelector": self.fields,
        }
        decoder = LineDecoder()
        async with self.client.stream(self.path, query=query, idle_timeout_seconds=self.settings.idle_seconds) as pieces:
            async for piece in pieces:
                for line in decoder.feed(piece):
                    version, change = decode_line(line, self.keep, f"WATCH {self.path}")
                    self.resource_version = version or self.resource_version
                    yield change


def _whole(item: Json) -> Json:
    return item
