"""Defaults that hold without anybody asking for them. The namespaces of all these tests enforce the restricted level already."""

import pytest

from tests.e2e.framework.control_plane import ControlPlane
from tests.e2e.framework.manifests import function
from tests.e2e.framework.workspace import SYSTEM, Workspace

PROBE = """
import os
import socket
from pathlib import Path

def can(deed):
    try:
        deed()
    except OSError as error:
        return type(error).__name__
    return True

def handler(event, context):
    return {
        "user": os.getuid(),
        "root": can(lambda: Path("/var/task/new").write_text("x")),
        "etc": can(lambda: Path("/etc/new").write_text("x")),
        "tmp": can(lambda: Path("/tmp/new").write_text("x")),
        "apiToken": Path("/var/run/secrets/kubernetes.io").exists(),
        "variables": sorted(name for name in os.environ if "_SERVICE_HOST" in name or name.startswith("LAMBENT_SHIM")),
    }
"""


def test_a_handler_can_write_to_tmp_and_nowhere_else(workspace: Workspace) -> None:
    workspace.deploy(function("probe", PROBE))

    seen = workspace.result("probe")

    assert seen["user"] > 0
    assert (seen["root"], seen["etc"], seen["tmp"]) == ("OSError", "OSError", True)
    assert seen["apiToken"] is False


REACH = """
import os

def attempt(deed):
    try:
        deed()
    except OSError as error:
        return error.strerror
    return "done"

def handler(event, context):
    others = [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
    return {
        "token": attempt(lambda: open("/var/run/secrets/lambent/token").read()),
        "termination log": attempt(lambda: open("/dev/termination-log", "w")),
        "code": attempt(lambda: open("/var/lib/lambent/task/app.py", "a")) if os.path.exists("/var/lib/lambent/task") else "absent",
        "environments": sorted({attempt(lambda: open(f"/proc/{pid}/environ").read()) for pid in others}),
        "memory": sorted({attempt(lambda: open(f"/proc/{pid}/mem", "rb")) for pid in others}),
        "tmp": attempt(lambda: open("/tmp/file", "w")),
    }
"""


@pytest.mark.parametrize("from_pool", [True, False], ids=["pool pod", "own pod"])
def test_a_handler_reaches_neither_token_nor_code_nor_other_processes(workspace: Workspace, from_pool: bool) -> None:
    fields = {} if from_pool else {"volumes": [{"name": "own", "mountPath": "/mnt/own", "emptyDir": {}}]}
    workspace.deploy(function("reach", REACH, **fields))

    seen = workspace.result("reach")

    denied = "Permission denied"
    assert (seen["token"], seen["termination log"], seen["tmp"]) == (denied, denied, "done")
    assert seen["code"] in {denied, "absent"}
    assert (seen["environments"], seen["memory"]) == ([denied], [denied])


def test_a_handler_sees_nothing_of_the_cluster_in_its_environment(workspace: Workspace) -> None:
    workspace.deploy(function("probe", PROBE))

    assert [name for name in workspace.result("probe")["variables"] if name != "KUBERNETES_SERVICE_HOST"] == []


def test_function_pods_accept_no_connections_by_policy(workspace: Workspace) -> None:
    workspace.deploy(function("shut", PROBE))

    policies = workspace.api.list("NetworkPolicy", workspace.namespace, "lambent.dev/function=shut")
    pod = workspace.pods("shut")[0]

    assert len(policies) == 1
    assert "Ingress" in policies[0]["spec"]["policyTypes"]
    wanted = policies[0]["spec"]["podSelector"]["matchLabels"]
    assert wanted.items() <= pod["metadata"]["labels"].items()
    open_ports = {port["port"] for rule in policies[0]["spec"].get("ingress", []) for port in rule["ports"]}
    assert open_ports <= {9001}


def test_the_control_plane_passes_the_restricted_level(workspace: Workspace, control_plane: ControlPlane) -> None:
    label = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    result = workspace.api.kubectl(
        "label", "--dry-run=server", "--overwrite", "namespace", SYSTEM, "pod-security.kubernetes.io/enforce=restricted"
    )

    assert result.returncode == 0, result.stderr
    assert "violate" not in result.stderr, f"{label} would refuse pods that run: {result.stderr}"
    assert {name for name in ("controller", "activator", "autoscaler") if not control_plane.pods(name)} == set()
