"""One step of a Function whose spec can be built: what the revision state machine wants, as writes and status. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from lambent.api import conditions, names
from lambent.api.functions.function import LATEST
from lambent.api.invocation import ACCESS_NONE
from lambent.controller.function.diagnosis import diagnose_pods
from lambent.controller.function.refusal_words import diagnose_refusal
from lambent.controller.function.rollout import FAILED_CANDIDATE_SECONDS, Rollout, Situation, decide_rollout
from lambent.controller.function.status_plan import plan_status
from lambent.controller.resources.code import build_code_config_map
from lambent.controller.resources.function import build_candidate, build_deployment, build_network_policy, build_service, function_url
from lambent.controller.resources.installation import Installation, RuntimeImage
from lambent.controller.resources.labels import format_selector, pod_selector
from lambent.controller.writes.drift import Manifest
from lambent.controller.writes.plan import Create, Delete, Observed, Plan, Write, ensure
from lambent.controller.writes.problem import Problem
from lambent.controller.writes.views import ObjectView

CONFIG_MAP_POLL_SECONDS: Final = 15.0
"""How soon a change of a ConfigMap that holds code is noticed."""
GARBAGE_SECONDS: Final = 15.0
"""How soon code that no pod uses any more is looked for again."""
DEPLOYING_SECONDS: Final = 20.0
"""A second look at what is coming up, should an event be missed."""

SLOW_START_SECONDS: Final = 30.0
"""After this, a pod that has not begun to run is worth a word."""


@dataclass(slots=True)
class Step:
    """`plan` is called once."""

    now: datetime
    observed: Observed
    installation: Installation
    revision: str

    def plan(self) -> Plan:
        """Writes, status and the time of the next look."""
        rollout = decide_rollout(self._situation())
        deployment_writes = self._deployment_writes() if rollout.apply_template else []
        candidates, has_candidate = self._candidate_writes(rollout)
        garbage, leftover = self._garbage(rollout)
        writes = [*self._ensure_support(), *deployment_writes, *candidates, *garbage]
        waits = [DEPLOYING_SECONDS] if rollout.ready.status == conditions.UNKNOWN else []
        if has_candidate and rollout.ready.status == conditions.FALSE:
            waits.append(max(1.0, FAILED_CANDIDATE_SECONDS - self._ready_since(conditions.REASON_INITIALIZATION_FAILED)))
        if leftover:
            waits.append(GARBAGE_SECONDS)
        code = self.observed.function.spec.code
        if code is not None and code.config_map is not None:
            waits.append(CONFIG_MAP_POLL_SECONDS)
        return plan_status(
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
            probe_passed=any(pod.ready and not pod.from_pool and not pod.deleting for pod in own),
            latest_pod_ready=any(pod.ready and not pod.candidate and not pod.deleting for pod in own),
            problem=self._pod_problem(),
            failed_for_seconds=self._ready_since(conditions.REASON_INITIALIZATION_FAILED),
            slow_pod=self._slow_pod(),
        )

    def _pod_problem(self) -> Problem | None:
        refused = self.observed.refused
        for kind in ("Pod", "Deployment", "ConfigMap", "Service", "NetworkPolicy"):
            if kind in refused:
                return diagnose_refusal(refused[kind], kind)
        found = diagnose_pods(pod for pod in self.observed.pods if pod.revision == self.revision)
        deployment = self.observed.deployment
        if found is None and deployment is not None and deployment.failure and deployment.revision == self.revision:
            return diagnose_refusal(deployment.failure)
        return found

    def _ready_since(self, reason: str) -> float:
        """For how many seconds Ready has had its status, if it has that reason; 0 if it has another."""
        ready = self.observed.function.status.condition(conditions.READY)
        if ready is None or ready.reason != reason or not ready.last_transition_time:
            return 0.0
        return (self.now - datetime.fromisoformat(ready.last_transition_time)).total_seconds()

    def _slow_pod(self) -> str:
        """Volumes that cannot be mounted, a network that gives no address: the kubelet tells of those in Events only."""
        if self._ready_since(conditions.REASON_DEPLOYING) < SLOW_START_SECONDS:
            return ""
        waiting = [
            pod.name
            for pod in self.observed.pods
            if pod.revision == self.revision and not pod.deleting and pod.phase == "Pending" and not pod.container.restarts
        ]
        return min(waiting, default="")

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
        policy = build_network_policy(function, self.installation)
        writes = [*self._service_writes(), *_ensure(policy, observed.network_policy, observed)]
        if observed.code is not None:
            wanted = names.code_config_map(function.name, observed.code.short_digest)
            if wanted not in {code.name for code in observed.code_maps}:
                writes.append(Create(build_code_config_map(function, observed.code)))
        return writes

    def _service_writes(self) -> list[Write]:
        """The function's name inside the cluster, which one without a URL does not have."""
        function, service = self.observed.function, self.observed.service
        if function.spec.url.access != ACCESS_NONE:
            return _ensure(build_service(function, self.installation), service, self.observed)
        own = service is not None and service.owner_uid == function.uid and not service.deleting
        return [Delete("Service", service.name, service.uid)] if service is not None and own else []

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
        # A ConfigMap of somebody else may carry the label too.
        own = (code for code in observed.code_maps if code.owner_uid == observed.function.uid and not code.deleting)
        others = [code for code in own if code.code not in wanted]
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


def _ensure(built: Manifest, live: ObjectView | None, observed: Observed) -> list[Write]:
    return ensure(built, live.body if live is not None else None, observed.accepted)
