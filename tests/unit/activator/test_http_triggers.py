"""http Triggers: which route takes a request, and the events and responses of both payload formats."""

import base64
import json

import pytest

from tests.support.gateway_world import GatewayWorld, header

HOST = "api.example.com"


@pytest.fixture
def world() -> GatewayWorld:
    world = GatewayWorld({"ok": 1})
    for name in ("hello", "a", "b", "c", "d"):
        world.add_function(name)
    return world


def test_the_most_specific_route_that_takes_the_method_wins(world: GatewayWorld) -> None:
    # The example of "Routes for HTTP APIs", API Gateway Developer Guide.
    world.add_trigger("a", "one", host=HOST, path="/pets/dog/1", methods=["GET"])
    world.add_trigger("b", "two", host=HOST, path="/pets/dog/{id}", methods=["GET"])
    world.add_trigger("c", "three", host=HOST, path="/pets/{proxy+}", methods=["GET"])
    world.add_trigger("d", "four", host=HOST, path="/{proxy+}")
    wanted = {
        ("GET", "/pets/dog/1"): ("a", None),
        ("GET", "/pets/dog/2"): ("b", {"id": "2"}),
        ("GET", "/pets/cat/1"): ("c", {"proxy": "cat/1"}),
        ("POST", "/test/5"): ("d", {"proxy": "test/5"}),
        ("POST", "/pets/dog/1"): ("d", {"proxy": "pets/dog/1"}),
    }
    for (method, path), (function, parameters) in wanted.items():
        world.request(method, path, host=HOST)
        assert (world.invocations[-1].function.name, world.event.get("pathParameters")) == (function, parameters)


@pytest.mark.parametrize(("method", "path"), [("POST", "/orders/1"), ("GET", "/orders"), ("GET", "/orders/1/items"), ("GET", "/orders//")])
def test_what_no_route_takes_is_not_found(world: GatewayWorld, method: str, path: str) -> None:
    world.add_trigger(host=HOST, path="/orders/{id}", methods=["GET"])

    response = world.request(method, path, host=HOST)

    assert (response.status, json.loads(response.body), world.invocations) == (404, {"message": "Not Found"}, [])


@pytest.mark.parametrize("path", ["/orders/7", "/orders/7/", "/%6Frders/7"])
def test_paths_are_compared_decoded_and_without_a_last_slash(world: GatewayWorld, path: str) -> None:
    world.add_trigger(host=HOST, path="/orders/{id}", methods=["GET"])

    assert world.request("GET", path, host="API.Example.com:8080").status == 200
    assert world.event["pathParameters"] == {"id": "7"}


def test_an_encoded_slash_stays_inside_its_parameter(world: GatewayWorld) -> None:
    world.add_trigger(host=HOST, path="/files/{name}", methods=["GET"])

    world.request("GET", "/files/a%2Fb%20c", host=HOST)

    assert world.event["pathParameters"] == {"name": "a/b c"}
    assert world.event["rawPath"] == "/files/a/b c"


def test_a_trigger_without_host_takes_what_is_left(world: GatewayWorld) -> None:
    world.add_trigger("a", path="/{rest+}")

    for host in ("anything.example.test", "127.0.0.1:8080", "localhost:8080", ""):
        world.request("GET", "/x", host=host)
    world.request("GET", "/x", host="hello.default")
    world.invoke("b")

    assert [invocation.function.name for invocation in world.invocations] == ["a", "a", "a", "a", "hello", "b"]


@pytest.mark.parametrize("host", ["gone.default", "gone.default.svc", "gone.team.svc.cluster.local", "gone", HOST])
def test_a_trigger_without_host_has_nothing_of_hosts_that_are_others(world: GatewayWorld, host: str) -> None:
    """A function that is gone or private, a short name that cluster DNS completes, another Trigger's host where nothing takes the path."""
    world.add_trigger("a", path="/{rest+}")
    world.add_trigger("b", "other", host=HOST, path="/only", namespace="team")

    assert world.request("GET", "/x", host=host).status == 404


def test_a_triggers_host_does_not_open_the_lambda_api(world: GatewayWorld) -> None:
    world.add_trigger("a", host=HOST, path="/a")

    assert world.request("POST", "/2015-03-31/functions/b/invocations", host=HOST, body=b"{}").status == 404


def test_a_trigger_whose_function_is_gone_is_not_found(world: GatewayWorld) -> None:
    world.add_trigger("nobody", host=HOST, path="/")

    assert world.request("GET", "/", host=HOST).status == 404


def test_the_event_of_format_2_has_the_route(world: GatewayWorld) -> None:
    world.add_trigger(name="orders", host=HOST, path="/orders/{id}", methods=["GET"])

    world.request("GET", "/orders/7?x=1", host=HOST)

    event = world.event
    assert (event["version"], event["routeKey"], event["requestContext"]["routeKey"]) == ("2.0", "GET /orders/{id}", "GET /orders/{id}")
    assert (event["requestContext"]["accountId"], event["requestContext"]["apiId"]) == ("default", "orders")


