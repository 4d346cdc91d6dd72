"""A namespace's generic pods, and what shows that an answer came from one."""

from __future__ import annotations

import re
from typing import Any

from tests.e2e.framework.manifests import function
from tests.e2e.framework.workspace import Workspace
from tests.support.http_client import Response
from tests.support.waiting import wait_for

POOL = "lambent-pool-python3-11"
NAMED = """
import os
import pathlib

def handler(event, context):
    pathlib.Path("/tmp/secret").write_text(context.function_name)
    return {
        "name": context.function_name,
        "files": sorted(os.listdir("/var/task")),
        "memory": context.memory_limit_in_mb,
        "stage": os.environ.get("STAGE"),
        "password": os.environ.get("PASSWORD"),
        "type": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"],
    }
"""


def fill_pool(workspace: Workspace) -> None:
    """Wait until the pool has its pods: a Function of an earlier test may have taken them."""
    workspace.apply(function("keeper", NAMED, scaling={"initialScale": 0}))
    wait_for(lambda: len(generic_pods(workspace)) >= 2, "two generic pods to wait", 90)


def wait_everyones(workspace: Workspace) -> None:
    """Wait until the pool is full and each pod that is or was of it is its ReplicaSet's: the pool's, or that of the function it became."""

    def whole() -> bool:
        for pod in workspace.api.list("Pod", workspace.namespace, "lambent.dev/origin=pool"):
            labels = pod["metadata"]["labels"]
            expected = labels["lambent.dev/function"] if labels["lambent.dev/role"] == "function" else POOL
            assert owners(pod) == [f"ReplicaSet/{expected}"], pod["metadata"]
        return len(generic_pods(workspace)) >= 2

    wait_for(whole, "every pod to be somebody's, and the pool to be full", 90)


def generic_pods(workspace: Workspace) -> list[dict[str, Any]]:
    """Pods of the pool that are ready."""
    return [pod for pod in pool_pods(workspace) if is_ready(pod)]


def gated_pods(workspace: Workspace) -> list[dict[str, Any]]:
    """Pods of the pool that may not start yet."""
    return [pod for pod in pool_pods(workspace) if gates_of(pod)]


def pool_pods(workspace: Workspace) -> list[dict[str, Any]]:
    """All pods of the pool but those that are being deleted."""
    pods = workspace.api.list("Pod", workspace.namespace, "lambent.dev/role=pool")
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def owners(pod: dict[str, Any]) -> list[str]:
    """Kinds and names, ReplicaSets by their Deployments'."""
    return [f"{owner['kind']}/{re.sub('-[^-]+$', '', owner['name'])}" for owner in pod["metadata"].get("ownerReferences", ())]


def is_ready(pod: dict[str, Any]) -> bool:
    """Whether it says so."""
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", ()))


def gates_of(pod: dict[str, Any]) -> list[str]:
    """The names of its scheduling gates."""
    return [gate["name"] for gate in pod["spec"].get("schedulingGates", ())]


def came_from_pool(response: Response) -> bool:
    """Whether a generic pod became the function that answered."""
    return "start-become" in response.headers["server-timing"]


def deploy_at_zero(workspace: Workspace, *manifests: dict[str, Any]) -> None:
    """Apply and wait until they are ready to be called, without a pod."""
    for manifest in manifests:
        manifest["spec"]["scaling"] |= {"initialScale": 0}
    workspace.deploy(*manifests)
