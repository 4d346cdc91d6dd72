"""Two namespaces side by side: what one writes takes nothing from the other, and both are told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.framework.manifests import changed, function, http_trigger
from tests.e2e.framework.namespaces import ensure_namespace
from tests.e2e.framework.workspace import Workspace
from tests.support.waiting import wait_for

NAMED = """
def handler(event, context):
    return {"statusCode": 200, "body": "NAMESPACE"}
"""


@pytest.fixture
def other(workspace: Workspace) -> Iterator[Workspace]:
    """A namespace beside the tests' own."""
    name = f"{workspace.namespace}-other"
    ensure_namespace(workspace.api, name, "restricted")
    yield Workspace(workspace.api, workspace.http, name, workspace.checkout)
    workspace.api.delete("Namespace", None, name)


def named(workspace: Workspace) -> dict[str, object]:
    return function("named", NAMED.replace("NAMESPACE", workspace.namespace))


def condition(workspace: Workspace, trigger: str, kind: str = "Ready") -> tuple[str, str]:
    body = workspace.get("Trigger", trigger) or {}
    found = {item["type"]: (item["status"], item["reason"]) for item in body.get("status", {}).get("conditions", ())}
    return found.get(kind, ("", ""))


def answer(workspace: Workspace, host: str, path: str = "/") -> str:
    response = workspace.http.request("GET", path, headers={"Host": host})
    return response.body.decode() if response.status == 200 else str(response.status)


def test_a_host_stays_with_the_namespace_that_asked_first_until_a_grant_says_otherwise(workspace: Workspace, other: Workspace) -> None:
    host = "shared.tenants.example"
    for each in (workspace, other):
        each.deploy(named(each))  # type: ignore[arg-type]
    workspace.apply(http_trigger("first", "named", host=host, path="/{rest+}"))
    wait_for(lambda: answer(workspace, host, "/x") == workspace.namespace, "the first to have the host")

    other.apply(http_trigger("second", "named", host=host, path="/x", methods=["GET"]))
    wait_for(lambda: condition(other, "second") == ("False", "Conflict"), "the second to be told")
    wait_for(lambda: condition(workspace, "first", "Contested") == ("True", "Conflict"), "the first to be told")
    assert condition(workspace, "first") == ("True", "Ready")
    assert answer(workspace, host, "/x") == workspace.namespace

    grant = {"apiVersion": "lambent.dev/v1alpha1", "kind": "HostGrant", "metadata": {"name": "tenants-e2e"}}
    workspace.api.apply({**grant, "spec": {"hosts": ["*.tenants.example"], "namespaces": [other.namespace]}})
    try:
        wait_for(lambda: answer(workspace, host, "/x") == other.namespace, "the grant to be followed")
        wait_for(lambda: condition(other, "second") == ("True", "Ready"), "the second to be told")
        wait_for(lambda: condition(workspace, "first") == ("False", "Conflict"), "the first to be told")
    finally:
        workspace.api.delete("HostGrant", None, "tenants-e2e")
    wait_for(lambda: answer(workspace, host, "/x") == workspace.namespace, "the host to go back")


def test_no_trigger_gets_the_host_of_another_namespaces_function(workspace: Workspace, other: Workspace) -> None:
    for each in (workspace, other):
        each.deploy(named(each))  # type: ignore[arg-type]
    host = f"named.{workspace.namespace}"
    other.apply(http_trigger("thief", "named", host=host, path="/{rest+}"))

    wait_for(lambda: condition(other, "thief") == ("False", "InvalidSpec"), "the Trigger to be refused")
    assert answer(workspace, host, "/x") == workspace.namespace


def test_a_function_without_a_url_is_invoked_by_the_api_alone(workspace: Workspace) -> None:
    private = changed(named(workspace), url={"access": "none"})  # type: ignore[arg-type]
    workspace.deploy(private)

    assert workspace.get("Service", "named") is None
    assert "url" not in workspace.function("named")["status"]
    assert workspace.visit("named").status == 404
    assert workspace.invoke("named", {}).status == 200

    workspace.deploy(changed(private, url={"access": "cluster"}))
    assert workspace.get("Service", "named") is not None
    wait_for(lambda: workspace.visit("named").status == 200, "the URL to answer")
    workspace.deploy(private)
    workspace.wait_gone("Service", "named")
