"""A Secret that `env` names changes: who runs keeps the old value, who starts has the new one, and a restart brings it to all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.framework.manifests import function
from tests.e2e.framework.warm_pool import came_from_pool, deploy_at_zero, fill_pool
from tests.e2e.framework.workspace import Workspace
from tests.support.waiting import wait_for

KEYED = """
import os

KEY = os.environ["KEY"]
assert KEY != "broken"

def handler(event, context):
    return KEY
"""
ENV = [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "token", "key": "key"}}}]


def secret(value: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}, "stringData": {"key": value}}


@pytest.fixture
def readable(workspace: Workspace) -> Iterator[Workspace]:
    """The activators may read the Secret, so that a generic pod can become a function that has a value of it."""
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], "resourceNames": ["token"]}
    group, metadata = "rbac.authorization.k8s.io", {"name": "reader"}
    subject = {"kind": "ServiceAccount", "name": "lambent-activator", "namespace": "lambent-system"}
    role_ref = {"apiGroup": group, "kind": "Role", "name": "reader"}
    workspace.apply(
        {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": [rule]},
        {"apiVersion": f"{group}/v1", "kind": "RoleBinding", "metadata": metadata, "roleRef": role_ref, "subjects": [subject]},
    )
    yield workspace
    workspace.delete("RoleBinding", "reader")


def restart(workspace: Workspace, name: str) -> str:
    """As a user does it; what kubectl says."""
    found = workspace.api.kubectl("-n", workspace.namespace, "rollout", "restart", f"deployment/{name}")
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_a_restart_brings_a_changed_value_to_every_pod_and_fails_no_call(readable: Workspace) -> None:
    readable.apply(secret("old"))
    deploy_at_zero(readable, function("keyed", KEYED, env=ENV, concurrency=4))
    fill_pool(readable)
    first = readable.invoke("keyed")
    assert (first.json, came_from_pool(first)) == ("old", True)
    readable.wait_for_pods("keyed", 1)

    readable.apply(secret("new"))
    assert {readable.result("keyed") for _ in range(5)} == {"old"}, "a pod has the values that it was started with"
    with readable.load("keyed") as load:
        restart(readable, "keyed")
        wait_for(lambda: readable.result("keyed") == "new", "the new value to be served", 60)
        wait_for(lambda: len(readable.pods("keyed")) == 1, "the old pod to be gone", 60)
        reached = len(load.outcomes)

    assert load.failures == [], load.summary()
    assert {outcome.response.json for outcome in load.outcomes[reached:] if outcome.response} == {"new"}


def test_a_value_with_which_the_code_does_not_initialise_leaves_the_pods_that_serve(workspace: Workspace) -> None:
    workspace.apply(secret("old"))
    workspace.deploy(function("careful", KEYED, env=ENV, scaling={"minScale": 1}))
    workspace.wait_for_pods("careful", 1)

    workspace.apply(secret("broken"))
    restart(workspace, "careful")

    def told() -> bool:
        """The log of the new pod says it; the status does not, as one pod's failure is no word on a revision that has initialised."""
        return any("Traceback" in workspace.api.logs(workspace.namespace, pod["metadata"]["name"]) for pod in workspace.pods("careful"))

    wait_for(told, "the trouble to be told", 60)

    assert [workspace.result("careful") for _ in range(20)] == ["old"] * 20
    assert workspace.condition("careful")["status"] == "True"
    undone = workspace.api.kubectl("-n", workspace.namespace, "rollout", "undo", "deployment/careful")
    assert undone.returncode == 0, undone.stderr
    wait_for(lambda: len(workspace.pods("careful")) == 1, "the attempt to be gone", 60)
    assert workspace.result("careful") == "old"


def test_a_function_at_zero_reads_the_value_anew(readable: Workspace) -> None:
    readable.apply(secret("old"))
    deploy_at_zero(readable, function("asleep", KEYED, env=ENV, scaling={"scaleToZeroAfterSeconds": 2}))
    assert readable.result("asleep") == "old"
    readable.wait_for_pods("asleep", 1)
    readable.wait_for_zero("asleep")

    readable.apply(secret("new"))

    assert readable.result("asleep") == "new"
