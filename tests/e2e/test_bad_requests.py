"""Requests that cannot be served are answered for what they are, and start nothing."""

from tests.e2e.framework.manifests import ECHO, function
from tests.e2e.framework.workspace import Workspace

MEGABYTE = 1 << 20


def test_bad_requests_are_named_and_start_no_pod(workspace: Workspace) -> None:
    workspace.deploy(function("idle", ECHO, scaling={"initialScale": 0}))

    not_json = workspace.http.invoke(workspace.namespace, "idle", payload=b"{not json")
    too_large = workspace.http.invoke(workspace.namespace, "idle", payload=b'"' + b"x" * (6 * MEGABYTE + 10) + b'"')
    unknown = workspace.http.invoke(workspace.namespace, "nobody")
    wrong_path = workspace.http.request("POST", "/2015-03-31/functions/idle")

    assert (not_json.status, not_json.headers["x-amzn-errortype"]) == (400, "InvalidRequestContentException")
    assert (too_large.status, too_large.headers["x-amzn-errortype"]) == (413, "RequestTooLargeException")
    assert (unknown.status, unknown.headers["x-amzn-errortype"]) == (404, "ResourceNotFoundException")
    assert wrong_path.status in (403, 404, 405)
    assert workspace.scale("idle") == 0
    assert workspace.pods("idle") == []


def test_six_megabytes_go_in_and_come_out(workspace: Workspace) -> None:
    workspace.deploy(function("large", ECHO, memory="256Mi"))
    payload = b'"' + b"x" * (6 * MEGABYTE - 2) + b'"'

    response = workspace.http.invoke(workspace.namespace, "large", payload=payload)

    assert response.function_error is None, response
    assert response.body == payload


def test_a_result_that_is_too_large_is_the_functions_fault(workspace: Workspace) -> None:
    workspace.deploy(function("huge", "def handler(event, context):\n    return 'x' * (7 << 20)", memory="256Mi"))

    response = workspace.invoke("huge")

    assert response.function_error == "Unhandled", response
    assert response.json["errorType"] == "Function.ResponseSizeTooLarge"
