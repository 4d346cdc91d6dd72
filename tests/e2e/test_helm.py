"""Upgrade, uninstall, install again: functions outlive the control plane."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.framework.control_plane import ControlPlane
from tests.e2e.framework.manifests import ECHO, function
from tests.e2e.framework.workspace import SYSTEM, Workspace
from tests.support.waiting import wait_for

Helm = Callable[..., str]


@pytest.fixture(name="run_helm")
def fixture_run_helm(helm: str, kubeconfig: str) -> Helm:
    def run(*arguments: str) -> str:
        command = [helm, "--kubeconfig", kubeconfig, "--namespace", SYSTEM, *arguments]
        result = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run


@pytest.fixture
def values(run_helm: Helm, tmp_path: Path) -> Path:
    """The values that the release was installed with."""
    path = tmp_path / "values.json"
    path.write_text(json.dumps(json.loads(run_helm("get", "values", "lambent", "--output", "json")) or {}))
    return path


def without_values(workspace: Workspace, name: str, event: object) -> object:
    """An invocation by way of the API server: without values, the endpoint is open inside the cluster alone."""
    path = f"/api/v1/namespaces/{SYSTEM}/services/lambent-activator:80/proxy"
    invocation = f"{path}/2015-03-31/functions/{workspace.namespace}:function:{name}/invocations"
    answer: object = json.loads(workspace.api.raw("POST", invocation, event, timeout=60))
    return answer


def test_an_upgrade_under_load_loses_no_request(workspace: Workspace, control_plane: ControlPlane, run_helm: Helm, values: Path) -> None:
    workspace.deploy(function("upgraded", ECHO))
    chart = str(workspace.checkout / "charts" / "lambent")

    with workspace.load("upgraded", {"answer": 1}) as load:
        annotations = [
            "--set",
            "controller.podAnnotations.e2e=upgraded,activator.podAnnotations.e2e=upgraded,autoscaler.podAnnotations.e2e=upgraded",
        ]
        run_helm("upgrade", "lambent", chart, "--values", str(values), *annotations, "--wait", "--timeout", "180s")
        control_plane.wait_whole()

    assert load.failures == [], load.summary()
    workspace.deploy(function("after-upgrade", ECHO))
    assert workspace.result("after-upgrade", 1) == 1
    run_helm("upgrade", "lambent", chart, "--values", str(values), "--wait", "--timeout", "180s")


def test_functions_outlive_an_uninstall_and_are_taken_over(
    workspace: Workspace, control_plane: ControlPlane, run_helm: Helm, values: Path
) -> None:
    workspace.deploy(function("survivor", ECHO, scaling={"scaleToZeroAfterSeconds": 2}))
    chart = str(workspace.checkout / "charts" / "lambent")
    uid = workspace.function("survivor")["metadata"]["uid"]

    run_helm("uninstall", "lambent", "--wait", "--timeout", "120s")
    try:
        assert workspace.function("survivor")["metadata"]["uid"] == uid
        assert workspace.get("Deployment", "survivor") is not None
        # A Function deleted while nobody controls it goes all the same: nothing holds it.
        workspace.apply(function("orphan", ECHO))
        workspace.delete("Function", "orphan")
        wait_for(lambda: workspace.get("Function", "orphan") is None, "an uncontrolled Function to go")
        if "LAMBENT_KUBECONFIG" not in os.environ:  # another cluster has its images elsewhere
            run_helm("install", "lambent", chart, "--wait", "--timeout", "180s")
            control_plane.wait_whole()
            assert without_values(workspace, "survivor", {"by": "default"}) == {"by": "default"}
    finally:
        run_helm("upgrade", "--install", "lambent", chart, "--values", str(values), "--wait", "--timeout", "180s")
        control_plane.wait_whole()

    workspace.wait_ready("survivor")
    assert workspace.function("survivor")["metadata"]["uid"] == uid
    assert workspace.result("survivor", {"still": "here"}) == {"still": "here"}
    workspace.wait_for_zero("survivor")


def test_the_definitions_pass_the_api_servers_own_check(workspace: Workspace) -> None:
    folder = workspace.checkout / "charts" / "lambent" / "crds"
    result = workspace.api.kubectl("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", str(folder))

    assert result.returncode == 0, result.stderr
    assert "unrecognized format" not in result.stderr
