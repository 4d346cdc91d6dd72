"""One reconcile of a pool: read it, decide, write."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import Final

from lambent.api.fields import InvalidSpecError
from lambent.api.functions.function import parse_function
from lambent.api.group import API_VERSION, FUNCTIONS
from lambent.api.names import pool as pool_name
from lambent.controller.function.observation import read_child, read_function
from lambent.controller.function.reconcile import TERMINATING
from lambent.controller.function.refusal_words import word_pool_refusal
from lambent.controller.pool.decision import ObservedPool, decide_pool, find_foreign, is_own
from lambent.controller.resources.installation import Installation
from lambent.controller.resources.pool_index import Pool, PoolIndex, has_pool, pool_of
from lambent.controller.writes.drift import Accepted
from lambent.controller.writes.execution import Executor, RefusedError
from lambent.controller.writes.plan import WARNING, Notice
from lambent.controller.writes.views import view_deployment
from lambent.kube.client import Json, KubeClient
from lambent.kube.pages import list_pages
from lambent.kube.paths import collection_path

logger: Final = logging.getLogger(__name__)
REFUSED_SECONDS: Final = 60.0
"""How soon a write that was refused is tried again; until then, functions start by their Deployments."""
PAGE: Final = 100
TOLD_FUNCTIONS: Final = 20
"""So many Functions of a namespace are told that their pool has no pods; there may be thousands, and all have the same trouble."""


class PoolReconciler:
    """Reconciles pools; remembers of each only what the API server made of the last writes."""

    def __init__(self, client: KubeClient, executor: Executor, installation: Installation, index: PoolIndex) -> None:
        self._client = client
        self._executor = executor
        self._installation = installation
        self._index = index
        self._accepted: dict[Pool, dict[str, Accepted]] = {}
        self._troubles: dict[Pool, str] = {}

    async def reconcile(self, pool: Pool) -> float | None:
        """One step; the seconds until the next look where a write was refused, None for not before something changes."""
        observed = await self._observe(pool)
        wanted = self._index.is_used(pool)
        if not wanted and observed.is_there and has_pool(pool.runtime, self._installation):
            # The index knows only what has been reconciled: just after a start, not all there is.
            wanted = await self._find_user(pool)
        if not wanted:
            self._accepted.pop(pool, None)
            self._troubles.pop(pool, None)
        again_seconds = None
        trouble = _find_trouble(observed)
        try:
            for write in decide_pool(observed, self._installation, wanted=wanted):
                accepted = (await self._executor.write(pool.namespace, write)).accepted
                if accepted is not None:
                    self._accepted.setdefault(pool, {})[write.kind] = accepted
        except RefusedError as refused:
            again_seconds = REFUSED_SECONDS
            trouble = "" if TERMINATING in refused.message else word_pool_refusal(refused.message)
        if wanted:
            await self._tell(observed, trouble)
        return again_seconds

    async def _tell(self, observed: ObservedPool, trouble: str) -> None:
        """Say once what is wrong: in the log, and by Events on the pool's Deployment and on Functions that would use it. No status of a
        Function speaks of pools, since every function works without."""
        pool = observed.pool
        if self._troubles.get(pool, "") == trouble:
            return
        self._troubles[pool] = trouble
        if not trouble:
            return
        logger.warning("no pool", extra={"namespace": pool.namespace, "runtime": pool.runtime, "error": trouble})
        notice = Notice(WARNING, "PoolRefused", trouble)
        if observed.deployment is not None and is_own(observed.deployment):
            await self._executor.tell({"apiVersion": "apps/v1", "kind": "Deployment", **observed.deployment}, notice)
        for namespace, name in self._index.users(pool)[:TOLD_FUNCTIONS]:
            body = await read_function(self._client, namespace, name)
            if body is not None:
                await self._executor.tell(body, notice)

    async def _observe(self, pool: Pool) -> ObservedPool:
        name = pool_name(pool.runtime)
        deployment, policy = await asyncio.gather(
            *(read_child(self._client, kind, pool.namespace, name) for kind in ("Deployment", "NetworkPolicy"))
        )
        return ObservedPool(pool, deployment, policy, self._accepted.get(pool, {}))

    async def _find_user(self, pool: Pool) -> bool:
        """Whether any Function of the namespace may take its pods, asked page by page until one does."""
        async with aclosing(list_pages(self._client, collection_path(API_VERSION, FUNCTIONS, pool.namespace), page_size=PAGE)) as pages:
            async for page in pages:
                if any(self._uses(body, pool) for body in page.get("items") or ()):
                    return True
        return False

    def _uses(self, body: Json, pool: Pool) -> bool:
        try:
            return pool_of(parse_function(body), self._installation) == pool
        except InvalidSpecError:
            return False


def _find_trouble(observed: ObservedPool) -> str:
    """What keeps a pool that is wanted from having pods, in words that stay the same while nothing changes; empty where nothing does."""
    foreign = find_foreign(observed)
    if foreign:
        return f"functions start without a generic pod: there is a {foreign} {pool_name(observed.pool.runtime)} that is not the pool's"
    failure = view_deployment(observed.deployment).failure if observed.deployment is not None else ""
    return word_pool_refusal(failure) if failure else ""
