"""From a pool as it is to the writes that make it what it should be. Pure; `pool_reconcile` carries them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lambent.api.group import LABEL_ROLE, ROLE_POOL
from lambent.controller.resources.installation import Installation
from lambent.controller.resources.labels import LABEL_MANAGED_BY, MANAGED_BY
from lambent.controller.resources.pool import build_pool_deployment, build_pool_network_policy
from lambent.controller.resources.pool_index import Pool
from lambent.controller.writes.drift import Accepted, Manifest
from lambent.controller.writes.plan import Delete, Write, ensure


@dataclass(frozen=True, slots=True)
class ObservedPool:
    """A pool's objects as last read, None where there is none."""

    pool: Pool
    deployment: Manifest | None = None
    network_policy: Manifest | None = None
    accepted: Mapping[str, Accepted] = field(default_factory=dict)
    """By kind: what the API server made of the last write."""

    @property
    def is_there(self) -> bool:
        """Whether anything of the pool is there to be removed."""
        return any(live is not None and is_own(live) and not _is_going(live) for live in (self.deployment, self.network_policy))


def is_own(live: Manifest) -> bool:
    """Whether an object that bears a pool's name is a pool's: people may have had the name first."""
    labels = live["metadata"].get("labels") or {}
    return labels.get(LABEL_MANAGED_BY) == MANAGED_BY and labels.get(LABEL_ROLE) == ROLE_POOL


def find_foreign(observed: ObservedPool) -> str:
    """The kind of an object that holds the pool's name and is not the pool's; empty where there is none."""
    found = (("Deployment", observed.deployment), ("NetworkPolicy", observed.network_policy))
    return next((kind for kind, live in found if live is not None and not is_own(live)), "")


def decide_pool(observed: ObservedPool, installation: Installation, *, wanted: bool) -> tuple[Write, ...]:
    """The writes, in their order; none where all is well, or where the name is somebody else's."""
    if not wanted:
        return _remove(observed)
    if find_foreign(observed):
        return ()
    namespace, runtime = observed.pool
    deployment = build_pool_deployment(namespace, runtime, installation.runtimes[runtime], installation)
    policy = build_pool_network_policy(namespace, runtime, installation)
    first = {**deployment, "spec": {"replicas": installation.pools.size, **deployment["spec"]}}
    # The policy first: no pod is open for even a moment.
    return (*_ensure(policy, observed.network_policy, observed), *_ensure(deployment, observed.deployment, observed, first))


def _ensure(built: Manifest, live: Manifest | None, observed: ObservedPool, first: Manifest | None = None) -> list[Write]:
    return [] if live is not None and _is_going(live) else ensure(built, live, observed.accepted, first=first)


def _remove(observed: ObservedPool) -> tuple[Write, ...]:
    """The policy last, for the same reason."""
    found = (("Deployment", observed.deployment), ("NetworkPolicy", observed.network_policy))
    return tuple(
        Delete(kind, live["metadata"]["name"], live["metadata"]["uid"])
        for kind, live in found
        if live is not None and is_own(live) and not _is_going(live)
    )


def _is_going(live: Manifest) -> bool:
    return bool(live["metadata"].get("deletionTimestamp"))
