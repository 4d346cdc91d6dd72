"""Images that cannot be pulled, or end as soon as they start."""

from __future__ import annotations

from tests.e2e.framework.control_plane import ControlPlane
from tests.e2e.framework.manifests import ECHO, function
from tests.e2e.framework.warm_pool import NAMED, came_from_pool, deploy_at_zero, fill_pool, gated_pods, generic_pods
from tests.e2e.framework.workspace import Workspace
from tests.support.waiting import wait_for

NOWHERE = "registry.invalid/nobody/nothing:1"


def test_an_image_that_cannot_be_pulled_is_named_and_does_not_replace_what_serves(workspace: Workspace) -> None:
    workspace.deploy(function("pulled", ECHO))

    workspace.apply(function("pulled", ECHO, runtime=None, image=NOWHERE))
    condition = workspace.wait_condition("pulled", "False", "ImagePullFailed", seconds=90)

    assert NOWHERE in condition["message"]
    wait_for(lambda: [event for event in workspace.events("pulled") if event["type"] == "Warning"], "a Warning event")
    assert workspace.result("pulled", {"still": "here"}) == {"still": "here"}

    workspace.deploy(function("pulled", ECHO, env=[{"name": "AGAIN", "value": "1"}]))
    assert workspace.result("pulled", 1) == 1


def test_a_first_image_that_cannot_be_pulled_answers_at_once(workspace: Workspace) -> None:
    workspace.apply(function("unpulled", ECHO, runtime=None, image=NOWHERE))
    workspace.wait_condition("unpulled", "False", "ImagePullFailed", seconds=90)

    response = workspace.invoke("unpulled", timeout=9)

    assert response.status != 504, response
    assert response.function_error or response.status >= 500, response


def break_next_pool_pod(workspace: Workspace, image: str) -> str:
    """Give the pool's next pod an image while its gate holds it; the pod's uid."""
    pod = wait_for(lambda: gated_pods(workspace), "a pool's pod to be held back", 30)[0]
    name = pod["metadata"]["name"]
    workspace.api.merge("Pod", workspace.namespace, name, {"spec": {"containers": [{**pod["spec"]["containers"][0], "image": image}]}})
    return str(pod["metadata"]["uid"])


def test_a_generic_pod_whose_image_cannot_be_pulled_costs_nobody_an_answer(workspace: Workspace) -> None:
    fill_pool(workspace)
    deploy_at_zero(workspace, *(function(f"caller-{number}", NAMED) for number in range(4)))
    assert came_from_pool(workspace.invoke("caller-0"))
    uid = break_next_pool_pod(workspace, NOWHERE)

    answers = [workspace.result(f"caller-{number}")["name"] for number in (1, 2)]

    def pull_failed() -> str:
        (pod,) = (pod for pod in workspace.api.list("Pod", workspace.namespace) if pod["metadata"]["uid"] == uid)
        states = [each["state"].get("waiting", {}).get("reason") for each in pod["status"].get("containerStatuses", ())]
        assert states in (["ErrImagePull"], ["ImagePullBackOff"]), pod["status"]
        return str(pod["metadata"]["name"])

    broken = wait_for(pull_failed, "the pod's image not to be pulled", 60)
    assert [*answers, workspace.result("caller-3")["name"]] == ["caller-1", "caller-2", "caller-3"]
    wait_for(lambda: generic_pods(workspace), "another generic pod to wait", 60)
    workspace.api.delete("Pod", workspace.namespace, broken, grace_seconds=0)


def test_a_generic_pod_whose_image_ends_at_once_is_replaced(workspace: Workspace, control_plane: ControlPlane) -> None:
    fill_pool(workspace)
    deploy_at_zero(workspace, function("first", NAMED), function("second", NAMED))
    assert came_from_pool(workspace.invoke("first"))
    uid = break_next_pool_pod(workspace, control_plane.image())

    assert workspace.result("second")["name"] == "second"

    def replaced() -> bool:
        pods = workspace.api.list("Pod", workspace.namespace, "lambent.dev/role=pool")
        return all(pod["metadata"]["uid"] != uid for pod in pods) and len(generic_pods(workspace)) >= 2

    wait_for(replaced, "the pod to be replaced, and the pool to be full", 90)
