"""Functions and Triggers as routing and admission need them. Pure."""

from __future__ import annotations

import json

from lambent.activator.admission.model import Failure, FunctionKey, Rules
from lambent.activator.routing.route import Route
from lambent.activator.routing.table import Target
from lambent.api import conditions
from lambent.api.functions.function import Function
from lambent.api.functions.status import FunctionStatus
from lambent.api.names import DEFAULT_REGION, function_arn
from lambent.api.reasons import FUNCTION_INIT_ERROR, PLATFORM_NOT_READY
from lambent.api.triggers.route_path import parameter_names
from lambent.api.triggers.trigger import Http, Trigger

# With these, no pod of a function that has never served will come up by waiting.
HOPELESS = frozenset(
    {
        conditions.REASON_INITIALIZATION_FAILED,
        conditions.REASON_IMAGE_PULL_FAILED,
        conditions.REASON_CRASH_LOOPING,
        conditions.REASON_INVALID_SPEC,
        conditions.REASON_FIELD_NOT_SERVED,
        conditions.REASON_RUNTIME_UNAVAILABLE,
        conditions.REASON_CODE_NOT_FOUND,
        conditions.REASON_NAME_CONFLICT,
        conditions.REASON_RECONCILE_FAILED,
        conditions.REASON_NAMESPACE_LIMIT,
        conditions.REASON_PODS_REFUSED,
        conditions.REASON_QUOTA_NEEDS_FIELD,
        conditions.REASON_LIMIT_RANGE,
        conditions.REASON_CONFIGURATION_FAILED,
    }
)


def rules_of(function: Function, pool: str = "") -> Rules:
    """A Function's rules for admission; `pool`: the runtime whose generic pods may become it."""
    status = function.status
    ready = status.condition(conditions.READY)
    blocked = _blocked(status)
    return Rules(
        concurrency=function.spec.concurrency,
        max_scale=function.spec.scaling.max_scale,
        timeout_seconds=float(function.spec.timeout_seconds),
        ready_revision=status.ready_revision,
        latest_revision=status.latest_revision,
        ready=ready is not None and ready.is_true,
        blocked=blocked,
        recoverable=blocked is not None and blocked.reason is FUNCTION_INIT_ERROR,
        # The spec at hand is the latest revision's: an older one that serves on comes from its Deployment alone.
        pool=pool if status.latest_revision and status.ready_revision in ("", status.latest_revision) else "",
    )


def target_of(function: Function, region: str = DEFAULT_REGION) -> Target:
    """What callers need of a Function."""
    arn = function_arn(function.name, function.namespace, region)
    prefix = json.dumps({"arn": arn}, separators=(",", ":"))[:-1] + ',"requestId":"'
    return Target(
        key=FunctionKey(function.namespace, function.name),
        arn=arn,
        meta_prefix=prefix.encode(),
        url=function.spec.url,
    )


def route_of(trigger: Trigger, http: Http) -> Route:
    """A Trigger's route."""
    return Route(
        trigger=FunctionKey(trigger.namespace, trigger.name),
        function=FunctionKey(trigger.namespace, trigger.spec.function),
        path=http.path,
        methods=http.methods,
        payload_format=http.payload_format,
        names=parameter_names(http.path),
    )


def _blocked(status: FunctionStatus) -> Failure | None:
    if status.ready_revision:
        return None
    outcome = status.initialization
    if outcome is not None and outcome.revision == status.latest_revision:
        if not outcome.succeeded:
            return Failure(FUNCTION_INIT_ERROR, outcome.error_message, outcome.error_type, outcome.stack_trace)
        # It serves: what Ready says of an earlier failure, the controller is about to change.
        return None
    ready = status.condition(conditions.READY)
    if ready is not None and ready.status == conditions.FALSE and ready.reason in HOPELESS:
        return Failure(PLATFORM_NOT_READY, f"the function is not ready: {ready.reason}: {ready.message}")
    return None
