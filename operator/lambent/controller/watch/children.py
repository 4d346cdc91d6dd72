"""Watches of what belongs to Functions and pools: each change that is news becomes a key of the queue.

These are five objects for each Function, so they are watched with as little as `kube.watch` keeps of each: nothing, or a hash. kopf, which
keeps a worker and a memory for each object, watches what users write.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Final

from lambent.controller.queue.work_queue import Key
from lambent.controller.watch.child_news import RESOURCES, Child, ChildNews, News, Resource, view_child
from lambent.controller.writes.views import Counts
from lambent.kube.client import Json, KubeClient
from lambent.kube.paths import collection_path
from lambent.kube.watch import Added, Deleted, Listed, WatchSettings, watch_objects

Add = Callable[[Key, float], None]
Hear = Callable[[Key, Counts | None, float], None]
Compare = Callable[[Key, int, Counts, float], None]


CHANGES: Final = WatchSettings(changes_only=True)
"""What there is already of Functions is for the survey, 50 of them at a time: here it would be five lists of everything at each start."""

LISTED_POOL_SECONDS: Final = 60.0
"""A pool that a Function uses is looked at when the survey comes to that Function. Before, all Functions of its namespace would have to be
read to know of any; after this, it is one that may be left over."""


class ChildWatches:
    """`begun` is set when every kind is watched; `missed` is called when events may have been missed after that.

    `add` is told of news that asks for a whole look, `hear` of what changes no more than how many pods there are, or run, and `compare` of
    a Deployment that looks different (key, hash, counts), which may be what the controller has just written.
    """

    def __init__(self, client: KubeClient, add: Add, hear: Hear, compare: Compare, missed: Callable[[], None]) -> None:
        self.begun = asyncio.Event()
        self._client = client
        self._add = add
        self._hear = hear
        self._compare = compare
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
                    self._tell(child, News.ANY, LISTED_POOL_SECONDS)
                self._begin(resource)
            elif isinstance(event, Deleted):
                self._tell(event.item, news.judge_deleted(event.item), resource.delay_seconds)
            else:
                found = news.judge_added(event.item) if isinstance(event, Added) else news.judge_modified(event.item)
                self._tell(event.item, found, resource.delay_seconds)

    def _begin(self, resource: Resource) -> None:
        if resource not in self._waiting_for:
            self._missed()
            return
        self._waiting_for.discard(resource)
        if not self._waiting_for:
            self.begun.set()

    def _tell(self, child: Child, news: News, delay_seconds: float) -> None:
        if child.key is None or news is News.NONE:
            return
        if news is News.COUNTS:
            self._hear(child.key, child.counts, delay_seconds)
        elif news is News.LOOKS and child.looks is not None and child.counts is not None:
            self._compare(child.key, child.looks, child.counts, delay_seconds)
        else:
            self._add(child.key, delay_seconds)
