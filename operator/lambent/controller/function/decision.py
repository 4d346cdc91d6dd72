"""From a Function and all that belongs to it to the plan that brings it one step further. Pure; `reconcile` carries it out.

A plan that announces a new revision writes status alone: activators know a revision before its first pod links, and what the last
initialisation of another revision said is forgotten. A first revision that starts no pod needs none.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from lambent.api import conditions
from lambent.api.conditions import Condition
from lambent.api.functions.files import CodeFiles
from lambent.api.functions.function import Function
from lambent.api.functions.revision import revision_of
from lambent.api.invocation import ACCESS_NONE
from lambent.api.names import code_config_map
from lambent.api.triggers.served import find_unserved_fields, word_unserved
from lambent.controller.function.status_patch import diff_status
from lambent.controller.function.status_plan import merge, notices_of, plan_status
from lambent.controller.function.step import CONFIG_MAP_POLL_SECONDS, DEPLOYING_SECONDS, Step
from lambent.controller.resources.code import build_code_config_map, holds_code
from lambent.controller.resources.installation import Installation
from lambent.controller.writes.plan import NORMAL, Notice, Observed, Plan
from lambent.controller.writes.problem import Problem, shorten
from lambent.controller.writes.views import ObjectView

NAME_WAIT_SECONDS: Final = 1.0


def decide(now: datetime, observed: Observed, installation: Installation) -> Plan:
    """The next step of a Function; `now` is aware and in UTC."""
    function = observed.function
    if function.deleting:
        return Plan()
    problem = find_problem(observed, installation)
    if problem is not None:
        poll = CONFIG_MAP_POLL_SECONDS if problem.reason == conditions.REASON_CODE_NOT_FOUND else None
        return plan_status(now, observed, _blocked(function, problem), requeue_seconds=poll)
    foreign = _find_foreign(observed)
    if foreign is not None:
        return _decide_name_taken(now, observed, foreign)
    revision = revision_of(function.spec, observed.code.sha256 if observed.code else "")
    if revision != function.status.latest_revision and not _starts_nothing(observed):
        return _announce(now, observed, revision)
    serving = function.status.ready_revision
    if observed.deployment is None and serving not in ("", revision):
        # What served is gone and its manifest too: first forget it, so that a crash after the next step does not take it for proved.
        return Plan(status={"readyRevision": None}, requeue_seconds=0.0)
    return Step(now, observed, installation, revision).plan()


def decide_failed(now: datetime, generation: int, stored: Mapping[str, Any], error: Exception) -> Plan:
    """The plan for an object that the controller cannot deal with, through a defect of its own: the user is told, and it is tried again."""
    words = shorten(f"{type(error).__name__}: {error}")
    message = f"the controller failed to act on this: {words}; its log has more, and it tries again"
    condition = Condition(conditions.READY, conditions.FALSE, conditions.REASON_RECONCILE_FAILED, message, generation)
    wanted = {"observedGeneration": generation, "conditions": merge(stored, [condition], now)}
    return Plan(status=diff_status(stored, wanted), notices=notices_of(stored, [condition]))


def decide_invalid(
    now: datetime, generation: int, stored: Mapping[str, Any], message: str, reason: str = conditions.REASON_INVALID_SPEC
) -> Plan:
    """The plan for a Function that cannot be read, or has no place: what runs is left alone, and the user is told."""
    condition = Condition(conditions.READY, conditions.FALSE, reason, message, generation)
    wanted = {"observedGeneration": generation, "conditions": merge(stored, [condition], now)}
    return Plan(status=diff_status(stored, wanted), notices=notices_of(stored, [condition]))


def find_problem(observed: Observed, installation: Installation) -> Problem | None:
    """What in the spec keeps it from being built at all."""
    spec = observed.function.spec
    unserved = find_unserved_fields(spec)
    if unserved:
        return Problem(conditions.REASON_FIELD_NOT_SERVED, word_unserved(unserved))
    if spec.runtime is not None and spec.runtime not in installation.runtimes:
        offered = ", ".join(sorted(installation.runtimes)) or "none"
        return Problem(
            conditions.REASON_RUNTIME_UNAVAILABLE, f"spec.runtime: {spec.runtime!r} is not installed; this cluster offers {offered}"
        )
    return observed.code_problem


def _starts_nothing(observed: Observed) -> bool:
    """Whether a first revision is ready as it is, on no pod: then it is announced by the status that says so."""
    scaling = observed.function.spec.scaling
    first = not observed.function.status.latest_revision and observed.deployment is None
    return first and scaling.initial_scale == 0 and scaling.min_scale == 0


def _announce(now: datetime, observed: Observed, revision: str) -> Plan:
    status = observed.function.status
    serves = status.ready_revision
    if revision == serves:
        # Back to what serves: nothing is to be proved.
        return Plan(status={"latestRevision": revision, "initialization": None}, requeue_seconds=0.0)
    beside = f" (revision {serves} serves on)" if serves else ""
    ready = Condition(conditions.READY, conditions.UNKNOWN, conditions.REASON_DEPLOYING, f"revision {revision} is being proved{beside}")
    code = Condition(conditions.CODE_READY, conditions.UNKNOWN, conditions.REASON_DEPLOYING, "stored, not yet initialised")
    changes = {"latestRevision": revision, "initialization": None}
    if not status.latest_revision:
        notice = Notice(NORMAL, "Created", f"revision {revision} is the first")
    else:
        notice = Notice(NORMAL, "CodeUpdated", f"revision {revision} is to take the place of {serves or status.latest_revision}")
    plan = plan_status(now, observed, [ready, code], changes=changes, requeue_seconds=0.0)
    return Plan(plan.writes, plan.status, (notice, *plan.notices), plan.requeue_seconds)


def _decide_name_taken(now: datetime, observed: Observed, foreign: tuple[str, ObjectView]) -> Plan:
    kind, taken = foreign
    function = observed.function
    if taken.deleting or (taken.owner_name == function.name and taken.owner_uid != function.uid):
        message = f"waiting for the {kind} {taken.name} of a Function of this name that was deleted to go"
        ready = Condition(conditions.READY, conditions.UNKNOWN, conditions.REASON_DEPLOYING, message)
        return plan_status(now, observed, [ready], requeue_seconds=NAME_WAIT_SECONDS)
    message = f"metadata.name: there is a {kind} {taken.name} that is not this Function's; rename the Function, or remove the {kind}"
    problem = Problem(conditions.REASON_NAME_CONFLICT, message)
    return plan_status(now, observed, _blocked(function, problem), requeue_seconds=DEPLOYING_SECONDS)


def _find_foreign(observed: Observed) -> tuple[str, ObjectView] | None:
    """The first object that holds a name this Function needs and is not, or no longer, its own."""
    if observed.met is not None:
        return observed.met
    uid = observed.function.uid
    mine: tuple[tuple[str, ObjectView | None], ...] = (
        ("Deployment", observed.deployment),
        ("Service", observed.service if observed.function.spec.url.access != ACCESS_NONE else None),
        ("NetworkPolicy", observed.network_policy),
    )
    found = next(((kind, view) for kind, view in mine if view is not None and (view.owner_uid != uid or view.deleting)), None)
    return found if found is not None or observed.code is None else _find_foreign_code(observed, observed.code)


def _find_foreign_code(observed: Observed, code: CodeFiles) -> tuple[str, ObjectView] | None:
    """The ConfigMap of the code's name, where somebody else made it, or put other code into it: its content would run as the Function's."""
    function = observed.function
    name = code_config_map(function.name, code.short_digest)
    found = next((view for view in observed.code_maps if view.name == name), None)
    if found is None:
        return None
    own = found.owner_uid == function.uid and not found.deleting
    if own and (not found.has_contents or holds_code(build_code_config_map(function, code), found.body)):
        return None
    return "ConfigMap", found


def _blocked(function: Function, problem: Problem) -> list[Condition]:
    """Conditions of a spec that cannot be built; what served before serves on."""
    serving = function.status.ready_revision
    beside = f" (revision {serving} serves on)" if serving else ""
    blocked = [Condition(conditions.READY, conditions.FALSE, problem.reason, problem.message + beside)]
    if problem.reason == conditions.REASON_CODE_NOT_FOUND:
        blocked.append(Condition(conditions.CODE_READY, conditions.FALSE, problem.reason, problem.message))
    return blocked
