"""What a Trigger's status says: whether its source is served, its function is there, and its route is its own. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lambent.api import conditions
from lambent.api.conditions import Condition
from lambent.api.triggers.claims import Claim, Refusal
from lambent.api.triggers.served import find_unserved_trigger_fields, word_unserved
from lambent.api.triggers.trigger import Trigger
from lambent.controller.function.status_patch import build_conditions, diff_status
from lambent.controller.writes.plan import WARNING, Notice, Plan


@dataclass(frozen=True, slots=True)
class ObservedTrigger:
    """A Trigger and what it depends on."""

    trigger: Trigger
    stored_status: Mapping[str, Any]
    function_exists: bool
    refusal: Refusal | None = None
    """Why its requests are not its own."""
    contender: Claim | None = None
    """The first Trigger that asks for its requests and is refused."""


def decide_trigger(now: datetime, observed: ObservedTrigger) -> Plan:
    """The Trigger's status and, where it is refused, an Event."""
    trigger = observed.trigger
    status, reason, message = _judge(observed)
    told = [Condition(conditions.READY, status, reason, message, trigger.generation)]
    if observed.contender is not None:
        namespace, name = observed.contender.trigger
        message = f"the Trigger {name} of the namespace {namespace} asks for the same {_share(trigger, namespace)}, and is refused"
        told.append(Condition(conditions.CONTESTED, conditions.TRUE, conditions.REASON_CONFLICT, message, trigger.generation))
    return _plan(now, observed.stored_status, told, {"source": trigger.spec.source})


def decide_invalid_trigger(now: datetime, generation: int, stored: Mapping[str, Any], message: str) -> Plan:
    """The status of a Trigger that cannot be read."""
    return _plan(now, stored, [Condition(conditions.READY, conditions.FALSE, conditions.REASON_INVALID_SPEC, message, generation)], {})


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
    if observed.refusal is not None:
        return conditions.FALSE, observed.refusal.reason, observed.refusal.message
    return conditions.TRUE, conditions.REASON_READY, f"requests reach the Function {spec.function}"


def _share(trigger: Trigger, other_namespace: str) -> str:
    return "host" if other_namespace != trigger.namespace else "host, path and method"


def _plan(now: datetime, stored: Mapping[str, Any], told: Sequence[Condition], more: Mapping[str, Any]) -> Plan:
    stamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    wanted = {"observedGeneration": told[0].observed_generation, "conditions": build_conditions(stored, told, stamp), **more}
    raw = stored.get("conditions")
    before = {item.get("type"): item for item in raw} if isinstance(raw, list) else {}
    notices = []
    for condition in told:
        old = before.get(condition.type, {})
        known = (old.get("status"), old.get("reason"), old.get("message")) == (condition.status, condition.reason, condition.message)
        failed = condition.type == conditions.READY and condition.status == conditions.FALSE
        if not known and condition.reason != conditions.REASON_DISABLED and (failed or condition.type == conditions.CONTESTED):
            notices.append(Notice(WARNING, condition.reason, condition.message))
    return Plan(status=diff_status(stored, wanted), notices=tuple(notices))
