"""An image that cannot be pulled."""

from tests.e2e.framework.manifests import ECHO, function
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
