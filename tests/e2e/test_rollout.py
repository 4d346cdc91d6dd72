"""New code and configuration: without a failed request where they are good, without any effect where they are not."""

import pytest

from tests.e2e.framework.manifests import function
from tests.e2e.framework.workspace import Workspace
from tests.support.waiting import wait_for

GOOD = """
import os

def handler(event, context):
    return {"version": VERSION, "stage": os.environ.get("STAGE")}

VERSION = 1
"""
BROKEN = "import no_such_module_of_anybody\n" + GOOD


def test_changes_of_code_and_configuration_roll_out_without_a_failed_request(workspace: Workspace) -> None:
    manifest = function("changing", GOOD)
    workspace.deploy(manifest)

    with workspace.load("changing") as load:
        workspace.deploy(function("changing", GOOD.replace("VERSION = 1", "VERSION = 2")))
        wait_for(lambda: workspace.result("changing") == {"version": 2, "stage": None}, "the new code")
        workspace.deploy(function("changing", GOOD.replace("VERSION = 1", "VERSION = 2"), env=[{"name": "STAGE", "value": "blue"}]))
        wait_for(lambda: workspace.result("changing") == {"version": 2, "stage": "blue"}, "the new variable")

    assert load.failures == [], load.summary()
    versions = [(outcome.response.json["version"], outcome.response.json["stage"]) for outcome in load.outcomes if outcome.response]
    assert set(versions) == {(1, None), (2, None), (2, "blue")}


def test_once_ready_only_the_new_code_answers(workspace: Workspace) -> None:
    workspace.deploy(function("exact", GOOD))
    for version in (2, 3):
        workspace.deploy(function("exact", GOOD.replace("VERSION = 1", f"VERSION = {version}")))
        assert {workspace.result("exact")["version"] for _ in range(10)} == {version}


def test_broken_new_code_leaves_the_old_serving_and_says_why(workspace: Workspace) -> None:
    workspace.deploy(function("careful", GOOD))

    with workspace.load("careful", clients=2) as load:
        workspace.apply(function("careful", BROKEN))
        condition = workspace.wait_condition("careful", "False", "InitializationFailed")
        assert "no_such_module_of_anybody" in condition["message"]
        assert workspace.result("careful")["version"] == 1

    assert load.failures == [], load.summary()
    wait_for(
        lambda: [event for event in workspace.events("careful") if event["type"] == "Warning" and "no_such_module" in event["message"]],
        "an Event that names the module",
    )
    workspace.deploy(function("careful", GOOD.replace("VERSION = 1", "VERSION = 3")))
    assert workspace.result("careful")["version"] == 3


@pytest.mark.parametrize(
    ("name", "code", "handler", "error"),
    [
        ("no-import", BROKEN, "app.handler", "Runtime.ImportModuleError"),
        ("no-module", GOOD, "other.handler", "Runtime.ImportModuleError"),
        ("no-handler", GOOD, "app.other", "Runtime.HandlerNotFound"),
        ("no-syntax", "def handler(event, context)\n    return 1", "app.handler", "Runtime.UserCodeSyntaxError"),
        ("raises", "raise RuntimeError('not today')", "app.handler", "RuntimeError"),
    ],
)
def test_first_code_that_does_not_initialise_answers_with_lambdas_error(
    workspace: Workspace, name: str, code: str, handler: str, error: str
) -> None:
    workspace.apply(function(name, code, handler=handler))
    condition = workspace.wait_condition(name, "False", "InitializationFailed")
    assert condition["message"]

    response = workspace.invoke(name)
    assert response.status == 200, response
    assert response.function_error == "Unhandled"
    assert response.json["errorType"] == error
    assert response.reason == "Function.InitError"

    workspace.deploy(function(name, GOOD))
    assert workspace.result(name)["version"] == 1


def test_a_new_config_map_as_code_rolls_out(workspace: Workspace) -> None:
    def code(version: int) -> dict[str, object]:
        text = GOOD.replace("VERSION = 1", f"VERSION = {version}")
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "code"}, "data": {"app.py": text}}

    workspace.apply(code(1))
    manifest = function("from-map", GOOD)
    manifest["spec"]["code"] = {"configMap": {"name": "code"}}
    workspace.deploy(manifest)
    assert workspace.result("from-map")["version"] == 1

    workspace.apply(code(2))
    wait_for(lambda: workspace.result("from-map")["version"] == 2, "the changed ConfigMap's code", 60)
