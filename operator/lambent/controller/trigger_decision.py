"""What a Trigger's status says: whether its source is served, its function is there, and its route is its own. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lambent.api import conditions
from lambent.api.conditions import Condition
from lambent.api.trigger import Trigger
from lambent.controller.plan import WARNING, Notice, Plan
from lambent.controller.served import find_unserved_trigger_fields, word_unserved
from lambent.controller.status_patch import build_conditions, diff_status
from lambent.controller.trigger_index import Claim


@dataclass(frozen=True, slots=True)
class ObservedTrigger:
    """A Trigger and what it depends on."""

    trigger: Trigger
    stored_status: Mapping[str, Any]
    function_exists: bool
    older: Claim | None
    """The older Trigger that holds the route."""


def decide_trigger(now: datetime, observed: ObservedTrigger) -> Plan:
    """The Trigger's status and, where it is refused, an Event."""
    trigger = observed.trigger
    status, reason, message = _judge(observed)
    ready = Condition(conditions.READY, status, reason, message, trigger.generation)
    return _plan(now, observed.stored_status, ready, {"source": trigger.spec.source})


def decide_invalid_trigger(now: datetime, generation: int, stored: Mapping[str, Any], message: str) -> Plan:
    """The status of a Trigger that cannot be read."""
    return _plan(now, stored, Condition(conditions.READY, conditions.FALSE, conditions.REASON_INVALID_SPEC, message, generation), {})


def _judge(observed: ObservedTrigger) -> tuple[str, str, str]:
    spec = observed.trigger.spec
    unserved = find_unserved_trigger_fields(spec)
    if unserved:
        return conditions.FALSE, conditions.REASON_FIELD_NOT_SERVED, word_unserved(unserved)
    if not observed.function_exists:
        where = f"spec.function.name: there is no Function {spec.function!r} in the namespace {observed.trigger.namespace!r}"
        return conditions.FALSE, conditions.REASON_FUNCTION_NOT_FOUND, where
    if not spec.enabled:
        return conditions.FALSE, conditions.REASON_DISABLED, "spec.enabled is false: nothing is delivered"
    if observed.older is not None:
        namespace, name = observed.older.trigger
        message = f"spec.http: the older Trigger {name} of the namespace {namespace} has this host, path and method already"
        return conditions.FALSE, conditions.REASON_CONFLICT, message
    return conditions.TRUE, conditions.REASON_READY, f"requests reach the Function {spec.function}"


def _plan(now: datetime, stored: Mapping[str, Any], ready: Condition, more: Mapping[str, Any]) -> Plan:
    stamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    wanted = {"observedGeneration": ready.observed_generation, "conditions": build_conditions(stored, [ready], stamp), **more}
    raw = stored.get("conditions")
    before = {item.get("type"): item for item in raw} if isinstance(raw, list) else {}
    old = before.get(conditions.READY, {})
    told = (old.get("status"), old.get("reason"), old.get("message")) == (ready.status, ready.reason, ready.message)
    is_trouble = ready.status == conditions.FALSE and ready.reason != conditions.REASON_DISABLED
    notices = (Notice(WARNING, ready.reason, ready.message),) if is_trouble and not told else ()
    return Plan(status=diff_status(stored, wanted), notices=notices)
