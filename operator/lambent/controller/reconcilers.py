"""Brings each key to the reconciler of its kind, and tells the others what one of them has learnt: a Function its pool and its Triggers."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final

from lambent.api.functions.function import Function
from lambent.api.namespace_limits import Roster, word_functions, word_triggers
from lambent.api.triggers.claims import Name
from lambent.api.triggers.grants import HostGrant
from lambent.api.triggers.trigger import Trigger
from lambent.controller.function.reconcile import FunctionReconciler
from lambent.controller.pool.reconcile import PoolReconciler
from lambent.controller.queue.work_queue import FUNCTION, POOL, TRIGGER, Key
from lambent.controller.resources.installation import Installation
from lambent.controller.resources.pool_index import Pool, PoolIndex, pool_of
from lambent.controller.trigger.index import TriggerIndex
from lambent.controller.trigger.reconcile import TriggerReconciler
from lambent.controller.writes.execution import Executor
from lambent.controller.writes.views import Counts
from lambent.kube.client import KubeClient

UNUSED_POOL_SECONDS: Final = 30.0
"""A pool outlives its last Function by this: who deletes a Function often applies it again."""
RESYNC_SECONDS: Final = 1800.0
"""Each Trigger and pool is looked at again after this to one and a half times this, should an event have been missed."""


class Reconcilers:
    """The reconcilers of Functions, Triggers and pools, in one process.

    `enqueue` has a key reconciled in so many seconds, and `may_act` tells whether this process still leads.
    """

    def __init__(
        self,
        client: KubeClient,
        executor: Executor,
        installation: Installation,
        now: Callable[[], datetime],
        enqueue: Callable[[Key, float], None],
        may_act: Callable[[], bool],
    ) -> None:
        self._installation = installation
        self._enqueue = enqueue
        self._may_act = may_act
        self._trigger_index = TriggerIndex(installation.domains)
        self._pool_index = PoolIndex()
        self._function_roster = Roster(installation.limits.functions, installation.limits.inline_bytes)
        self._trigger_roster = Roster(installation.limits.triggers)
        self.functions = FunctionReconciler(client, executor, installation, now, self._note_function, self._why_function_beyond)
        self._triggers = TriggerReconciler(
            client, executor, self._trigger_index, now, self._enqueue_trigger, self._why_trigger_beyond, self.functions.knows
        )
        self._pools = PoolReconciler(client, executor, installation, self._pool_index)

    def add(self, key: Key, delay: float = 0.0) -> None:
        """Something has happened to it that asks for a whole look."""
        if key.kind == FUNCTION:
            self.functions.disturb(key.namespace, key.name)
        self._enqueue(key, delay)

    def hear(self, key: Key, counts: Counts | None, delay: float) -> None:
        """The number of a Function's pods has changed, and nothing else."""
        if key.kind != FUNCTION or self.functions.hear(key.namespace, key.name, counts):
            self._enqueue(key, delay)

    def compare(self, key: Key, looks: int, counts: Counts, delay: float) -> None:
        """A Deployment looks different, with this hash of `hash_deployment`: which is no news where a reconcile has just written it so."""
        if key.kind != FUNCTION or self.functions.compare(key.namespace, key.name, looks, counts):
            self._enqueue(key, delay)

    def change(self, key: Key, delay: float = 0.0) -> None:
        """A Function or Trigger was changed by a user, or is gone; of what belongs to a Function there is no news."""
        if key.kind == FUNCTION:
            self.functions.change(key.namespace, key.name)
        self._enqueue(key, delay)

    def forget(self) -> None:
        """Events may have been missed."""
        self.functions.forget()

    def note_trigger(self, name: Name, trigger: Trigger | None) -> None:
        """A Trigger as its watch has just shown it, None where it is gone or cannot be read: what it changes for others does not wait."""
        moves = self._trigger_roster.drop(name) if trigger is None else self._trigger_roster.put(name, trigger.created)
        affected = set(moves.admitted | moves.refused)
        for refused in moves.refused:
            affected |= self._trigger_index.drop(refused)
        if trigger is None:
            affected |= self._trigger_index.drop(name)
        else:
            affected |= self._trigger_index.put(trigger, asks=self._trigger_roster.admits(name))
        for other in affected:
            self._enqueue_trigger(other)

    def note_function(self, name: Name, created: str | None, inline_size: int = 0) -> None:
        """A Function as its watch has just shown it; without `created` it is gone."""
        roster = self._function_roster
        if created is None:
            self.functions.note_gone(*name)
        moves = roster.drop(name) if created is None else roster.put(name, created, inline_size)
        for other in moves.admitted | moves.refused:
            self.add(Key(FUNCTION, *other))

    def beyond(self) -> Mapping[str, int]:
        """How many objects of each kind are beyond their namespaces' bounds."""
        return {FUNCTION: self._function_roster.refused(), TRIGGER: self._trigger_roster.refused()}

    def set_grants(self, grants: Iterable[HostGrant]) -> None:
        """All HostGrants there are."""
        for name in self._trigger_index.set_grants(grants):
            self._enqueue_trigger(name)

    async def reconcile(self, key: Key) -> float | None:
        """One step; the seconds until the next look, None for not before something changes."""
        if not self._may_act():
            # Whoever leads next begins with a look at everything.
            return None
        if key.kind == TRIGGER:
            return _resync_seconds() if await self._triggers.reconcile(key.namespace, key.name) else None
        if key.kind == POOL:
            return await self._reconcile_pool(Pool(key.namespace, key.name))
        return await self._reconcile_function((key.namespace, key.name))

    async def _reconcile_pool(self, pool: Pool) -> float | None:
        again = await self._pools.reconcile(pool)
        return again if again is not None or not self._pool_index.is_used(pool) else _resync_seconds()

    async def _reconcile_function(self, function: Name) -> float | None:
        existed = self.functions.knows(*function)
        again = await self.functions.reconcile(*function)
        if existed != self.functions.knows(*function):
            for name in self._trigger_index.calling(function):
                self._enqueue_trigger(name)
        return again

    def _note_function(self, namespace: str, name: str, function: Function | None) -> None:
        wanted = pool_of(function, self._installation) if function is not None else None
        for pool in self._pool_index.note((namespace, name), wanted):
            self._enqueue(Key(POOL, *pool), 0.0 if self._pool_index.is_used(pool) else UNUSED_POOL_SECONDS)

    def _why_function_beyond(self, namespace: str, name: str) -> str:
        roster = self._function_roster
        return "" if roster.admits((namespace, name)) else word_functions(namespace, roster, self._installation.limits)

    def _why_trigger_beyond(self, namespace: str, name: str) -> str:
        roster = self._trigger_roster
        return "" if roster.admits((namespace, name)) else word_triggers(namespace, roster, self._installation.limits)

    def _enqueue_trigger(self, name: Name) -> None:
        self._enqueue(Key(TRIGGER, *name), 0.0)


def _resync_seconds() -> float:
    return RESYNC_SECONDS * random.uniform(1.0, 1.5)  # noqa: S311 - spreads the looks over time, no secret
