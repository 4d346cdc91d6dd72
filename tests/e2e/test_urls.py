"""Function URLs by name, from outside and from another function; http Triggers."""

import base64
import json

from tests.e2e.framework.manifests import function, http_trigger
from tests.e2e.framework.workspace import Workspace
from tests.support.waiting import wait_for

SHOW = """
import json

def handler(event, context):
    return {"statusCode": 200, "body": json.dumps(event)}
"""
CALLER = """
import json
import urllib.request

def handler(event, context):
    with urllib.request.urlopen(event["url"], timeout=10) as response:
        return {"status": response.status, "body": json.load(response)}
"""


def test_one_function_calls_another_by_its_service_name(workspace: Workspace) -> None:
    workspace.deploy(function("callee", SHOW, scaling={"initialScale": 0}), function("caller", CALLER, timeoutSeconds=20))

    for host in (f"callee.{workspace.namespace}", f"callee.{workspace.namespace}.svc.cluster.local"):
        answer = workspace.result("caller", {"url": f"http://{host}/some/path?a=1&a=2"})
        assert answer["status"] == 200
        assert (answer["body"]["rawPath"], answer["body"]["queryStringParameters"]) == ("/some/path", {"a": "1,2"})


def test_a_url_gives_the_handler_payload_format_2(workspace: Workspace) -> None:
    workspace.deploy(function("shown", SHOW))

    event = workspace.visit(
        "shown", "/a%20b?x=1&y=%26", "POST", b"\xff\x00", **{"Content-Type": "application/octet-stream", "X-Two": "2"}
    ).json

    assert event["version"] == "2.0"
    assert (event["routeKey"], event["rawQueryString"]) == ("$default", "x=1&y=%26")
    assert event["queryStringParameters"] == {"x": "1", "y": "&"}
    assert event["headers"]["x-two"] == "2"
    assert event["requestContext"]["http"]["method"] == "POST"
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == b"\xff\x00"


def test_a_trigger_routes_by_host_path_and_method(workspace: Workspace) -> None:
    host = "orders.e2e.example.com"
    workspace.deploy(
        function("orders", SHOW),
        http_trigger("one-order", "orders", host=host, path="/orders/{id}", methods=["GET"]),
        http_trigger("new-order", "orders", host=host, path="/orders/new", methods=["GET"]),
        http_trigger("files", "orders", host=host, path="/files/{path+}", payloadFormat="1.0"),
    )

    def get(path: str, method: str = "GET") -> tuple[int, dict[str, object]]:
        response = workspace.http.request(method, path, headers={"Host": host})
        return response.status, json.loads(response.body or b"{}")

    wait_for(lambda: get("/files/x")[0] == 200, "the last trigger to be known")
    assert get("/orders/17")[1]["pathParameters"] == {"id": "17"}
    assert get("/orders/17")[1]["routeKey"] == "GET /orders/{id}"
    assert get("/orders/new")[1]["routeKey"] == "GET /orders/new"
    old = get("/files/a/b.txt")[1]
    assert (old["version"], old["resource"], old["pathParameters"]) == ("1.0", "/files/{path+}", {"path": "a/b.txt"})
    assert get("/orders/17", "DELETE")[0] in (404, 405)
    assert get("/elsewhere")[0] == 404

    workspace.delete("Trigger", "one-order")
    wait_for(lambda: get("/orders/17")[0] == 404, "the deleted trigger to be forgotten")
