"""A Function's status as the controller writes it: its own fields only, and only what differs from what is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lambent.api.conditions import Condition, merge_conditions, parse_condition


def build_conditions(stored: Mapping[str, Any], wanted: Iterable[Condition], now: str) -> list[dict[str, Any]]:
    """The conditions to store: with the time of their last change, and with messages that do not flicker."""
    raw = stored.get("conditions")
    before = [parse_condition(item) for item in raw] if isinstance(raw, list) else []
    return [condition.to_dict() for condition in merge_conditions(before, wanted, now)]


def diff_status(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """The merge patch that makes `stored` say `wanted`, None where it does. A wanted None removes the field."""
    patch = {name: value for name, value in wanted.items() if stored.get(name) != value}
    return patch or None
