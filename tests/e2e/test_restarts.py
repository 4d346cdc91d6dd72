"""Each component dies under load; what is promised for it holds. Accepted requests are lost only where their pod was killed."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.framework.control_plane import ControlPlane
from tests.e2e.framework.manifests import ECHO, function
from tests.e2e.framework.node import nodes_ready_since, restart_api_server
from tests.e2e.framework.workspace import Workspace
from tests.support.waiting import wait_for

SLOW = """
import time

def handler(event, context):
    time.sleep(event.get("seconds", 0.05))
    return event
"""


def test_activators_replaced_one_by_one_lose_no_request(workspace: Workspace, control_plane: ControlPlane) -> None:
    workspace.deploy(function("steady", SLOW))

    with workspace.load("steady", {"seconds": 0.2}) as load:
        for _ in range(2):
            control_plane.kill_one("activator")
            control_plane.wait_whole("activator")

    assert load.failures == [], load.summary()


def test_a_killed_activator_breaks_its_own_requests_only(workspace: Workspace, control_plane: ControlPlane) -> None:
    workspace.deploy(function("sturdy", SLOW))

    with workspace.load("sturdy") as load:
        control_plane.kill_one("activator", grace_seconds=0)
        control_plane.wait_whole("activator")

    answered_badly = [outcome for outcome in load.failures if outcome.response is not None]
    assert answered_badly == [], load.summary()
    workspace.wait_reachable()
    assert workspace.result("sturdy", {"after": 1}) == {"after": 1}


def test_without_the_autoscaler_warm_functions_go_on_and_zero_to_one_works(workspace: Workspace, control_plane: ControlPlane) -> None:
    workspace.deploy(function("hot", SLOW), function("cold", ECHO, scaling={"initialScale": 0, "scaleToZeroAfterSeconds": 2}))

    with workspace.load("hot") as load, control_plane.without("autoscaler"):
        assert workspace.result("cold", {"from": "zero"}) == {"from": "zero"}

    assert load.failures == [], load.summary()
    workspace.wait_for_zero("cold")


def test_the_other_autoscaler_takes_over_from_a_killed_one(workspace: Workspace, control_plane: ControlPlane) -> None:
    workspace.deploy(function("watched", ECHO, scaling={"scaleToZeroAfterSeconds": 2}))
    workspace.wait_for_zero("watched")

    control_plane.kill("autoscaler", grace_seconds=0)

    assert workspace.result("watched", 1) == 1
    workspace.wait_for_zero("watched")
    control_plane.wait_whole("autoscaler")


def test_without_the_controller_functions_answer_from_zero_and_changes_come_later(
    workspace: Workspace, control_plane: ControlPlane
) -> None:
    workspace.deploy(function("kept", SLOW), function("asleep", ECHO, scaling={"initialScale": 0}))

    with workspace.load("kept") as load, control_plane.without("controller"):
        assert workspace.result("asleep", 1) == 1
        workspace.apply(function("asleep", "def handler(event, context):\n    return 'changed'"))
        workspace.apply(function("born-meanwhile", ECHO))

    assert load.failures == [], load.summary()
    workspace.wait_ready("born-meanwhile")
    workspace.wait_ready("asleep")
    assert workspace.result("asleep") == "changed"


@pytest.mark.timeout(1500)  # kubelet, scheduler and controller manager come back by back-offs of their own
def test_warm_functions_do_not_notice_a_restart_of_the_api_server(workspace: Workspace, control_plane: ControlPlane) -> None:
    workspace.deploy(function("independent", SLOW))
    ready_since = nodes_ready_since(workspace.api)

    with workspace.load("independent") as load:
        restart_api_server(workspace.api, control_plane)

    failures = load.failures
    if nodes_ready_since(workspace.api) != ready_since:
        # The kubelet's word came late, Kubernetes held its only node for not ready and took all pods out of all Services: for that moment
        # kube-proxy refuses connections, and nothing of ours is asked.
        failures = [failure for failure in failures if not (failure.error or "").startswith("ConnectionRefusedError")]
    assert failures == [], load.summary()
    control_plane.wait_whole()
    workspace.deploy(function("independent", "def handler(event, context):\n    return 'new'"), seconds=120)
    assert workspace.result("independent") == "new"
    workspace.deploy(function("afterwards", ECHO), seconds=120)
    assert workspace.result("afterwards", 1) == 1


def test_a_killed_function_pod_loses_only_what_it_had_started(workspace: Workspace) -> None:
    workspace.deploy(function("mortal", SLOW, timeoutSeconds=30, scaling={"minScale": 1, "maxScale": 1}))
    workspace.wait_for_pods("mortal", 1)

    with ThreadPoolExecutor(4) as clients:
        calls = [clients.submit(workspace.invoke, "mortal", {"seconds": 3, "call": 0})]
        wait_for(lambda: "START" in workspace.logs("mortal"), "the first call to start")
        calls += [clients.submit(workspace.invoke, "mortal", {"seconds": 0, "call": number}) for number in (1, 2, 3)]
        workspace.api.delete("Pod", workspace.namespace, workspace.pods("mortal")[0]["metadata"]["name"], grace_seconds=0)
        started, *waiting = [call.result() for call in calls]

    # Killed at once or drained within the grace that the runtime had: answered, or failed by name. Never anything else, never twice.
    assert started.status == 200 or started.reason == "Platform.LinkLost", started
    assert [answer.status for answer in waiting] == [200] * 3, waiting


def test_a_function_pod_that_is_drained_loses_nothing(workspace: Workspace) -> None:
    workspace.deploy(function("moving", SLOW, scaling={"minScale": 2, "maxScale": 2}))
    workspace.wait_for_pods("moving", 2)

    with workspace.load("moving", {"seconds": 0.2}) as load:
        for pod in workspace.pods("moving"):
            workspace.delete("Pod", pod["metadata"]["name"])
            workspace.wait_gone("Pod", pod["metadata"]["name"])
        workspace.wait_for_pods("moving", 2)

    assert load.failures == [], load.summary()
