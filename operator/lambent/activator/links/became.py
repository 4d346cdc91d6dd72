"""BECAME: what a pod that comes from a pool says it is, checked for its shape. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

from lambent.activator.links.hello import MAX_SLOTS
from lambent.api import link as wire


class Became(NamedTuple):
    """BECAME, checked for shape."""

    ok: bool
    name: str
    revision: str
    slots: int
    error: str


def parse_became(fields: dict[str, Any]) -> Became:
    """The fields of BECAME; raises `FrameError` where they are not of its shape."""
    name, revision, slots = fields.get("function"), fields.get("revision"), fields.get("slots")
    if not isinstance(name, str) or not isinstance(revision, str) or (name and not (type(slots) is int and 1 <= slots <= MAX_SLOTS)):
        raise wire.FrameError(f"BECAME names no function: {name!r} at {revision!r} with {slots!r} slots")
    return Became(fields.get("ok") is True, name, revision, slots if type(slots) is int else 1, str(fields.get("error") or ""))
