"""A function that could not initialise for want of something outside of it serves when that is there: nobody applies it again."""

from __future__ import annotations

from typing import Any

from tests.e2e.framework.manifests import function
from tests.e2e.framework.workspace import Workspace
from tests.support.waiting import wait_for

CODE = """
import os

DATABASE = os.environ["DATABASE"]

def handler(event, context):
    return {"database": DATABASE}
"""


def from_config_map(name: str, *variables: str) -> list[dict[str, Any]]:
    """Variables that are there only in pods that start after the ConfigMap has come."""
    return [{"name": each, "valueFrom": {"configMapKeyRef": {"name": name, "key": each, "optional": True}}} for each in variables]


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def test_a_function_whose_pod_is_gone_is_tried_again_and_serves_once_its_trouble_has_passed(workspace: Workspace) -> None:
    workspace.apply(function("mended", CODE, env=from_config_map("settings", "DATABASE"), scaling={"scaleToZeroAfterSeconds": 2}))
    workspace.wait_condition("mended", "False", "InitializationFailed")
    generation = workspace.function("mended")["metadata"]["generation"]
    wait_for(lambda: not workspace.pods("mended"), "the pod that failed to go", 60)

    # The trial of a trouble that lasts: a pod starts, the error is the answer, and the pod goes again.
    answered = workspace.invoke("mended")
    assert (answered.function_error, answered.json["errorType"]) == ("Unhandled", "KeyError"), answered
    assert workspace.pods("mended")
    assert workspace.condition("mended")["reason"] == "InitializationFailed"
    wait_for(lambda: not workspace.pods("mended"), "the pod of the trial to go", 60)

    workspace.apply(config_map("settings", DATABASE="postgres"))
    answers = []

    def served() -> bool:
        answers.append(workspace.invoke("mended"))
        return answers[-1].function_error is None

    wait_for(served, "an invocation to be served", 60)
    assert {answer.status for answer in answers} == {200}, answers
    assert {answer.json["errorType"] for answer in answers[:-1]} <= {"KeyError"}, answers
    assert answers[-1].json == {"database": "postgres"}

    workspace.wait_ready("mended")
    assert workspace.function("mended")["metadata"]["generation"] == generation
    assert [workspace.result("mended") for _ in range(5)] == [{"database": "postgres"}] * 5
    wait_for(lambda: not workspace.pods("mended"), "the mended function to go to zero", 60)
    assert workspace.result("mended") == {"database": "postgres"}


def test_others_are_answered_at_once_while_a_trial_waits_for_its_pod(workspace: Workspace) -> None:
    # An import that takes its time: whoever comes meanwhile hears what is known already.
    code = CODE + "import time\ntime.sleep(float(os.environ['SECONDS']))\n"
    env = from_config_map("slow", "DATABASE", "SECONDS")
    workspace.apply(function("tried", code, env=env, scaling={"scaleToZeroAfterSeconds": 2}))
    workspace.wait_condition("tried", "False", "InitializationFailed")
    wait_for(lambda: not workspace.pods("tried"), "the pod that failed to go", 60)
    workspace.apply(config_map("slow", DATABASE="postgres", SECONDS="3"))

    with workspace.load("tried", warm=0) as load:
        wait_for(load.answered, "an invocation to be served", 60)

    errors = [outcome.response.json["errorType"] for outcome in load.failures if outcome.response]
    assert len(errors) == len(load.failures), load.summary()
    assert set(errors) == {"KeyError"}
    # Each of two activators may have one of the four callers wait; the others went on.
    assert len(errors) > 20
