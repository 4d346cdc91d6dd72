"""A refusal of the API server in words for a Function's user: which rule, how much was asked, what is allowed, which field to change. Pure.

The words stay the same while nothing changes: they hold neither the names of pods nor what a quota's other users take.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from lambent.api import conditions
from lambent.api.functions.shim import SHIM_MEMORY_BYTES
from lambent.api.quantity import format_bytes
from lambent.api.refusal import Bound, Refusal, Rule, parse_refusal
from lambent.controller.writes.problem import Problem, shorten

FUNCTION_FIELDS: Final[Mapping[str, str]] = {
    "limits.cpu": "spec.cpu.limit",
    "requests.cpu": "spec.cpu.request",
    "cpu": "spec.cpu.request",
    "limits.memory": "spec.memory",
    "requests.memory": "spec.memory",
    "memory": "spec.memory",
    "pods": "spec.scaling.maxScale",
}
"""The field of a Function by the resource that follows from it, as quotas name resources."""
POOL_FIELDS: Final[Mapping[str, str]] = {
    "requests.cpu": "pools.cpuRequestMillis",
    "cpu": "pools.cpuRequestMillis",
    "limits.memory": "pools.maxMemoryMiB",
    "requests.memory": "pools.memoryRequestMiB",
    "memory": "pools.memoryRequestMiB",
    "pods": "pools.size",
}
"""The chart's value by the resource of a pool's pods."""
_SHIM_SHARE: Final = f"a container's limit is spec.memory and {format_bytes(SHIM_MEMORY_BYTES)}"
_REASONS: Final = {
    Rule.QUOTA: conditions.REASON_QUOTA_EXCEEDED,
    Rule.UNSPECIFIED: conditions.REASON_QUOTA_NEEDS_FIELD,
    Rule.LIMIT_RANGE: conditions.REASON_LIMIT_RANGE,
    Rule.ABOVE_LIMIT: conditions.REASON_LIMIT_RANGE,
}


def diagnose_refusal(message: str, kind: str = "Pod") -> Problem:
    """A pod of a Function, or another object of its own, that the API server did not take, by the server's words."""
    refusal = parse_refusal(message)
    if kind != "Pod":
        return _diagnose_object(kind, refusal)
    reason = _REASONS.get(refusal.rule, conditions.REASON_PODS_REFUSED)
    return Problem(reason, shorten(_word(refusal, "the function's pods", FUNCTION_FIELDS)))


def word_pool_refusal(message: str) -> str:
    """Why a pool has no pods, for whoever looks at its Deployment: the values named are the chart's."""
    words = _word(parse_refusal(message), "generic pods", POOL_FIELDS)
    return shorten(f"functions start without a generic pod, in some seconds instead of some milliseconds: {words}")


def _diagnose_object(kind: str, refusal: Refusal) -> Problem:
    if refusal.rule is Rule.QUOTA:
        return Problem(conditions.REASON_QUOTA_EXCEEDED, shorten(_word(refusal, f"the function's {kind}", {})))
    if refusal.rule in (Rule.WEBHOOK, Rule.POLICY):
        return Problem(conditions.REASON_PODS_REFUSED, shorten(_word(refusal, f"the function's {kind}", {})))
    return Problem(conditions.REASON_INVALID_SPEC, shorten(refusal.text))


