"""One reconcile of a pool: read it, decide, write."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from lambent.api.fields import InvalidSpecError
from lambent.api.function import parse_function
from lambent.api.group import API_VERSION, FUNCTIONS
from lambent.api.names import pool as pool_name
from lambent.controller.drift import Accepted
from lambent.controller.execution import Executor, RefusedError
from lambent.controller.observation import read_child
from lambent.controller.options import Installation
from lambent.controller.pool_decision import ObservedPool, decide_pool, find_foreign
from lambent.controller.pool_index import Pool, PoolIndex, has_pool, pool_of
from lambent.controller.reconcile import TERMINATING
from lambent.kube.client import Json, KubeClient
from lambent.kube.paths import collection_path

logger: Final = logging.getLogger(__name__)
REFUSED_SECONDS: Final = 60.0
"""How soon a write that was refused is tried again; until then, functions start by their Deployments."""
PAGE: Final = 100


class PoolReconciler:
    """Reconciles pools; remembers of each only what the API server made of the last writes."""

    def __init__(self, client: KubeClient, executor: Executor, installation: Installation, index: PoolIndex) -> None:
        self._client = client
        self._executor = executor
        self._installation = installation
        self._index = index
        self._accepted: dict[Pool, dict[str, Accepted]] = {}
        self._refused: dict[Pool, str] = {}

    async def reconcile(self, pool: Pool) -> float | None:
        """One step; the seconds until the next look where a write was refused, None for not before something changes."""
        observed = await self._observe(pool)
        wanted = self._index.is_used(pool)
        if not wanted and observed.is_there and has_pool(pool.runtime, self._installation):
            # The index knows only what has been reconciled: just after a start, not all there is.
            wanted = await self._find_user(pool)
        if not wanted:
            self._accepted.pop(pool, None)
            self._refused.pop(pool, None)
        elif foreign := find_foreign(observed):
            self._tell(pool, f"there is a {foreign} {pool_name(pool.runtime)} that is not the pool's")
        try:
            for write in decide_pool(observed, self._installation, wanted=wanted):
                accepted = await self._executor.write(pool.namespace, write)
                if accepted is not None:
                    self._accepted.setdefault(pool, {})[write.kind] = accepted
        except RefusedError as refused:
            if TERMINATING not in refused.message:
                self._tell(pool, str(refused))
            return REFUSED_SECONDS
        return None

    def _tell(self, pool: Pool, message: str) -> None:
        """No Function's status speaks of pools, since every function works without: the log does, once for each message."""
        if self._refused.get(pool) != message:
            self._refused[pool] = message
            logger.warning("no pool", extra={"namespace": pool.namespace, "runtime": pool.runtime, "error": message})

    async def _observe(self, pool: Pool) -> ObservedPool:
        name = pool_name(pool.runtime)
        deployment, policy = await asyncio.gather(
            *(read_child(self._client, kind, pool.namespace, name) for kind in ("Deployment", "NetworkPolicy"))
        )
        return ObservedPool(pool, deployment, policy, self._accepted.get(pool, {}))

    async def _find_user(self, pool: Pool) -> bool:
        """Whether any Function of the namespace may take its pods, asked page by page until one does."""
        token = ""
        while True:
            path = collection_path(API_VERSION, FUNCTIONS, pool.namespace)
            page = await self._client.list(path, limit=PAGE, continue_token=token)
            if any(self._uses(body, pool) for body in page.get("items") or ()):
                return True
            token = str((page.get("metadata") or {}).get("continue") or "")
            if not token:
                return False

    def _uses(self, body: Json, pool: Pool) -> bool:
        try:
            return pool_of(parse_function(body), self._installation) == pool
        except InvalidSpecError:
            return False
