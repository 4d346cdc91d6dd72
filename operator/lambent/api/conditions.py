"""Conditions as Kubernetes has them (`metav1.Condition`), and the reasons Lambent gives.

Meaning of each reason: docs/functions.md, "Conditions".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

READY: Final = "Ready"
CODE_READY: Final = "CodeReady"
ACTIVE: Final = "Active"
CONTESTED: Final = "Contested"
"""Of a Trigger that is served: others ask for what it has. Only there where they do."""

TRUE: Final = "True"
FALSE: Final = "False"
UNKNOWN: Final = "Unknown"

REASON_READY: Final = "Ready"
REASON_DEPLOYING: Final = "Deploying"
REASON_INITIALIZATION_FAILED: Final = "InitializationFailed"
REASON_IMAGE_PULL_FAILED: Final = "ImagePullFailed"
REASON_CRASH_LOOPING: Final = "CrashLooping"
REASON_INVALID_SPEC: Final = "InvalidSpec"
REASON_FIELD_NOT_SERVED: Final = "FieldNotServed"
REASON_RUNTIME_UNAVAILABLE: Final = "RuntimeUnavailable"
REASON_CODE_NOT_FOUND: Final = "CodeNotFound"
REASON_NAME_CONFLICT: Final = "NameConflict"
REASON_RECONCILE_FAILED: Final = "ReconcileFailed"
REASON_NAMESPACE_LIMIT: Final = "NamespaceLimit"
REASON_QUOTA_EXCEEDED: Final = "QuotaExceeded"
REASON_QUOTA_NEEDS_FIELD: Final = "QuotaNeedsField"
REASON_LIMIT_RANGE: Final = "LimitRangeExceeded"
REASON_PODS_REFUSED: Final = "PodsRefused"
REASON_UNSCHEDULABLE: Final = "Unschedulable"
REASON_CONFIGURATION_FAILED: Final = "ConfigurationFailed"

REASON_CODE_STORED: Final = "CodeStored"
REASON_RUNNING: Final = "Running"
REASON_IDLE: Final = "Idle"
REASON_FUNCTION_NOT_FOUND: Final = "FunctionNotFound"
REASON_CONFLICT: Final = "Conflict"
REASON_DISABLED: Final = "Disabled"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; `last_transition_time` is RFC 3339 and belongs to `status`, not to reason or message."""

    type: str
    status: str
    reason: str
    message: str = ""
    observed_generation: int = 0
    last_transition_time: str = ""

    @property
    def is_true(self) -> bool:
        """Whether the status is True."""
        return self.status == TRUE

    def to_dict(self) -> dict[str, Any]:
        """As the API server stores it."""
        return {
            "type": self.type,
            "status": self.status,
            "reason": self.reason,
            "message": self.message,
            "observedGeneration": self.observed_generation,
            "lastTransitionTime": self.last_transition_time,
        }


def parse_condition(body: Mapping[str, Any]) -> Condition:
    """A condition from an object's status; missing parts are empty."""
    return Condition(
        type=str(body.get("type", "")),
        status=str(body.get("status", UNKNOWN)),
        reason=str(body.get("reason", "")),
        message=str(body.get("message", "")),
        observed_generation=generation if isinstance(generation := body.get("observedGeneration"), int) else 0,
        last_transition_time=str(body.get("lastTransitionTime", "")),
    )


def find_condition(conditions: Iterable[Condition], condition_type: str) -> Condition | None:
    """The condition of that type, if there is one."""
    return next((condition for condition in conditions if condition.type == condition_type), None)


def merge_conditions(stored: Iterable[Condition], wanted: Iterable[Condition], now: str) -> tuple[Condition, ...]:
    """The wanted conditions with the time of their last change of status: the stored one where the status is the same, else `now`."""
    by_type = {condition.type: condition for condition in stored}
    merged = []
    for condition in wanted:
        before = by_type.get(condition.type)
        same = before is not None and before.status == condition.status and before.last_transition_time
        merged.append(replace(condition, last_transition_time=before.last_transition_time if same and before else now))
    return tuple(merged)