def _word(refusal: Refusal, whose: str, fields: Mapping[str, str]) -> str:
    """`whose`: the objects in a plural or singular that follows "refuses"; `fields`: what sets each resource."""
    match refusal.rule:
        case Rule.QUOTA:
            asked = ", ".join(f"{bound.resource}={bound.asked} of {bound.allowed or 'what'} allowed in all" for bound in refusal.bounds)
            told = f" ({asked})" if asked else ""
            return f"the ResourceQuota {refusal.name} leaves no room for {whose}{told}: {_ways_to_less(refusal, fields)}"
        case Rule.UNSPECIFIED:
            needs = " and ".join(_word_missing(bound, fields) for bound in refusal.bounds)
            return f"the ResourceQuota {refusal.name} counts what {whose} do not have: {needs}"
        case Rule.LIMIT_RANGE:
            return f"a LimitRange of the namespace refuses {whose}: {'; '.join(_word_bound(bound, fields) for bound in refusal.bounds)}"
        case Rule.ABOVE_LIMIT:
            return f"a LimitRange of the namespace refuses {whose}: {'; '.join(_word_above(bound, fields) for bound in refusal.bounds)}"
        case Rule.POD_SECURITY:
            kept = "which keep to restricted unless something changes them"
            return f"the namespace's Pod Security level refuses {whose}, {kept}: {refusal.text}"
        case Rule.WEBHOOK | Rule.POLICY:
            return f"the admission rule {refusal.name} refuses {whose}; ask who runs it: {refusal.text}"
        case Rule.SERVICE_ACCOUNT:
            return f"spec.serviceAccountName: there is no service account {refusal.name!r} in the namespace"
        case Rule.RUNTIME_CLASS:
            return f"spec.runtimeClassName: there is no RuntimeClass {refusal.name!r} in the cluster"
        case _:
            return f"the cluster refuses {whose}: {refusal.text}"


def _ways_to_less(refusal: Refusal, fields: Mapping[str, str]) -> str:
    found = _unique(fields[bound.resource] for bound in refusal.bounds if bound.resource in fields)
    lower = f"lower {' or '.join(found)}, " if found else ""
    return f"{lower}remove what else the namespace has, or have the quota raised"


def _word_missing(bound: Bound, fields: Mapping[str, str]) -> str:
    default = f"a LimitRange with a default for {bound.resource}"
    field = fields.get(bound.resource)
    if bound.resource == "limits.cpu" and field is not None:
        return f"set {field}, or have the namespace given {default}"
    return f"{bound.resource}, which nothing of Lambent sets; {default} lets them in"


def _word_bound(bound: Bound, fields: Mapping[str, str]) -> str:
    if bound.side == "ratio":
        return _word_ratio(bound, fields)
    field = fields.get(bound.resource)
    has = f"the pods have {bound.asked}" if bound.asked else "the pods have none"
    if field is None:
        return f"{bound.resource} must be at {'least' if bound.side == 'min' else 'most'} {bound.allowed}, {has}"
    if bound.side == "min":
        return f"set {field} to at least {bound.allowed} ({bound.resource}; {has})"
    note = ""
    if field == "spec.memory":
        note = f"; {_SHIM_SHARE}"
    elif field == "spec.cpu.limit" and bound.asked:
        note = (
            "; pods start with functions.initBoostMillis of the chart where that is more: without the field, a LimitRange's default holds"
        )
    return f"set {field} to at most {bound.allowed} ({bound.resource}; {has}{note})"


def _word_ratio(bound: Bound, fields: Mapping[str, str]) -> str:
    given = bound.asked or "no bound"
    words = f"{bound.resource}: the limit may be {bound.allowed} times the request at most, and is {given}"
    pair = _unique(fields[name] for name in (f"limits.{bound.resource}", f"requests.{bound.resource}") if name in fields)
    if pair == ["spec.memory"]:
        return f"{words}; the more spec.memory, the nearer the two are ({_SHIM_SHARE})"
    return f"{words}; set {' and '.join(pair)}" if pair else words


def _word_above(bound: Bound, fields: Mapping[str, str]) -> str:
    resource = bound.resource.removeprefix("requests.")
    limit, request = fields.get(f"limits.{resource}"), fields.get(bound.resource)
    ways = [f"set {limit} to {bound.asked} or more"] if limit else []
    ways += [f"set {request} to {bound.allowed} or less"] if request else []
    way = ", or ".join(ways) or "raise it"
    return f"its default limit of {resource}, {bound.allowed}, is below the {bound.asked} that the pods request; {way}"


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
