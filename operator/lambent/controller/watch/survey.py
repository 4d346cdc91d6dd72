"""A look at all Functions and what belongs to them, for what no event told of: after a start, after a gap in a watch, and now and then.

It reads by lists, a page of Functions at a time, and writes nothing: a Function that is not as it should be becomes a key of the queue.
What users have just changed goes first.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from typing import Any, Final, Protocol

from lambent.api import names
from lambent.api.group import API_VERSION, FUNCTIONS, LABEL_FUNCTION
from lambent.controller.function.children import Children
from lambent.controller.function.observation import list_children
from lambent.controller.queue.work_queue import FUNCTION, Key
from lambent.controller.writes.kinds import KINDS
from lambent.kube.client import Json, KubeClient
from lambent.kube.errors import GoneError, KubeError
from lambent.kube.pages import list_pages
from lambent.kube.paths import collection_path

logger: Final = logging.getLogger(__name__)
PAGE: Final = 50
"""Functions in one look, fewer where they are large: their names go into one selector."""
SCOPES: Final = 4
"""A page of Functions from more namespaces than this is looked up in all namespaces at once."""
PERIOD_SECONDS: Final = 7200.0
"""Between two looks that nobody asked for; each begins after this to one and a half times this."""
PAUSE_SECONDS: Final = 0.05
AGAIN_SECONDS: Final = 5.0
"""After a look that could not be finished."""
Name = tuple[str, str]


class Reviewer(Protocol):
    """Knows how a Function should be; the reconciler of Functions implements it."""

    def review(self, body: Json, children: Children) -> bool:
        """Whether it asks for a reconcile."""

    def known(self) -> Iterable[Name]:
        """All Functions that were there when last looked at."""


class Survey:
    """`add` takes a key that asks for a reconcile; `is_busy` says whether more urgent work waits."""

    def __init__(
        self,
        client: KubeClient,
        reviewer: Reviewer,
        add: Callable[[Key], None],
        is_busy: Callable[[], bool],
        done: Callable[[], None] = lambda: None,
    ) -> None:
        """`done` is called at the end of each look."""
        self._done = done
        self._client = client
        self._reviewer = reviewer
        self._add = add
        self._is_busy = is_busy
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Events may have been missed: look as soon as possible."""
        self._asked.set()

    async def run(self, until_listed: Callable[[], Awaitable[Any]]) -> None:
        """Without end. `until_listed` returns when every watch has begun, so that nothing happens between a look and the first event."""
        await until_listed()
        while True:
            self._asked.clear()
            try:
                await self._look_at_all()
                seconds = PERIOD_SECONDS * random.uniform(1.0, 1.5)  # noqa: S311 - spreads the looks of many clusters
            except KubeError as error:
                logger.warning("survey put off", extra={"error": str(error), "again_in_seconds": AGAIN_SECONDS})
                seconds = AGAIN_SECONDS
                self._asked.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._asked.wait()
            except TimeoutError:
                continue

    async def _look_at_all(self) -> None:
        missing = set(self._reviewer.known())
        try:
            async with aclosing(list_pages(self._client, collection_path(API_VERSION, FUNCTIONS), page_size=PAGE)) as pages:
                async for page in pages:
                    bodies = page.get("items") or []
                    missing.difference_update(_name_of(body) for body in bodies)
                    await self._look_at(bodies)
        except GoneError:
            # It took longer than the API server remembers: anew, from the beginning.
            self._asked.set()
            return
        for namespace, name in missing:
            self._add(Key(FUNCTION, namespace, name))
        self._done()

    async def _look_at(self, bodies: list[Json]) -> None:
        found = await self._find_children([_name_of(body) for body in bodies])
        for body in bodies:
            name = _name_of(body)
            while self._is_busy():  # noqa: ASYNC110 - there is no event for the end of work that nobody would miss
                await asyncio.sleep(PAUSE_SECONDS)
            if self._reviewer.review(body, choose_children(name[1], found.get(name, {}))):
                self._add(Key(FUNCTION, *name))
            # A review takes milliseconds: let requests and events in between.
            await asyncio.sleep(0)

    async def _find_children(self, functions: list[Name]) -> dict[Name, dict[str, list[Json]]]:
        """By Function and kind, of all kinds but ReplicaSets."""
        by_namespace: dict[str | None, list[str]] = {}
        for namespace, name in functions:
            by_namespace.setdefault(namespace, []).append(name)
        if len(by_namespace) > SCOPES:
            by_namespace = {None: sorted({name for _, name in functions})}
        found: dict[Name, dict[str, list[Json]]] = {}
        for scope, members in by_namespace.items():
            for kind in ("Deployment", "Service", "NetworkPolicy", "ConfigMap", "Pod"):
                version, plural = KINDS[kind]
                selector = f"{LABEL_FUNCTION} in ({','.join(members)})"
                async for item in list_children(self._client, kind, collection_path(version, plural, scope), selector):
                    owner = (item["metadata"]["namespace"], item["metadata"]["labels"][LABEL_FUNCTION])
                    found.setdefault(owner, {}).setdefault(kind, []).append(item)
        return found


def choose_children(function: str, found: Mapping[str, list[Json]]) -> Children:
    """Return the objects that have a Function's names, of those that carry its label. Pure."""

    def named(kind: str, name: str) -> Json | None:
        return next((item for item in found.get(kind, ()) if item["metadata"]["name"] == name), None)

    return Children(
        deployment=named("Deployment", names.deployment(function)),
        service=named("Service", names.service(function)),
        network_policy=named("NetworkPolicy", names.network_policy(function)),
        pods=found.get("Pod", ()),
        code_maps=found.get("ConfigMap", ()),
    )


def _name_of(body: Json) -> Name:
    return body["metadata"]["namespace"], body["metadata"]["name"]
