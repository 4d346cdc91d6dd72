"""From zero to an answer, and back to zero."""

from tests.e2e.framework.manifests import function
from tests.e2e.framework.workspace import Workspace
from tests.support.waiting import wait_for

COUNTED = """
calls = 0

def handler(event, context):
    global calls
    calls += 1
    return {"calls": calls}
"""


def test_a_function_answers_from_zero_and_goes_back_to_zero(workspace: Workspace) -> None:
    workspace.deploy(function("counter", COUNTED, scaling={"scaleToZeroAfterSeconds": 2}))
    workspace.wait_for_zero("counter")

    first = workspace.invoke("counter")
    assert (first.status, first.json) == (200, {"calls": 1})
    assert "start" in first.headers["server-timing"]
    wait_for(lambda: workspace.scale("counter") == 1, "the Deployment to hear of the pod", 10)
    assert workspace.result("counter") == {"calls": 2}

    workspace.wait_for_zero("counter")
    assert workspace.condition("counter")["status"] == "True"
    assert workspace.result("counter") == {"calls": 1}


def test_a_function_that_is_not_asked_never_starts_when_its_initial_scale_is_zero(workspace: Workspace) -> None:
    workspace.deploy(function("sleeper", COUNTED, scaling={"initialScale": 0}))

    assert workspace.scale("sleeper") == 0
    assert workspace.pods("sleeper") == []
    assert workspace.result("sleeper") == {"calls": 1}


def test_a_warm_request_starts_nothing(workspace: Workspace) -> None:
    workspace.deploy(function("warm", COUNTED, scaling={"minScale": 1, "maxScale": 1}))
    workspace.wait_for_pods("warm", 1)
    before = workspace.pods("warm")

    answers = [workspace.result("warm")["calls"] for _ in range(20)]

    assert answers == list(range(answers[0], answers[0] + 20))
    assert [pod["metadata"]["uid"] for pod in workspace.pods("warm")] == [pod["metadata"]["uid"] for pod in before]
