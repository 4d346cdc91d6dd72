"""Kubernetes Events: what `kubectl describe` shows a user. The same event again is counted, not written anew.

Core v1 Events, since that is what kubectl and dashboards show; `count`, `firstTimestamp` and `lastTimestamp` make a series.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from lambent.kube.client import Json, KubeClient
from lambent.kube.errors import ConflictError, KubeError, NotFoundError
from lambent.kube.paths import collection_path, object_path

logger: Final = logging.getLogger(__name__)
NORMAL: Final = "Normal"
WARNING: Final = "Warning"
_LONGEST_MESSAGE: Final = 1024
_REMEMBERED: Final = 1000
_SERIES_SECONDS: Final = 600.0
"""An event is the same one again within ten minutes of the last (client-go's correlator does likewise)."""


@dataclass(slots=True)
class _Series:
    name: str
    count: int
    first: datetime
    last: datetime


AT_ONCE: Final = 25.0
SECONDS_EACH: Final = 300.0
"""Of one object so many events are written at once, and then one in so many seconds; others are dropped. client-go's
EventSourceObjectSpamFilter has these numbers."""


class _Allowance:
    """Token buckets, one for each object; those that were not used longest are forgotten."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[float, datetime]] = {}

    def take(self, about: str, now: datetime) -> bool:
        """Return whether one more event of the object may be written."""
        left, at = self._left.pop(about, (AT_ONCE, now))
        left = min(AT_ONCE, left + max(0.0, (now - at).total_seconds()) / SECONDS_EACH)
        while len(self._left) >= _REMEMBERED:
            self._left.pop(next(iter(self._left)))
        self._left[about] = (left - 1.0 if left >= 1.0 else left, now)
        return left >= 1.0


class EventRecorder:
    """Writes events for one component; they are a courtesy, so a failure to write one is logged and no more."""

    def __init__(self, client: KubeClient, component: str, instance: str, *, clock: Callable[[], datetime] | None = None) -> None:
        """`component` and `instance` say who reports: a role, and its pod."""
        self._client = client
        self._component = component
        self._instance = instance
        self._clock = clock or _utc_now
        self._series: dict[str, _Series] = {}
        self._allowance = _Allowance()

    async def record(self, regarding: Json, kind: str, reason: str, message: str) -> None:
        """`regarding` is the object (apiVersion, kind, metadata), `kind` NORMAL or WARNING, `reason` one CamelCase word."""
        now = self._clock()
        metadata: dict[str, Any] = regarding.get("metadata") or {}
        namespace = str(metadata.get("namespace") or "default")
        about = f"{regarding.get('kind')} {namespace}/{metadata.get('name')} {metadata.get('uid')}"
        if not self._allowance.take(about, now):
            return
        key = f"{about} {kind} {reason} {message}"
        series = self._series.get(key)
        try:
            if series is not None and (now - series.last).total_seconds() <= _SERIES_SECONDS and await self._count(namespace, series, now):
                return
            await self._write(key, namespace, regarding, kind, reason, message, now)
        except KubeError as error:
            logger.warning(
                "event not written", extra={"reason": reason, "object": f"{namespace}/{metadata.get('name')}", "error": str(error)}
            )

    async def _count(self, namespace: str, series: _Series, now: datetime) -> bool:
        series.count += 1
        series.last = now
        body: Json = {"count": series.count, "lastTimestamp": _stamp(now)}
        try:
            await self._client.patch(object_path("v1", "events", namespace, series.name), body)
        except NotFoundError:  # The API server forgets events after an hour.
            return False
        return True

    async def _write(self, key: str, namespace: str, regarding: Json, kind: str, reason: str, message: str, now: datetime) -> None:
        metadata: dict[str, Any] = regarding.get("metadata") or {}
        # As client-go names them, by time: `kubectl describe` shows events of one second in the order of their names.
        digest = hashlib.sha256(f"{key} {self._instance}".encode()).hexdigest()[:4]
        name = f"{str(metadata.get('name'))[:200]}.{int(now.timestamp() * 1_000_000):013x}{digest}"
        involved = {"apiVersion": regarding.get("apiVersion"), "kind": regarding.get("kind"), "namespace": namespace}
        involved |= {"name": metadata.get("name"), "uid": metadata.get("uid"), "resourceVersion": metadata.get("resourceVersion")}
        body: Json = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": {field: value for field, value in involved.items() if value},
            "type": kind,
            "reason": reason,
            "message": _fit(message),
            "count": 1,
            "firstTimestamp": _stamp(now),
            "lastTimestamp": _stamp(now),
            "source": {"component": self._component, "host": self._instance},
            "reportingComponent": self._component,
            "reportingInstance": self._instance,
        }
        try:
            await self._client.create(collection_path("v1", "events", namespace), body)
        except ConflictError:  # The very same event in the same microsecond: it is written.
            return
        self._series.pop(key, None)
        while len(self._series) >= _REMEMBERED:
            self._series.pop(next(iter(self._series)))
        self._series[key] = _Series(name, 1, now, now)


def _fit(message: str) -> str:
    return message if len(message) <= _LONGEST_MESSAGE else message[: _LONGEST_MESSAGE - 1] + "…"


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _utc_now() -> datetime:
    return datetime.now(UTC)
