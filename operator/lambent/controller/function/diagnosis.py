"""Why a Function's pods do not come up, in words for its user: from the state of pods and Deployment to a reason and a message.

Reasons of waiting containers: kubelet, `pkg/kubelet/images/types.go` and `pkg/kubelet/kuberuntime`. Messages are worded so that they
stay the same while nothing changes (no back-off times, no counts), since each change would be an Event.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from lambent.api import conditions
from lambent.controller.writes.problem import Problem, shorten
from lambent.controller.writes.views import PodView

_IMAGE_REASONS: Final = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ImageInspectError",
        "ErrImageNeverPull",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
_CONFIGURATION_REASONS: Final = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_CRASH_REASON: Final = "CrashLoopBackOff"
_RESTARTS_OF_A_CRASH_LOOP: Final = 2


def diagnose_pods(pods: Iterable[PodView]) -> Problem | None:
    """The most telling problem of these pods; None where they come up or may still do so."""
    problems = [problem for pod in pods if not pod.deleting and (problem := _diagnose_pod(pod)) is not None]
    order = (
        conditions.REASON_IMAGE_PULL_FAILED,
        conditions.REASON_CONFIGURATION_FAILED,
        conditions.REASON_CRASH_LOOPING,
        conditions.REASON_UNSCHEDULABLE,
    )
    return min(problems, key=lambda problem: order.index(problem.reason), default=None)


def _diagnose_pod(pod: PodView) -> Problem | None:
    state = pod.container
    if state.waiting_reason in _IMAGE_REASONS:
        return Problem(conditions.REASON_IMAGE_PULL_FAILED, shorten(f"{state.waiting_reason}: {state.waiting_message}"))
    if state.waiting_reason in _CONFIGURATION_REASONS:
        return Problem(conditions.REASON_CONFIGURATION_FAILED, shorten(f"the pod cannot be started as configured: {state.waiting_message}"))
    if state.waiting_reason == _CRASH_REASON or (state.restarts >= _RESTARTS_OF_A_CRASH_LOOP and not pod.ready):
        return Problem(conditions.REASON_CRASH_LOOPING, shorten(_word_crash(pod)))
    if pod.unschedulable:
        # "0/3 nodes are available: ..." counts nodes, which come and go; what is missing is told behind it.
        return Problem(conditions.REASON_UNSCHEDULABLE, shorten(f"no node takes the pod: {_without_counts(pod.unschedulable)}"))
    return None


def _word_crash(pod: PodView) -> str:
    state = pod.container
    if state.exit_code is None:
        return "the pod's container ends again and again"
    reason = f" ({state.exit_reason})" if state.exit_reason and state.exit_reason != "Error" else ""
    said = f": {state.exit_message.strip()}" if state.exit_message.strip() else ""
    return f"the pod's container ends again and again, with exit code {state.exit_code}{reason}{said}"


def _without_counts(message: str) -> str:
    text = re.sub(r"^\d+/\d+ nodes are available: ", "", message)
    text = re.sub(r"(^|, )\d+ ", r"\1", text)
    # What the scheduler would have to remove from a node to make room comes last, and is nothing to a function's user.
    return re.split(r" (?:no new claims to deallocate|preemption: )", text)[0].strip()
