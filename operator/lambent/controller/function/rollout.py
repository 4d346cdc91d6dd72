"""The revision state machine: which revision serves, where the wanted one is proved, and what Ready says of it.

Code that does not initialise never replaces code that does. A revision is proved by initialising once: on the Deployment where nothing
serves yet, else on a candidate pod beside it. Only a proved revision gets into the template of a Deployment that serves
(docs/decisions/0002, "Revisions"). Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lambent.api import conditions
from lambent.api.functions.status import Initialization
from lambent.controller.writes.problem import Problem, shorten

TRACE_LINES: Final = 12
FAILED_CANDIDATE_SECONDS: Final = 300.0
"""How long a candidate that failed is kept: its log can be read, and an initialisation that is repeated may yet succeed."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the state machine looks at."""

    latest: str
    """The revision that the spec asks for."""
    serving: str
    """The stored `readyRevision`; empty before there is one."""
    was_ready: bool
    """Whether Ready was True when last written."""
    template: str | None
    """The revision of the Deployment's template; None without a Deployment."""
    desired_replicas: int
    """Of the Deployment; without one, what it will be created with."""
    prove_first: bool
    """`initialScale` 1 or more."""
    initialization: Initialization | None
    """Of the latest revision; None where it was not reported yet."""
    probe_passed: bool
    """Whether a pod of the latest revision, the candidate too, is ready: its shim says so only once the handler is imported. A pod from a
    pool was ready before, and is no witness."""
    latest_pod_ready: bool
    """Whether a pod of the Deployment runs the latest revision and is ready."""
    problem: Problem | None
    """What keeps pods of the latest revision from coming up."""
    failed_for_seconds: float = 0.0
    """How long Ready has been False for a failed initialisation."""
    slow_pod: str = ""
    """A pod of the latest revision that has not begun to run for long, without a word why; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """What to do, and what to say."""

    serving: str
    """The `readyRevision` to write."""
    apply_template: bool
    """Whether the Deployment carries the latest revision from now on; else it is left as it is."""
    want_candidate: bool
    keep_candidate: bool
    ready: conditions.Condition
    code: conditions.Condition


def decide_rollout(situation: Situation) -> Rollout:
    """One step; repeated with what came of it, it comes to rest."""
    latest, template = situation.latest, situation.template
    serving = _find_serving(situation)
    outcome = situation.initialization
    # A report may be lost while activators are replaced; the kubelet's probe then tells the same, a little later.
    initialized = situation.probe_passed or (outcome is not None and outcome.succeeded)
    proved = serving == latest or not situation.prove_first or initialized
    apply_template = proved or not serving or template is None or template == latest
    if proved:
        return Rollout(
            serving=latest,
            apply_template=True,
            want_candidate=False,
            keep_candidate=not _has_arrived(situation),
            ready=_ready_of_serving(situation),
            code=_code_of_serving(situation),
        )
    proved_on_deployment = apply_template and situation.desired_replicas > 0
    failed = outcome is not None
    return Rollout(
        serving=serving,
        apply_template=apply_template,
        want_candidate=not proved_on_deployment and not failed,
        keep_candidate=not proved_on_deployment and (not failed or situation.failed_for_seconds < FAILED_CANDIDATE_SECONDS),
        ready=_ready_of_unproved(situation, serving),
        code=_code_of_unproved(situation),
    )


def word_failure(initialization: Initialization, serving: str) -> str:
    """The condition's message for code that does not initialise: error, then the end of the traceback."""
    beside = f" (revision {serving} serves on)" if serving else ""
    head = f"revision {initialization.revision} does not initialise{beside}: {initialization.error_type}: {initialization.error_message}"
    lines = (initialization.traceback or initialization.stack_trace)[-TRACE_LINES:]
    trace = "".join(f"\n{line.rstrip()}" for line in lines if line.strip())
    return shorten(head + trace)


def _find_serving(situation: Situation) -> str:
    """The revision that serves now. The template only ever changes to a proved revision once one serves, so it is the witness."""
    if not situation.serving:
        return ""
    if situation.template is None:
        return situation.latest if situation.serving == situation.latest else ""
    return situation.template


def _has_arrived(situation: Situation) -> bool:
    """Whether the latest revision can take over from older pods and the candidate."""
    if situation.template != situation.latest and situation.template is not None:
        return situation.desired_replicas == 0
    return situation.desired_replicas == 0 or situation.latest_pod_ready


def _ready_of_serving(situation: Situation) -> conditions.Condition:
    if situation.problem is not None and not situation.latest_pod_ready:
        return _condition(conditions.READY, conditions.FALSE, situation.problem.reason, situation.problem.message)
    # A first revision is ready by its link, sooner than the kubelet's probe says so; a later one takes over when its pod is available.
    steady = situation.was_ready and situation.serving == situation.latest
    if steady or not situation.serving or _has_arrived(situation):
        return _condition(conditions.READY, conditions.TRUE, conditions.REASON_READY, f"revision {situation.latest} serves")
    message = f"revision {situation.latest} takes over from the one before{_word_slow_pod(situation)}"
    return _condition(conditions.READY, conditions.UNKNOWN, conditions.REASON_DEPLOYING, message)


def _code_of_serving(situation: Situation) -> conditions.Condition:
    outcome = situation.initialization
    if outcome is not None and not outcome.succeeded:
        message = word_failure(outcome, "")
        return _condition(conditions.CODE_READY, conditions.FALSE, conditions.REASON_INITIALIZATION_FAILED, message)
    return _condition(conditions.CODE_READY, conditions.TRUE, conditions.REASON_CODE_STORED, "")


def _ready_of_unproved(situation: Situation, serving: str) -> conditions.Condition:
    outcome = situation.initialization
    if outcome is not None:
        reason, message = conditions.REASON_INITIALIZATION_FAILED, word_failure(outcome, serving)
        return _condition(conditions.READY, conditions.FALSE, reason, message)
    beside = f" (revision {serving} serves on)" if serving else ""
    if situation.problem is not None:
        message = f"revision {situation.latest}{beside}: {situation.problem.message}"
        return _condition(conditions.READY, conditions.FALSE, situation.problem.reason, message)
    message = f"revision {situation.latest} is being proved{beside}{_word_slow_pod(situation)}"
    return _condition(conditions.READY, conditions.UNKNOWN, conditions.REASON_DEPLOYING, message)


def _code_of_unproved(situation: Situation) -> conditions.Condition:
    outcome = situation.initialization
    if outcome is not None:
        message = word_failure(outcome, "")
        return _condition(conditions.CODE_READY, conditions.FALSE, conditions.REASON_INITIALIZATION_FAILED, message)
    return _condition(conditions.CODE_READY, conditions.UNKNOWN, conditions.REASON_DEPLOYING, "stored, not yet initialised")


def _word_slow_pod(situation: Situation) -> str:
    name = situation.slow_pod
    return f"; its pod has not started yet, `kubectl describe pod {name}` tells why" if name else ""


def _condition(condition_type: str, status: str, reason: str, message: str) -> conditions.Condition:
    return conditions.Condition(condition_type, status, reason, message)