def test_the_event_is_payload_format_1_where_it_is_asked_for(world: GatewayWorld) -> None:
    world.add_trigger(name="orders", host=HOST, path="/orders/{id}", payloadFormat="1.0")

    world.request(
        "POST",
        "/orders/a%20b?p=1&p=2&q=3",
        host=HOST,
        headers=[("X-Many", "1"), ("x-many", "2"), ("Cookie", "a=b"), ("Content-Type", "text/plain"), ("User-Agent", "agent")],
        body=b"hi",
    )
    event = world.event

    trace = event["headers"].pop("x-amzn-trace-id")
    assert event["multiValueHeaders"].pop("x-amzn-trace-id") == [trace]
    request_id = event["requestContext"].pop("requestId")
    assert event["requestContext"].pop("extendedRequestId") == request_id
    assert event["requestContext"]["identity"].items() >= {"sourceIp": "203.0.113.7", "userAgent": "agent", "user": None}.items()
    del event["requestContext"]["identity"]
    assert event == {
        "version": "1.0",
        "resource": "/orders/{id}",
        "path": "/orders/a b",
        "httpMethod": "POST",
        "headers": {
            "host": HOST,
            "x-many": "2",
            "cookie": "a=b",
            "content-type": "text/plain",
            "user-agent": "agent",
            "x-forwarded-for": "203.0.113.7",
            "x-forwarded-port": "8080",
            "x-forwarded-proto": "http",
        },
        "multiValueHeaders": {
            "host": [HOST],
            "x-many": ["1", "2"],
            "cookie": ["a=b"],
            "content-type": ["text/plain"],
            "user-agent": ["agent"],
            "x-forwarded-for": ["203.0.113.7"],
            "x-forwarded-port": ["8080"],
            "x-forwarded-proto": ["http"],
        },
        "queryStringParameters": {"p": "2", "q": "3"},
        "multiValueQueryStringParameters": {"p": ["1", "2"], "q": ["3"]},
        "requestContext": {
            "accountId": "default",
            "apiId": "orders",
            "authorizer": {"claims": None, "scopes": None},
            "domainName": HOST,
            "domainPrefix": "api",
            "httpMethod": "POST",
            "path": "/orders/a b",
            "protocol": "HTTP/1.1",
            "requestTime": "04/Mar/2020:19:03:58 +0000",
            "requestTimeEpoch": 1583348638390,
            "resourceId": "ANY /orders/{id}",
            "resourcePath": "/orders/{id}",
            "stage": "$default",
        },
        "pathParameters": {"id": "a b"},
        "stageVariables": None,
        "body": "hi",
        "isBase64Encoded": False,
    }


def test_what_is_not_there_is_null_in_format_1(world: GatewayWorld) -> None:
    world.add_trigger(host=HOST, path="/", payloadFormat="1.0")

    world.request("GET", "/", host=HOST)

    empty = ("queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "stageVariables", "body")
    assert all(world.event[name] is None for name in empty)


def test_responses_of_format_1_may_have_many_values(world: GatewayWorld) -> None:
    world.add_trigger(host=HOST, path="/", payloadFormat="1.0")
    world.answer = {
        "statusCode": 200,
        "headers": {"x-one": "1"},
        "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]},
        "body": base64.b64encode(b"\x00").decode(),
        "isBase64Encoded": True,
    }

    response = world.request("GET", "/", host=HOST)

    assert (response.status, response.body, header(response, "x-one")) == (200, b"\x00", "1")
    assert [value for name, value in response.headers if name == "set-cookie"] == ["a=1", "b=2"]


@pytest.mark.parametrize("result", [{"message": "hi"}, "text", None, {"statusCode": 200, "multiValueHeaders": {"x": "1"}}])
def test_format_1_infers_nothing(world: GatewayWorld, result: object) -> None:
    world.add_trigger(host=HOST, path="/", payloadFormat="1.0")
    world.answer = result

    response = world.request("GET", "/", host=HOST)

    assert (response.status, header(response, "x-lambent-reason")) == (502, "Function.BadResponse")


@pytest.mark.parametrize("change", [{"enabled": False}, {"function": {"name": "hello", "alias": "live"}}])
def test_a_trigger_that_is_off_or_asks_for_more_has_no_route(world: GatewayWorld, change: dict[str, object]) -> None:
    from lambent.api.triggers.trigger import parse_trigger

    world.add_trigger(host=HOST, path="/")
    body = {"metadata": {"name": "t"}, "spec": {"function": {"name": "hello"}, "http": {"host": HOST, "path": "/"}, **change}}
    world.configuration.put_trigger(parse_trigger(body))

    assert world.request("GET", "/", host=HOST).status == 404
