"""Watches of what belongs to Functions and pools: each change that is news becomes a key of the queue.

These are five objects for each Function, so they are watched with as little as `kube.watch` keeps of each: nothing, or a hash. kopf, which
keeps a worker and a memory for each object, watches what users write.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Final

from lambent.controller.child_news import RESOURCES, Child, ChildNews, Resource, view_child
from lambent.controller.work_queue import Key
from lambent.kube.client import Json, KubeClient
from lambent.kube.paths import collection_path
from lambent.kube.watch import Added, Deleted, Listed, WatchSettings, watch_objects

Add = Callable[[Key, float], None]


CHANGES: Final = WatchSettings(changes_only=True)
"""What there is already of Functions is for the survey, 50 of them at a time: here it would be five lists of everything at each start."""

LISTED_POOL_SECONDS: Final = 60.0
"""A pool that a Function uses is looked at when the survey comes to that Function. Before, all Functions of its namespace would have to be
read to know of any; after this, it is one that may be left over."""


class ChildWatches:
    """`begun` is set when every kind is watched; `missed` is called when events may have been missed after that."""

    def __init__(self, client: KubeClient, add: Add, missed: Callable[[], None]) -> None:
        self.begun = asyncio.Event()
        self._client = client
        self._add = add
        self._missed = missed
        self._waiting_for = set(RESOURCES)

    async def run(self) -> None:
        """Watch without end."""
        async with asyncio.TaskGroup() as group:
            for resource in RESOURCES:
                group.create_task(self._watch(resource))

    async def _watch(self, resource: Resource) -> None:
        news = ChildNews()
        keep: Callable[[Json], Child] = functools.partial(view_child, resource.plural)
        path = collection_path(resource.group_version, resource.plural)
        settings = None if resource.of_pools else CHANGES
        async for event in watch_objects(self._client, path, label_selector=resource.selector, keep=keep, settings=settings):
            if isinstance(event, Listed):
                # Pools are few, and nobody surveys them.
                for child in event.items:
                    self._tell(resource, child, LISTED_POOL_SECONDS)
                self._begin(resource)
            elif isinstance(event, Deleted):
                news.note_deleted(event.item)
                self._tell(resource, event.item)
            elif news.is_news_added(event.item) if isinstance(event, Added) else news.is_news_modified(event.item):
                self._tell(resource, event.item)

    def _begin(self, resource: Resource) -> None:
        if resource not in self._waiting_for:
            self._missed()
            return
        self._waiting_for.discard(resource)
        if not self._waiting_for:
            self.begun.set()

    def _tell(self, resource: Resource, child: Child, delay_seconds: float | None = None) -> None:
        if child.key is not None:
            self._add(child.key, resource.delay_seconds if delay_seconds is None else delay_seconds)
