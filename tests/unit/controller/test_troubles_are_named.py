"""What keeps pods from coming up reaches the user as a reason and words that stay the same while nothing changes."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.controller.function.diagnosis import diagnose_pods
from lambent.controller.writes.problem import MAX_MESSAGE, shorten
from lambent.controller.writes.views import view_pod
from tests.support.controller_world import World


def a_pod(container: dict[str, Any] | None = None, conditions: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    status: dict[str, Any] = {"phase": "Pending", "conditions": conditions or []}
    if container is not None:
        status["containerStatuses"] = [container]
    return {"metadata": {"name": "hello-1", "uid": "u"}, "status": status}


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {"state": {"waiting": {"reason": reason, "message": message}}, "restartCount": 0, **more}


def ended(code: int, message: str = "", reason: str = "Error") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "message": message, "reason": reason}}


UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/3 nodes are available: 3 Insufficient memory. no new claims to deallocate, preemption: 0/3 nodes are available.",
}

GATED = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "SchedulingGated",
    "message": "Scheduling is blocked due to non-empty scheduling gates",
}


@pytest.mark.parametrize(
    ("body", "reason", "words"),
    [
        (a_pod(waiting("ErrImagePull", "not found")), "ImagePullFailed", "ErrImagePull: not found"),
        (a_pod(waiting("ImagePullBackOff", "Back-off pulling image")), "ImagePullFailed", "ImagePullBackOff"),
        (a_pod(waiting("InvalidImageName", 'couldn\'t parse "UPPER"')), "ImagePullFailed", "UPPER"),
        (a_pod(waiting("CreateContainerConfigError", 'secret "db" not found')), "ConfigurationFailed", 'secret "db" not found'),
        (a_pod(waiting("CrashLoopBackOff", "back-off 5m0s", lastState=ended(1, "boom\n"))), "CrashLooping", "exit code 1: boom"),
        (a_pod(waiting("CrashLoopBackOff", "", lastState=ended(137, "", "OOMKilled"))), "CrashLooping", "exit code 137 (OOMKilled)"),
        (a_pod({"state": {"running": {}}, "restartCount": 3}), "CrashLooping", "ends again and again"),
        (a_pod(conditions=[UNSCHEDULABLE]), "Unschedulable", "no node takes the pod: Insufficient memory."),
    ],
)
def test_a_pods_state_becomes_a_reason(body: dict[str, Any], reason: str, words: str) -> None:
    problem = diagnose_pods([view_pod(body)])

    assert problem is not None
    assert problem.reason == reason
    assert words in problem.message


@pytest.mark.parametrize(
    "body",
    [
        a_pod(),
        a_pod(conditions=[GATED]),
        a_pod(waiting("ContainerCreating")),
        a_pod(waiting("PodInitializing")),
        a_pod({"state": {"running": {}}, "restartCount": 0}),
        a_pod({"state": {"running": {}}, "restartCount": 1}),
    ],
)
def test_what_may_still_come_up_is_no_trouble(body: dict[str, Any]) -> None:
    assert diagnose_pods([view_pod(body)]) is None


def test_a_pod_that_is_ready_after_restarts_is_no_trouble() -> None:
    body = a_pod({"state": {"running": {}}, "restartCount": 5}, [{"type": "Ready", "status": "True"}])

    assert diagnose_pods([view_pod(body)]) is None


def test_back_off_times_and_node_counts_are_left_out() -> None:
    crash = diagnose_pods([view_pod(a_pod(waiting("CrashLoopBackOff", "back-off 10s", lastState=ended(1))))])
    later = diagnose_pods([view_pod(a_pod(waiting("CrashLoopBackOff", "back-off 5m0s", lastState=ended(1))))])
    assert crash == later

    more_nodes = {**UNSCHEDULABLE, "message": "0/5 nodes are available: 5 Insufficient memory. preemption: 0/5 nodes."}
    assert diagnose_pods([view_pod(a_pod(conditions=[UNSCHEDULABLE]))]) == diagnose_pods([view_pod(a_pod(conditions=[more_nodes]))])


def test_the_most_telling_of_several_troubles_is_told() -> None:
    bodies = [a_pod(conditions=[UNSCHEDULABLE]), a_pod(waiting("ErrImagePull", "not found"))]

    problem = diagnose_pods([view_pod(body) for body in bodies])

    assert problem is not None
    assert problem.reason == "ImagePullFailed"


def test_pods_on_their_way_out_say_nothing() -> None:
    body = a_pod(waiting("ErrImagePull", "not found"))
    body["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

    assert diagnose_pods([view_pod(body)]) is None


def test_long_words_are_cut_in_the_middle() -> None:
    text = shorten("begin" + "x" * 5000 + "end")

    assert len(text) <= MAX_MESSAGE
    assert text.startswith("begin")
    assert text.endswith("end")


def with_image_trouble(world: World, reason: str = "ErrImagePull", message: str = "not found") -> None:
    for body in world.of_kind("Pod"):
        body["status"] = {"phase": "Pending", "containerStatuses": [waiting(reason, message)]}


def test_a_first_revision_whose_image_is_not_found_is_not_ready() -> None:
    world = World()
    world.settle()
    world.run_pods(ready=False)
    with_image_trouble(world)

    world.settle()

    assert world.condition("Ready") == ("False", "ImagePullFailed")
    assert [notice.reason for notice in world.notices if notice.type == "Warning"] == ["ImagePullFailed"]


def test_one_trouble_in_two_wordings_is_told_once() -> None:
    world = World()
    world.settle()
    world.run_pods(ready=False)
    with_image_trouble(world)
    world.settle()
    told = world.message()

    with_image_trouble(world, "ImagePullBackOff", "Back-off pulling image")
    world.settle()

    assert world.message() == told
    assert [notice.reason for notice in world.notices if notice.type == "Warning"] == ["ImagePullFailed"]


def test_it_is_ready_when_the_image_is_there() -> None:
    world = World()
    world.settle()
    world.run_pods(ready=False)
    with_image_trouble(world)
    world.settle()

    world.run_pods()
    world.initialize()
    world.settle()

    assert world.condition("Ready") == ("True", "Ready")


def test_a_candidates_trouble_leaves_the_older_revision_serving() -> None:
    world = World().serving_world()
    old = world.template_revision
    world.write_code("v2")
    world.settle()
    candidate = world.objects["Pod", world.candidates[0]]
    candidate["status"] = {"phase": "Pending", "containerStatuses": [waiting("CreateContainerConfigError", 'secret "db" not found')]}

    world.settle()

    assert world.condition("Ready") == ("False", "ConfigurationFailed")
    assert world.status["readyRevision"] == old
    assert f"revision {old} serves on" in world.message()


def test_a_serving_function_that_no_pod_of_can_start_is_not_ready_and_recovers() -> None:
    world = World().serving_world()
    with_image_trouble(world)
    world.settle()
    assert world.condition("Ready") == ("False", "ImagePullFailed")

    world.run_pods()
    world.settle()
    assert world.condition("Ready") == ("True", "Ready")


def test_a_cold_start_does_not_make_a_function_unready() -> None:
    world = World().serving_world()
    world.scale(0)
    world.run_pods()
    world.settle()

    world.scale(1)
    world.run_pods(ready=False)
    world.settle()

    assert world.condition("Ready") == ("True", "Ready")


def test_one_sick_pod_beside_a_healthy_one_is_no_trouble() -> None:
    world = World().serving_world()
    world.scale(2)
    world.run_pods()
    world.objects["Pod", "hello-1"]["status"] = {"phase": "Pending", "conditions": [UNSCHEDULABLE]}
    world.settle()

    assert world.condition("Ready") == ("True", "Ready")


def test_pods_that_quota_refuses_are_told_of() -> None:
    world = World()
    world.settle()
    condition = {"type": "ReplicaFailure", "status": "True", "message": 'pods "hello-x" is forbidden: exceeded quota: small'}
    world.deployment["status"] = {"conditions": [condition]}

    world.settle()

    assert world.condition("Ready") == ("False", "QuotaExceeded")


def test_a_candidate_that_quota_refuses_is_told_of() -> None:
    world = World().serving_world()
    world.write_code("v2")
    world.step()
    world.refused = {"Pod": 'pods "hello-candidate" is forbidden: exceeded quota: small'}

    world.step()

    assert world.condition("Ready") == ("False", "QuotaExceeded")


def test_a_deployment_that_the_api_server_refuses_is_an_invalid_spec() -> None:
    world = World()
    world.step()
    world.refused = {"Deployment": "spec.template.spec.tolerations[0].operator: Invalid value"}

    world.step()

    assert world.condition("Ready") == ("False", "InvalidSpec")
    assert "tolerations" in world.message()


def test_a_pod_that_does_not_start_and_says_nothing_is_named_after_a_while() -> None:
    world = World()
    world.settle()
    world.run_pods(ready=False)
    world.objects["Pod", "hello-0"]["status"] = {"phase": "Pending", "containerStatuses": [waiting("ContainerCreating")]}
    world.settle()
    assert "hello-0" not in world.message()

    world.wait(31)
    world.settle()

    assert "`kubectl describe pod hello-0` tells why" in world.message()
    assert world.condition("Ready") == ("Unknown", "Deploying")
