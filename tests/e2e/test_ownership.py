"""What belongs to a Function goes with it, and is put right where somebody else lays hands on it."""

from typing import Any

import pytest

from tests.e2e.framework.manifests import ECHO, function
from tests.e2e.framework.workspace import Workspace
from tests.support.waiting import wait_for

OWNED = ("Deployment", "ReplicaSet", "Service", "ConfigMap", "Pod", "NetworkPolicy")


def owned(workspace: Workspace, name: str) -> list[str]:
    """Everything that carries the function's label."""
    selector = f"lambent.dev/function={name}"
    return [f"{kind} {item['metadata']['name']}" for kind in OWNED for item in workspace.api.list(kind, workspace.namespace, selector)]


def test_deletion_leaves_nothing_behind(workspace: Workspace) -> None:
    workspace.deploy(function("gone", ECHO))
    workspace.deploy(function("gone", ECHO + "\n# changed\n"))
    assert workspace.result("gone", 1) == 1
    assert {line.split()[0] for line in owned(workspace, "gone")} >= {"Deployment", "Service", "ConfigMap", "NetworkPolicy"}

    workspace.delete("Function", "gone")

    def nothing_left() -> bool:
        left = owned(workspace, "gone")
        assert left == []
        return True

    wait_for(nothing_left, "everything of the function to be gone", 60)
    wait_for(lambda: workspace.invoke("gone").status == 404, "the activators to forget it")
    assert workspace.get("Function", "gone") is None


def test_a_function_made_again_is_a_new_one(workspace: Workspace) -> None:
    for version in (1, 2):
        workspace.deploy(function("again", f"def handler(event, context):\n    return {version}"))
        assert workspace.result("again") == version
        workspace.delete("Function", "again")


def test_a_namespace_goes_with_the_functions_in_it(workspace: Workspace) -> None:
    namespace = f"{workspace.namespace}-brief"
    workspace.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    wait_for(lambda: workspace.api.get("ServiceAccount", namespace, "default"), "its service account")
    brief = Workspace(workspace.api, workspace.http, namespace, workspace.checkout)
    brief.deploy(function("inside", ECHO))

    workspace.api.delete("Namespace", None, namespace)

    wait_for(lambda: workspace.api.get("Namespace", None, namespace) is None, "the namespace to be gone", 90, interval=0.5)


def test_the_longest_name_works(workspace: Workspace) -> None:
    name = "f" * 63
    workspace.deploy(function(name, ECHO))
    assert workspace.result(name, 1) == 1
    workspace.deploy(function(name, "def handler(event, context):\n    return 'second'"))
    assert workspace.result(name, 1) == "second"


@pytest.mark.parametrize("kind", ["Deployment", "Service", "ConfigMap", "NetworkPolicy"])
def test_an_object_deleted_by_hand_comes_back(workspace: Workspace, kind: str) -> None:
    workspace.deploy(function("mended", ECHO))
    selector = "lambent.dev/function=mended"
    before = workspace.api.list(kind, workspace.namespace, selector)[0]["metadata"]

    workspace.delete(kind, before["name"])

    def is_back() -> bool:
        return [item["metadata"]["uid"] != before["uid"] for item in workspace.api.list(kind, workspace.namespace, selector)] == [True]

    wait_for(is_back, f"the {kind} to come back")
    assert workspace.result("mended", {"kind": kind}) == {"kind": kind}


@pytest.mark.parametrize(
    ("kind", "patch"),
    [
        ("Service", {"spec": {"externalName": "elsewhere.example.com"}}),
        ("Deployment", {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}}}),
        ("NetworkPolicy", {"spec": {"ingress": [{}]}}),
    ],
    ids=["Service", "Deployment", "NetworkPolicy"],
)
def test_an_object_edited_by_hand_is_put_right(workspace: Workspace, kind: str, patch: dict[str, Any]) -> None:
    workspace.deploy(function("edited", ECHO))
    selector = "lambent.dev/function=edited"
    before = workspace.api.list(kind, workspace.namespace, selector)[0]

    workspace.api.merge(kind, workspace.namespace, before["metadata"]["name"], patch)

    def as_before() -> bool:
        now = workspace.api.list(kind, workspace.namespace, selector)[0]
        for key in patch["spec"]:
            assert now["spec"].get(key) == before["spec"].get(key)
        return True

    wait_for(as_before, f"the {kind} to be as it was")
