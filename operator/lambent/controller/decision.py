"""From a Function and all that belongs to it to the plan that brings it one step further. Pure; `reconcile` carries it out.

A plan that announces a new revision writes status alone: activators know a revision before its first pod links, and what the last
initialisation of another revision said is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from lambent.api import conditions, names
from lambent.api.conditions import Condition
from lambent.api.function import LATEST, Function
from lambent.api.revision import revision_of
from lambent.controller.code_files import build_code_config_map
from lambent.controller.diagnosis import Problem, diagnose_pods, diagnose_refusal, shorten
from lambent.controller.drift import Manifest, build_repair, has_drifted
from lambent.controller.labels import format_selector, pod_selector
from lambent.controller.manifests import build_candidate, build_deployment, build_network_policy, build_service, function_url
from lambent.controller.options import Installation, RuntimeImage
from lambent.controller.plan import NORMAL, WARNING, Create, Delete, Notice, Observed, Plan, Repair, Write
from lambent.controller.rollout import FAILED_CANDIDATE_SECONDS, Rollout, Situation, decide_rollout
from lambent.controller.served import find_unserved_fields, word_unserved
from lambent.controller.status_patch import build_conditions, diff_status
from lambent.controller.views import ObjectView

CONFIG_MAP_POLL_SECONDS: Final = 15.0
"""How soon a change of a ConfigMap that holds code is noticed."""
GARBAGE_SECONDS: Final = 15.0
"""How soon code that no pod uses any more is looked for again."""
DEPLOYING_SECONDS: Final = 20.0
"""A second look at what is coming up, should an event be missed."""
NAME_WAIT_SECONDS: Final = 1.0


def decide(now: datetime, observed: Observed, installation: Installation) -> Plan:
    """The next step of a Function; `now` is aware and in UTC."""
    function = observed.function
    if function.deleting:
        return Plan()
    problem = find_problem(observed, installation)
    if problem is not None:
        poll = CONFIG_MAP_POLL_SECONDS if problem.reason == conditions.REASON_CODE_NOT_FOUND else None
        return _plan_status(now, observed, _blocked(function, problem), requeue_seconds=poll)
    foreign = _find_foreign(observed)
    if foreign is not None:
        return _decide_name_taken(now, observed, foreign)
    revision = revision_of(function.spec, observed.code.sha256 if observed.code else "")
    if revision != function.status.latest_revision:
        return _announce(now, observed, revision)
    serving = function.status.ready_revision
    if observed.deployment is None and serving not in ("", revision):
        # What served is gone and its manifest too: first forget it, so that a crash after the next step does not take it for proved.
        return Plan(status={"readyRevision": None}, requeue_seconds=0.0)
    return _Step(now, observed, installation, revision).plan()


def decide_invalid(now: datetime, generation: int, stored: Mapping[str, Any], message: str) -> Plan:
    """The plan for a Function that cannot be read: what runs is left alone, and the user is told."""
    condition = Condition(conditions.READY, conditions.FALSE, conditions.REASON_INVALID_SPEC, message, generation)
    wanted = {"observedGeneration": generation, "conditions": _merge(stored, [condition], now)}
    return Plan(status=diff_status(stored, wanted), notices=_notices_of(stored, [condition]))


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


@dataclass(slots=True)
class _Step:
    """One step of a Function whose spec can be built."""

    now: datetime
    observed: Observed
    installation: Installation
    revision: str

    def plan(self) -> Plan:
        rollout = decide_rollout(self._situation())
        deployment_writes = self._deployment_writes() if rollout.apply_template else []
        candidates, has_candidate = self._candidate_writes(rollout)
        garbage, leftover = self._garbage(rollout)
        writes = [*self._ensure_support(), *deployment_writes, *candidates, *garbage]
        waits = [DEPLOYING_SECONDS] if rollout.ready.status == conditions.UNKNOWN else []
        if has_candidate and rollout.ready.status == conditions.FALSE:
            waits.append(max(1.0, FAILED_CANDIDATE_SECONDS - self._failed_for()))
        if leftover:
            waits.append(GARBAGE_SECONDS)
        code = self.observed.function.spec.code
        if code is not None and code.config_map is not None:
            waits.append(CONFIG_MAP_POLL_SECONDS)
        return _plan_status(
            self.now,
            self.observed,
            [rollout.ready, rollout.code],
            writes=writes,
            changes=self._status_changes(rollout),
            requeue_seconds=min(waits, default=None),
        )

    def _situation(self) -> Situation:
        observed, status = self.observed, self.observed.function.status
        deployment = observed.deployment
        ready = status.condition(conditions.READY)
        initialization = status.initialization
        own = [pod for pod in observed.pods if pod.revision == self.revision]
        return Situation(
            latest=self.revision,
            serving=status.ready_revision,
            was_ready=ready is not None and ready.is_true,
            template=deployment.revision if deployment is not None else None,
            desired_replicas=deployment.desired_replicas if deployment is not None else self._first_replicas(),
            prove_first=observed.function.spec.scaling.initial_scale > 0,
            initialization=initialization if initialization is not None and initialization.revision == self.revision else None,
            latest_pod_ready=any(pod.ready and not pod.candidate and not pod.deleting for pod in own),
            problem=self._pod_problem(),
            failed_for_seconds=self._failed_for(),
        )

    def _pod_problem(self) -> Problem | None:
        refused = self.observed.refused
        for kind in ("Pod", "Deployment", "ConfigMap", "Service", "NetworkPolicy"):
            if kind in refused:
                return diagnose_refusal(refused[kind]) if kind == "Pod" else Problem(conditions.REASON_INVALID_SPEC, shorten(refused[kind]))
        found = diagnose_pods(pod for pod in self.observed.pods if pod.revision == self.revision)
        deployment = self.observed.deployment
        if found is None and deployment is not None and deployment.failure and deployment.revision == self.revision:
            return diagnose_refusal(deployment.failure)
        return found

    def _failed_for(self) -> float:
        ready = self.observed.function.status.condition(conditions.READY)
        if ready is None or ready.reason != conditions.REASON_INITIALIZATION_FAILED or not ready.last_transition_time:
            return 0.0
        return (self.now - datetime.fromisoformat(ready.last_transition_time)).total_seconds()

    def _first_replicas(self) -> int:
        """What a Deployment is created with: pods to prove a first revision, or as many as always run."""
        scaling = self.observed.function.spec.scaling
        if self.observed.function.status.ready_revision:
            return scaling.min_scale
        return max(scaling.min_scale, scaling.initial_scale)

    def _runtime(self) -> RuntimeImage:
        spec = self.observed.function.spec
        if spec.image is not None:
            return RuntimeImage(spec.image, self.installation.image_pull_policy)
        return self.installation.runtimes[spec.runtime or ""]

    def _ensure_support(self) -> list[Write]:
        observed, function = self.observed, self.observed.function
        writes = [
            *_ensure(build_service(function, self.installation), observed.service, observed),
            *_ensure(build_network_policy(function), observed.network_policy, observed),
        ]
        if observed.code is not None:
            wanted = names.code_config_map(function.name, observed.code.short_digest)
            if wanted not in {code.name for code in observed.code_maps if not code.deleting}:
                writes.append(Create(build_code_config_map(function, observed.code)))
        return writes

    def _deployment_writes(self) -> list[Write]:
        observed, function = self.observed, self.observed.function
        built = build_deployment(function, self.revision, observed.code, self._runtime(), self.installation)
        if observed.deployment is None:
            return [Create({**built, "spec": {"replicas": self._first_replicas(), **built["spec"]}})]
        return _ensure(built, observed.deployment, observed)

    def _candidate_writes(self, rollout: Rollout) -> tuple[list[Write], bool]:
        """Writes, and whether a candidate is there afterwards."""
        function = self.observed.function
        writes: list[Write] = []
        found = False
        for pod in (pod for pod in self.observed.pods if pod.candidate and not pod.deleting):
            ended = pod.phase in ("Failed", "Succeeded")
            if pod.revision == self.revision and rollout.keep_candidate and not ended:
                found = True
            else:
                writes.append(Delete("Pod", pod.name, pod.uid))
        name = names.candidate_pod(function.name, self.revision)
        # A pod that is still going holds the name; its end is an event.
        taken = any(pod.name == name for pod in self.observed.pods)
        if rollout.want_candidate and not taken:
            writes.append(Create(build_candidate(function, self.revision, self.observed.code, self._runtime(), self.installation)))
            found = True
        return writes, found

    def _garbage(self, rollout: Rollout) -> tuple[list[Write], bool]:
        """Code that nothing uses any more, and whether some is left that still is used."""
        observed = self.observed
        used = {pod.code for pod in observed.pods} | {replica_set.code for replica_set in observed.replica_sets}
        wanted = {observed.code.short_digest} if observed.code is not None else set()
        if observed.deployment is not None:
            # Also when the template is about to change: its pods may still be coming.
            used.add(observed.deployment.code)
        others = [code for code in observed.code_maps if code.code not in wanted and not code.deleting]
        gone = [code for code in others if code.code not in used]
        return [Delete("ConfigMap", code.name, code.uid) for code in gone], len(gone) < len(others) and rollout.serving == self.revision

    def _status_changes(self, rollout: Rollout) -> dict[str, Any]:
        function = self.observed.function
        return {
            "latestRevision": self.revision,
            "readyRevision": rollout.serving or None,
            "selector": format_selector(pod_selector(function.name)),
            "url": function_url(function, self.installation),
            "codeSha256": self.observed.code.sha256 if self.observed.code is not None else None,
            "version": LATEST,
        }


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
    plan = _plan_status(now, observed, [ready, code], changes=changes, requeue_seconds=0.0)
    return Plan(plan.writes, plan.status, (notice, *plan.notices), plan.requeue_seconds)


def _decide_name_taken(now: datetime, observed: Observed, foreign: tuple[str, ObjectView]) -> Plan:
    kind, taken = foreign
    function = observed.function
    if taken.deleting or taken.owner_uid == function.uid or taken.owner_name == function.name:
        message = f"waiting for the {kind} {taken.name} of a Function of this name that was deleted to go"
        ready = Condition(conditions.READY, conditions.UNKNOWN, conditions.REASON_DEPLOYING, message)
        return _plan_status(now, observed, [ready], requeue_seconds=NAME_WAIT_SECONDS)
    message = f"metadata.name: there is a {kind} {taken.name} that is not this Function's; rename the Function, or remove the {kind}"
    problem = Problem(conditions.REASON_NAME_CONFLICT, message)
    return _plan_status(now, observed, _blocked(function, problem), requeue_seconds=DEPLOYING_SECONDS)


def _find_foreign(observed: Observed) -> tuple[str, ObjectView] | None:
    """The first object that holds a name this Function needs and is not, or no longer, its own."""
    uid = observed.function.uid
    mine: tuple[tuple[str, ObjectView | None], ...] = (
        ("Deployment", observed.deployment),
        ("Service", observed.service),
        ("NetworkPolicy", observed.network_policy),
    )
    return next(((kind, view) for kind, view in mine if view is not None and (view.owner_uid != uid or view.deleting)), None)


def _ensure(built: Manifest, live: ObjectView | None, observed: Observed) -> list[Write]:
    if live is None:
        return [Create(built)]
    if not has_drifted(built, live.body, observed.accepted.get(built["kind"])):
        return []
    return [Repair(built, tuple(build_repair(built, live.body)))]


def _blocked(function: Function, problem: Problem) -> list[Condition]:
    """Conditions of a spec that cannot be built; what served before serves on."""
    serving = function.status.ready_revision
    beside = f" (revision {serving} serves on)" if serving else ""
    blocked = [Condition(conditions.READY, conditions.FALSE, problem.reason, problem.message + beside)]
    if problem.reason == conditions.REASON_CODE_NOT_FOUND:
        blocked.append(Condition(conditions.CODE_READY, conditions.FALSE, problem.reason, problem.message))
    return blocked


def _plan_status(
    now: datetime,
    observed: Observed,
    wanted: list[Condition],
    *,
    writes: Iterable[Write] = (),
    changes: Mapping[str, Any] | None = None,
    requeue_seconds: float | None = None,
) -> Plan:
    function, stored = observed.function, observed.stored_status
    deployment = observed.deployment
    running = deployment is not None and deployment.replicas > 0
    active = Condition(
        conditions.ACTIVE,
        conditions.TRUE if running else conditions.FALSE,
        conditions.REASON_RUNNING if running else conditions.REASON_IDLE,
        "" if running else "no pod runs; the next invocation starts one",
    )
    current = [_with_generation(condition, function.generation) for condition in (*wanted, active)]
    stable = [_keep_words(condition, observed) for condition in current]
    status: dict[str, Any] = {
        "observedGeneration": function.generation,
        "conditions": _merge(stored, stable, now),
        "replicas": deployment.replicas if deployment is not None else 0,
        "desiredReplicas": deployment.desired_replicas if deployment is not None else 0,
        **(changes or {}),
    }
    notices = [*_notices_of(stored, stable)]
    serves = status.get("readyRevision")
    if serves and serves != function.status.ready_revision:
        notices.insert(0, Notice(NORMAL, "RevisionReady", f"revision {serves} serves"))
    return Plan(tuple(writes), diff_status(stored, status), tuple(notices), requeue_seconds)


def _with_generation(condition: Condition, generation: int) -> Condition:
    return Condition(condition.type, condition.status, condition.reason, condition.message, generation)


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
        return Condition(condition.type, condition.status, condition.reason, before.message, condition.observed_generation)
    return condition


def _merge(stored: Mapping[str, Any], wanted: list[Condition], now: datetime) -> list[dict[str, Any]]:
    """The wanted conditions, then those stored ones that nothing is said of this time."""
    types = {condition.type for condition in wanted}
    raw = stored.get("conditions")
    others = [item for item in raw if item.get("type") not in types] if isinstance(raw, list) else []
    stamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    merged = [*build_conditions(stored, wanted, stamp), *others]
    order = (conditions.READY, conditions.CODE_READY, conditions.ACTIVE)
    return sorted(merged, key=lambda item: order.index(item["type"]) if item["type"] in order else len(order))


def _notices_of(stored: Mapping[str, Any], wanted: list[Condition]) -> tuple[Notice, ...]:
    """A Warning for each condition that has just become False, or says something new; Active is no trouble."""
    raw = stored.get("conditions")
    before = {item.get("type"): item for item in raw} if isinstance(raw, list) else {}
    notices: dict[tuple[str, str], Notice] = {}
    for condition in wanted:
        old = before.get(condition.type, {})
        if condition.type == conditions.ACTIVE or condition.status != conditions.FALSE:
            continue
        if (old.get("status"), old.get("reason"), old.get("message")) == (condition.status, condition.reason, condition.message):
            continue
        # Ready and CodeReady fail together; one Event says it.
        notices.setdefault((condition.reason, ""), Notice(WARNING, condition.reason, condition.message))
    return tuple(notices.values())
