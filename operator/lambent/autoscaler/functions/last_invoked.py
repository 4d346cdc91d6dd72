"""`status.lastInvoked`: when a function was last invoked. The decision when to write it is pure; the edge writes by server-side apply."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from lambent.api.group import API_VERSION, FUNCTIONS
from lambent.autoscaler.statistics import FunctionKey
from lambent.kube.client import KubeClient
from lambent.kube.paths import object_path

PERIOD_SECONDS: Final = 60.0
"""A status is a write to etcd and an event to every watcher: at most one a minute for a function, and one when it goes to zero."""


class InvocationLog:
    """What was written of each function, and so what is to be written now."""

    def __init__(self) -> None:
        self._written: dict[FunctionKey, tuple[float, float]] = {}  # (invoked at, written at)

    def is_due(self, key: FunctionKey, invoked_at: float | None, now: float, *, at_zero: bool) -> bool:
        """Whether there is something new to say, and it may be said now."""
        if invoked_at is None:
            return False
        last_invoked, last_written = self._written.get(key, (float("-inf"), float("-inf")))
        return invoked_at > last_invoked and (at_zero or now - last_written >= PERIOD_SECONDS)

    def note_written(self, key: FunctionKey, invoked_at: float, now: float) -> None:
        """Note that a time was written, or has been tried: a failure is not repeated before the next period."""
        self._written[key] = (invoked_at, now)

    def keep(self, keys: Iterable[FunctionKey]) -> None:
        """Forget all functions but these."""
        for key in self._written.keys() - frozenset(keys):
            del self._written[key]


def stamp(invoked_at: float, now: float, wall_now: datetime) -> str:
    """The time of an invocation by the wall clock (RFC 3339, whole seconds), from the clock that only goes forward."""
    moment = wall_now.astimezone(UTC) - timedelta(seconds=now - invoked_at)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


async def write_last_invoked(client: KubeClient, key: FunctionKey, moment: str, field_manager: str) -> None:
    """Server-side apply of that one field. Raises KubeError (NotFoundError: the Function is gone)."""
    metadata = {"name": key.name, "namespace": key.namespace}
    body = {"apiVersion": API_VERSION, "kind": "Function", "metadata": metadata, "status": {"lastInvoked": moment}}
    await client.apply(object_path(API_VERSION, FUNCTIONS, key.namespace, key.name, "status"), body, field_manager=field_manager)
