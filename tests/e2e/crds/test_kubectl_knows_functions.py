"""Functions and Triggers in kubectl: short names, columns, explain, scale, and rules that only the API server checks."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.e2e.framework.manifests import ECHO, changed, function, http_trigger
from tests.e2e.framework.workspace import Workspace
from tests.support.waiting import wait_for


class Kubectl:
    """kubectl as a user has it."""

    def __init__(self, program: str, kubeconfig: str) -> None:
        self.start = [program, "--kubeconfig", kubeconfig]

    def __call__(self, *arguments: str, namespace: str = "default", stdin: str = "") -> tuple[int, str]:
        """Exit status and everything it said."""
        command = [*self.start, "--namespace", namespace, *arguments]
        ended = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)
        return ended.returncode, ended.stdout + ended.stderr


@pytest.fixture
def run(kubectl: str, kubeconfig: str) -> Kubectl:
    return Kubectl(kubectl, kubeconfig)


@pytest.mark.parametrize(
    ("field", "words"),
    [("function.spec.scaling.initialScale", "proved"), ("function.spec.memory", "128Mi to 10Gi"), ("trigger.spec.http.path", "{name+}")],
)
def test_explain_tells_what_a_field_is(run: Kubectl, field: str, words: str) -> None:
    status, said = run("explain", field)

    assert status == 0, said
    assert words in said


def test_get_shows_the_state_at_a_glance(workspace: Workspace, run: Kubectl) -> None:
    workspace.deploy(function("glance", ECHO, scaling={"initialScale": 0}))
    workspace.apply(http_trigger("glance", "glance", host="glance.shop.example", path="/x"))
    wait_for(lambda: " True " in run("get", "trg", "glance", namespace=workspace.namespace)[1], "the Trigger to be ready")

    _, functions = run("get", "fn", "glance", namespace=workspace.namespace)
    _, triggers = run("get", "trg", "glance", namespace=workspace.namespace)
    _, both = run("get", "lambent", namespace=workspace.namespace)

    head, row = functions.splitlines()
    assert head.split() == ["NAME", "READY", "REASON", "RUNTIME", "REPLICAS", "URL", "AGE"]
    assert row.split()[:6] == ["glance", "True", "Ready", "python3.11", "0", f"http://glance.{workspace.namespace}"]
    assert triggers.splitlines()[1].split()[:6] == ["glance", "glance", "http", "glance.shop.example", "/x", "True"]
    assert "function.lambent.dev/glance" in both
    assert "trigger.lambent.dev/glance" in both


def test_wait_returns_only_for_the_manifest_just_applied(workspace: Workspace, run: Kubectl) -> None:
    manifest = function("patient", ECHO)
    for version in (1, 2):
        manifest["spec"]["code"]["inline"]["app.py"] = f"def handler(event, context):\n    return {version}\n"
        run("apply", "-f", "-", namespace=workspace.namespace, stdin=json.dumps(manifest))
        status, said = run("wait", "fn/patient", "--for=condition=Ready", "--timeout=50s", namespace=workspace.namespace)
        assert status == 0, said
        assert workspace.result("patient") == version


def test_scale_sets_the_pods_that_always_run_within_the_rules(workspace: Workspace, run: Kubectl) -> None:
    workspace.deploy(function("sized", ECHO, scaling={"initialScale": 0, "maxScale": 2}))

    assert run("scale", "fn/sized", "--replicas=2", namespace=workspace.namespace)[0] == 0
    assert workspace.function("sized")["spec"]["scaling"]["minScale"] == 2
    wait_for(lambda: workspace.function("sized")["status"]["replicas"] == 2, "two pods")

    status, said = run("scale", "fn/sized", "--replicas=3", namespace=workspace.namespace)
    assert status != 0
    assert "maxScale" in said


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"env": [{"name": "A", "value": "x"}, {"name": "A", "value": "y"}]}, ["spec.env", "duplicate", '"A"']),
        (
            {"env": [{"name": "A", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "a"}}}]},
            ["spec.env[0]", "both value and valueFrom"],
        ),
        ({"env": [{"name": "A", "valueFrom": {}}]}, ["spec.env[0].valueFrom", "exactly one of"]),
        ({"env": [{"name": "LAMBENT_SHIM", "value": "x"}]}, ["LAMBENT_SHIM", "reserved"]),
        ({"volumes": [{"name": "v", "mountPath": "/tmp", "emptyDir": {}}]}, ["mountPath /tmp", "/var/task"]),
        ({"volumes": [{"name": "v", "mountPath": "/var/task/", "emptyDir": {}}]}, ["mountPath /var/task/"]),
        ({"volumes": [{"name": "v", "mountPath": "/mnt/../etc", "emptyDir": {}}]}, ["mountPath", ".."]),
        ({"volumes": [{"name": "v", "mountPath": "/mnt"}]}, ["volume v", "exactly one of"]),
        ({"logging": {"applicationLevel": "DEBUG"}}, ["spec.logging", "JSON"]),
        ({"cpu": {"limit": "lots"}}, ["spec.cpu.limit lots", "500m"]),
        ({"cpu": {"request": "lots", "limit": "1"}}, ["spec.cpu.request lots", "100m"]),
        ({"cpu": {"request": "2", "limit": "1500m"}}, ["spec.cpu.request 2", "at most spec.cpu.limit, 1500m"]),
        ({"handler": "two words"}, ["spec.handler two words", "app.handler"]),
        ({"memory": 256}, ["spec.memory 256", "unit"]),
        ({"scaling": {"initialScale": 9, "maxScale": 8}}, ["scaling.initialScale", "maxScale"]),
        ({"scaling": {"panicWindowSeconds": 100}}, ["panicWindowSeconds", "stableWindowSeconds"]),
        ({"code": {"inline": {"a/../b.py": ""}}}, ["spec.code.inline", ".."]),
        ({"code": {"inline": {"app.py": "x" * 262_145}}}, ["262144"]),
        ({"code": {"configMap": {"name": "x", "items": [{"key": "a", "path": "/a"}]}}}, ["items[0].path", "relative"]),
        ({"tolerations": [{"operator": "Maybe"}]}, ["tolerations[0].operator", "Equal", "Exists"]),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_rule_of_the_schema_names_field_and_value(workspace: Workspace, spec: dict[str, Any], words: list[str]) -> None:
    message = workspace.refused(changed(function("refused", ECHO), **spec))

    assert [word for word in words if word not in message] == [], message


@pytest.mark.parametrize("name", ["with.dot", "1st", "a" * 64])
def test_a_name_that_is_no_host_name_is_refused(workspace: Workspace, name: str) -> None:
    assert "RFC 1035" in workspace.refused(function(name, ECHO))


def test_the_longest_name_works(workspace: Workspace) -> None:
    name = "n" * 63
    workspace.deploy(function(name, ECHO))
    workspace.deploy(function(name, "def handler(event, context):\n    return 'new'"))

    assert workspace.result(name) == "new"


def test_two_triggers_on_one_route_are_told_apart(workspace: Workspace) -> None:
    host = f"shared.{workspace.namespace}.example"
    workspace.deploy(function("routed", ECHO, scaling={"initialScale": 0}))
    workspace.apply(http_trigger("first", "routed", host=host, path="/orders/{id}"))
    wait_for(lambda: state(workspace, "first") == ("True", "Ready"), "the first to be ready")
    # Creation times are whole seconds; of the same second, the name decides.
    workspace.apply(http_trigger("second", "routed", host=host, path="/orders/{order}"))
    wait_for(lambda: state(workspace, "second") == ("False", "Conflict"), "the second to be refused")

    workspace.delete("Trigger", "first")

    wait_for(lambda: state(workspace, "second") == ("True", "Ready"), "the second to take over")


def test_a_trigger_says_when_its_function_is_missing_and_when_it_is_there(workspace: Workspace) -> None:
    workspace.apply(http_trigger("early", "late", host=f"early.{workspace.namespace}.example", path="/"))
    wait_for(lambda: state(workspace, "early") == ("False", "FunctionNotFound"), "the missing function to be told")

    workspace.deploy(function("late", ECHO, scaling={"initialScale": 0}))

    wait_for(lambda: state(workspace, "early") == ("True", "Ready"), "the Trigger to be ready")


def state(workspace: Workspace, trigger: str) -> tuple[str, str]:
    """Status and reason of a Trigger's Ready condition."""
    body = workspace.get("Trigger", trigger) or {}
    ready = next(iter(body.get("status", {}).get("conditions", [])), {})
    return ready.get("status", ""), ready.get("reason", "")
