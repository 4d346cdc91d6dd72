"""A Function's status and Events as a plan says them: only what is new, in words that do not flicker. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from lambent.api import conditions
from lambent.api.conditions import Condition
from lambent.controller.function.status_patch import build_conditions, diff_status
from lambent.controller.writes.plan import NORMAL, WARNING, Notice, Observed, Plan, Write
from lambent.controller.writes.views import Counts


def plan_status(
    now: datetime,
    observed: Observed,
    wanted: list[Condition],
    *,
    writes: Iterable[Write] = (),
    changes: Mapping[str, Any] | None = None,
    requeue_seconds: float | None = None,
) -> Plan:
    """A plan with these writes and the status that `wanted` and `changes` make, with Active and the replicas added."""
    function, stored = observed.function, observed.stored_status
    counted, active = status_of_counts(observed.deployment.counts if observed.deployment is not None else Counts())
    current = [replace(condition, observed_generation=function.generation) for condition in (*wanted, active)]
    stable = [_keep_words(condition, observed) for condition in current]
    status: dict[str, Any] = {
        "observedGeneration": function.generation,
        "conditions": merge(stored, stable, now),
        **counted,
        **(changes or {}),
    }
    notices = [*notices_of(stored, stable)]
    serves = status.get("readyRevision")
    if serves and serves != function.status.ready_revision:
        notices.insert(0, Notice(NORMAL, "RevisionReady", f"revision {serves} serves"))
    return Plan(tuple(writes), diff_status(stored, status), tuple(notices), requeue_seconds)


def status_of_counts(counts: Counts) -> tuple[dict[str, int], Condition]:
    """What follows from the counts alone: two fields of the status, and Active."""
    running = counts.replicas > 0
    active = Condition(
        conditions.ACTIVE,
        conditions.TRUE if running else conditions.FALSE,
        conditions.REASON_RUNNING if running else conditions.REASON_IDLE,
        "" if running else "no pod runs; the next invocation starts one",
    )
    return {"replicas": counts.replicas, "desiredReplicas": counts.desired_replicas}, active


def _keep_words(condition: Condition, observed: Observed) -> Condition:
    """The stored message where the kubelet words one and the same trouble in turns (ErrImagePull, ImagePullBackOff)."""
    before = observed.function.status.condition(condition.type)
    if (
        condition.reason in (conditions.REASON_IMAGE_PULL_FAILED, conditions.REASON_CRASH_LOOPING)
        and before is not None
        and before.reason == condition.reason
        and before.observed_generation == condition.observed_generation
        and before.message
    ):
        return replace(condition, message=before.message)
    return condition


def merge(stored: Mapping[str, Any], wanted: list[Condition], now: datetime) -> list[dict[str, Any]]:
    """The wanted conditions, then those stored ones that nothing is said of this time."""
    types = {condition.type for condition in wanted}
    raw = stored.get("conditions")
    others = [item for item in raw if item.get("type") not in types] if isinstance(raw, list) else []
    stamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    merged = [*build_conditions(stored, wanted, stamp), *others]
    order = (conditions.READY, conditions.CODE_READY, conditions.ACTIVE)
    return sorted(merged, key=lambda item: order.index(item["type"]) if item["type"] in order else len(order))


def notices_of(stored: Mapping[str, Any], wanted: list[Condition]) -> tuple[Notice, ...]:
    """A Warning for each condition that has just become False, or says something new; Active is no trouble."""
    raw = stored.get("conditions")
    before = {item.get("type"): item for item in raw} if isinstance(raw, list) else {}
    notices: dict[str, Notice] = {}
    for condition in wanted:
        old = before.get(condition.type, {})
        if condition.type == conditions.ACTIVE or condition.status != conditions.FALSE:
            continue
        if (old.get("status"), old.get("reason"), old.get("message")) == (condition.status, condition.reason, condition.message):
            continue
        # Ready and CodeReady fail together; one Event says it.
        notices.setdefault(condition.reason, Notice(WARNING, condition.reason, condition.message))
    return tuple(notices.values())
