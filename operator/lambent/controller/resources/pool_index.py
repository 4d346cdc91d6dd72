"""Which Functions use which pool, pure: kept as Functions are reconciled, so that no event has to list them all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from lambent.api.functions.function import Function
from lambent.api.functions.pool import why_not_pooled
from lambent.api.triggers.claims import Name
from lambent.api.triggers.served import find_unserved_fields
from lambent.controller.resources.installation import Installation


class Pool(NamedTuple):
    """A pool is one runtime's in one namespace."""

    namespace: str
    runtime: str


def pool_of(function: Function, installation: Installation) -> Pool | None:
    """The pool whose pods a Function may take; None where there is none for it."""
    spec = function.spec
    if spec.runtime is None or not has_pool(spec.runtime, installation) or find_unserved_fields(spec):
        return None
    unlike = why_not_pooled(spec, max_memory_bytes=installation.pools.max_memory_bytes)
    return None if unlike else Pool(function.namespace, spec.runtime)


def has_pool(runtime: str, installation: Installation) -> bool:
    """Whether this installation keeps pools of that runtime."""
    return installation.pools.size > 0 and runtime in installation.runtimes


@dataclass(slots=True)
class PoolIndex:
    """Functions by (namespace, name)."""

    _pools: dict[Name, Pool] = field(default_factory=dict)
    _users: dict[Pool, set[Name]] = field(default_factory=dict)

    def note(self, name: Name, pool: Pool | None) -> frozenset[Pool]:
        """Note the pool that a Function may take pods of; None: none, or it is gone. Return pools that got their first user or lost the
        last one."""
        before = self._pools.get(name)
        if before == pool:
            return frozenset()
        return frozenset((*self._leave(name), *self._join(name, pool)))

    def is_used(self, pool: Pool) -> bool:
        """Whether a Function that was seen may take its pods."""
        return pool in self._users

    def users(self, pool: Pool) -> list[Name]:
        """The Functions that were seen and may take its pods, by name."""
        return sorted(self._users.get(pool, ()))

    def _leave(self, name: Name) -> Iterator[Pool]:
        before = self._pools.pop(name, None)
        if before is None:
            return
        self._users[before].discard(name)
        if not self._users[before]:
            del self._users[before]
            yield before

    def _join(self, name: Name, pool: Pool | None) -> Iterator[Pool]:
        if pool is None:
            return
        self._pools[name] = pool
        users = self._users.setdefault(pool, set())
        users.add(name)
        if len(users) == 1:
            yield pool
