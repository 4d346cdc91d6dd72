"""What keeps a function from running is named in its condition, and goes away with its cause."""

from tests.e2e.framework.manifests import ECHO, function
from tests.e2e.framework.workspace import Workspace
from tests.support.waiting import wait_for

KEYED = """
import os

def handler(event, context):
    return os.environ["KEY"]
"""


def test_a_missing_secret_is_named_until_it_is_there(workspace: Workspace) -> None:
    key = {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "late", "key": "key"}}}
    workspace.apply(function("keyed", KEYED, env=[key]))

    assert "late" in workspace.wait_condition("keyed", "False")["message"]

    workspace.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "late"}, "stringData": {"key": "found"}})
    workspace.wait_ready("keyed", seconds=120)
    assert workspace.result("keyed") == "found"


def test_a_quota_that_leaves_no_room_is_named_until_there_is_some(workspace: Workspace) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    workspace.apply(quota)
    wait_for(lambda: (workspace.get("ResourceQuota", "none") or {}).get("status", {}).get("hard"), "the quota to be in force")
    workspace.apply(function("crowded", ECHO))

    condition = workspace.wait_condition("crowded", "False", "QuotaExceeded")

    assert "none" in condition["message"]
    workspace.delete("ResourceQuota", "none")
    workspace.wait_ready("crowded", seconds=120)
    assert workspace.result("crowded", 1) == 1


def test_somebody_elses_deployment_of_that_name_is_left_alone(workspace: Workspace) -> None:
    labels = {"app": "theirs"}
    container = {
        "name": "theirs",
        "image": "registry.invalid/theirs:1",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    theirs = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "taken"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
    workspace.apply(theirs)
    before = workspace.deployment("taken")
    workspace.apply(function("taken", ECHO))

    condition = workspace.wait_condition("taken", "False", "NameConflict")

    assert "taken" in condition["message"]
    now = workspace.deployment("taken")
    assert (now["metadata"]["uid"], now["spec"]) == (before["metadata"]["uid"], before["spec"])
    workspace.delete("Deployment", "taken")
    workspace.wait_ready("taken", seconds=120)
    assert workspace.result("taken", 1) == 1
