"""Which events of Functions and Triggers ask for a reconcile. Pure.

Most events of them are the echo of what the controller, or the autoscaler's `lastInvoked`, has just written into its status. Only
what others say counts: the manifest, its deletion, and how a revision initialised.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lambent.api import conditions
from lambent.controller.queue.work_queue import Key


@dataclass(slots=True)
class FunctionNews:
    """Remembers of each Function a hash of what counts."""

    _seen: dict[Key, int] = field(default_factory=dict)

    def is_news(self, key: Key, event_type: str | None, body: Mapping[str, Any]) -> bool:
        """`event_type` as kopf has it: None for an object of a list. Events may have been missed before a list, so what it shows is news
        unless the object itself says that nothing is to be done; whether that is true is for a survey to find out, in its time."""
        if event_type == "DELETED":
            self._seen.pop(key, None)
            return True
        fingerprint = _fingerprint(body)
        known = self._seen.get(key)
        self._seen[key] = fingerprint
        return not is_settled(body) if event_type is None else known != fingerprint


@dataclass(slots=True)
class TriggerNews:
    """Remembers of each Trigger a hash of what counts: its manifest, and whether it is being deleted."""

    _seen: dict[Key, int] = field(default_factory=dict)

    def is_news(self, key: Key, event_type: str | None, body: Mapping[str, Any]) -> bool:
        """Return whether a reconcile must follow; one follows every object of a list (`event_type` None)."""
        if event_type == "DELETED":
            self._seen.pop(key, None)
            return True
        metadata = body.get("metadata") or {}
        fingerprint = hash((metadata.get("uid"), metadata.get("generation"), metadata.get("deletionTimestamp")))
        known = self._seen.get(key)
        self._seen[key] = fingerprint
        return event_type is None or known != fingerprint


def is_settled(body: Mapping[str, Any]) -> bool:
    """Whether a Function's status says that its manifest, as it is now, was carried out to its end."""
    metadata, status = body.get("metadata") or {}, body.get("status") or {}
    generation = metadata.get("generation")
    if not generation or metadata.get("deletionTimestamp") or status.get("observedGeneration") != generation:
        return False
    ready = [item for item in status.get("conditions") or () if item.get("type") == conditions.READY]
    return any(item.get("status") == conditions.TRUE and item.get("observedGeneration") == generation for item in ready)


def _fingerprint(body: Mapping[str, Any]) -> int:
    metadata = body.get("metadata") or {}
    status = body.get("status") or {}
    told = status.get("initialization")
    initialization = json.dumps({**told, "durationMs": 0}, sort_keys=True, default=str) if told else ""
    return hash((metadata.get("uid"), metadata.get("generation"), metadata.get("deletionTimestamp"), initialization))
