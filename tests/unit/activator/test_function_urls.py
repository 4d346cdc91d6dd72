"""Function URLs: which hosts lead to a function, the event it gets, the response its result becomes."""

import base64
import gc
import json
from typing import Any

import pytest

from lambent.activator.admission.model import Failure
from lambent.activator.gateway.gateway import EVERY_DOOR, Doors
from lambent.activator.reply import Reply
from lambent.api.reasons import FUNCTION_INIT_ERROR, PLATFORM_LINK_LOST, PLATFORM_QUEUE_FULL, PLATFORM_QUEUE_TIMEOUT
from lambent.api.triggers.hosts import Domains
from tests.support.gateway_world import META, GatewayWorld, header

HOST = "hello.default"


@pytest.fixture
def world() -> GatewayWorld:
    world = GatewayWorld({"ok": 1}, Domains(domain="example.com"))
    world.add_function()
    return world


@pytest.mark.parametrize(
    "host",
    [
        "hello.default",
        "HELLO.Default:8080",
        "hello.default.svc",
        "hello.default.svc.cluster.local",
        "hello.default.svc.cluster.local.",
        "hello.default.example.com:443",
    ],
)
def test_every_form_of_a_functions_host_leads_to_it(world: GatewayWorld, host: str) -> None:
    assert world.request("GET", "/", host=host).status == 200
    assert world.invocations[0].function == ("default", "hello")


@pytest.mark.parametrize(
    "host",
    [
        "hello",
        "hello.other",
        "other.default",
        "x.hello.default",
        "hello.default.example.org",
        "hello.default.www.example.com",
        "hello.default.127.0.0.1.sslip.io",
        "",
        "127.0.0.1:8080",
        "[::1]:8080",
    ],
)
def test_other_hosts_are_not_found(world: GatewayWorld, host: str) -> None:
    response = world.request("GET", "/", host=host)

    assert (response.status, json.loads(response.body)) == (404, {"message": "Not Found"})
    assert header(response, "x-lambent-reason") == "Caller.NotFound"


INSIDE, OUTSIDE = ["hello.default", "hello.default.svc", "hello.default.svc.cluster.local"], "hello.default.example.com"
EVERYWHERE, AT_A_PUBLIC_PORT = EVERY_DOOR, Doors(api=False, in_cluster=False)


@pytest.mark.parametrize(
    ("access", "doors", "answering"),
    [
        ("public", EVERYWHERE, [*INSIDE, OUTSIDE]),
        ("cluster", EVERYWHERE, INSIDE),
        ("none", EVERYWHERE, []),
        ("public", AT_A_PUBLIC_PORT, [OUTSIDE]),
        ("cluster", AT_A_PUBLIC_PORT, []),
        ("none", AT_A_PUBLIC_PORT, []),
    ],
)
def test_a_functions_url_answers_where_its_access_says(world: GatewayWorld, access: str, doors: Doors, answering: list[str]) -> None:
    world.add_function(url={"access": access})

    assert [host for host in [*INSIDE, OUTSIDE] if world.request("GET", "/", host=host, doors=doors).status == 200] == answering


def test_a_private_function_is_still_invoked_by_the_lambda_api_and_by_its_triggers(world: GatewayWorld) -> None:
    world.add_function(url={"access": "none"})
    world.add_trigger(host="www.shop.test", path="/")

    assert world.invoke().status == 200
    assert world.request("GET", "/", host="www.shop.test").status == 200


def test_the_lambda_api_answers_at_its_own_port_alone_where_it_has_one(world: GatewayWorld) -> None:
    path = "/2015-03-31/functions/hello/invocations"

    assert world.request("POST", path, body=b"{}", doors=Doors(api=False)).status == 404
    assert world.request("POST", path, body=b"{}", doors=Doors(web=False)).status == 200
    assert world.request("GET", "/", host="hello.default", doors=Doors(web=False)).status == 404


def test_the_event_is_payload_format_2(world: GatewayWorld) -> None:
    world.request(
        "POST",
        "/my%20path?parameter1=value1&parameter1=value2&parameter2=value&empty=&flag&u=%C3%A9+x",
        host="hello.default.example.com:8080",
        headers=[
            ("Header1", "value1"),
            ("Header2", "a"),
            ("header2", "b"),
            ("Cookie", "cookie1=x; cookie2=y"),
            ("User-Agent", "agent"),
            ("Content-Type", "application/json"),
            ("Connection", "keep-alive"),
        ],
        body=b'{"a": "\xc3\xa9"}',
    )
    event = world.event

    trace = event["headers"].pop("x-amzn-trace-id")
    assert trace.startswith("Root=1-5e5ffb9e-")
    request_id = event["requestContext"].pop("requestId")
    assert request_id == world.meta["requestId"]
    assert event == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/my%20path",
        "rawQueryString": "parameter1=value1&parameter1=value2&parameter2=value&empty=&flag&u=%C3%A9+x",
        "cookies": ["cookie1=x", "cookie2=y"],
        "headers": {
            "host": "hello.default.example.com:8080",
            "header1": "value1",
            "header2": "a,b",
            "cookie": "cookie1=x; cookie2=y",
            "user-agent": "agent",
            "content-type": "application/json",
            "x-forwarded-for": "203.0.113.7",
            "x-forwarded-port": "8080",
            "x-forwarded-proto": "http",
        },
        "queryStringParameters": {"parameter1": "value1,value2", "parameter2": "value", "empty": "", "flag": "", "u": "é x"},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "hello",
            "domainName": "hello.default.example.com",
            "domainPrefix": "hello",
            "http": {"method": "POST", "path": "/my%20path", "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7", "userAgent": "agent"},
            "routeKey": "$default",
            "stage": "$default",
            "time": "04/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1583348638390,
        },
        "body": '{"a": "é"}',
        "isBase64Encoded": False,
    }


def test_what_is_not_there_is_not_in_the_event(world: GatewayWorld) -> None:
    world.request("GET", "/", host=HOST)

    assert not {"body", "cookies", "queryStringParameters", "pathParameters"} & set(world.event)
    assert world.event["isBase64Encoded"] is False


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/plain", b"caf\xc3\xa9", "café"),
        ("application/vnd.api+json; charset=utf-8", b"{}", "{}"),
        ("application/xml", b"<a/>", "<a/>"),
        ("application/javascript", b"x", "x"),
        ("", b"plain", "plain"),
        ("application/octet-stream", b"abc", None),
        ("application/x-www-form-urlencoded", b"a=b", None),
        ("image/png", b"\x89PNG", None),
        ("text/plain", b"\xff\xfe", None),
        ("", b"\xff", None),
    ],
)
def test_binary_bodies_are_base64(world: GatewayWorld, content_type: str, body: bytes, text: str | None) -> None:
    world.request("POST", "/", host=HOST, headers=[("Content-Type", content_type)] if content_type else [], body=body)

    assert world.event["isBase64Encoded"] is (text is None)
    assert world.event["body"] == (base64.b64encode(body).decode() if text is None else text)


def test_a_compressed_body_is_base64_whatever_its_type(world: GatewayWorld) -> None:
    world.request("POST", "/", host=HOST, headers=[("Content-Type", "text/plain"), ("Content-Encoding", "gzip")], body=b"abc")

    assert world.event["isBase64Encoded"] is True


@pytest.mark.parametrize(
    ("result", "status", "content_type", "body"),
    [
        ({"message": "hi"}, 200, "application/json", b'{"message":"hi"}'),
        ("Hello", 200, "application/json", b"Hello"),
        ([1, 2], 200, "application/json", b"[1,2]"),
        (None, 200, "application/json", b"null"),
        ({"statusCode": 201, "body": "made"}, 201, "application/json", b"made"),
        ({"statusCode": "202"}, 202, "application/json", b""),
        ({"statusCode": 200, "body": {"a": 1}}, 200, "application/json", b'{"a":1}'),
        ({"statusCode": 200, "headers": {"Content-Type": "text/html"}, "body": "<p>é</p>"}, 200, "text/html", "<p>é</p>".encode()),
        ({"statusCode": 200, "body": "iVBO", "isBase64Encoded": True}, 200, "application/json", base64.b64decode("iVBO")),
        ({"statusCode": 404, "body": None}, 404, "application/json", b""),
    ],
)
def test_results_become_responses(world: GatewayWorld, result: Any, status: int, content_type: str, body: bytes) -> None:
    world.answer = result

    response = world.request("GET", "/", host=HOST)

    assert (response.status, header(response, "content-type"), response.body) == (status, content_type, body)


def test_headers_and_cookies_of_a_result_are_sent(world: GatewayWorld) -> None:
    world.answer = {
        "statusCode": 200,
        "headers": {"X-Number": 7, "X-Flag": True, "Content-Length": "999"},
        "cookies": ["a=1; Secure", "b=2"],
    }

    response = world.request("GET", "/", host=HOST)

    assert header(response, "x-number") == "7"
    assert header(response, "x-flag") == "true"
    assert header(response, "content-length") is None
    assert [value for name, value in response.headers if name == "set-cookie"] == ["a=1; Secure", "b=2"]


@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": "soon"},
        {"statusCode": 99},
        {"statusCode": 700},
        {"statusCode": True},
        {"statusCode": None},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"bad name": "x"}},
        {"statusCode": 200, "headers": {"x": "a\r\nset-cookie: evil=1"}},
        {"statusCode": 200, "headers": {"x": ["a"]}},
        {"statusCode": 200, "cookies": "a=1"},
        {"statusCode": 200, "cookies": ["a=1\r\nx: y"]},
        {"statusCode": 200, "body": "é!", "isBase64Encoded": True},
    ],
)
def test_a_result_that_is_no_response_is_a_bad_gateway(world: GatewayWorld, result: Any) -> None:
    world.answer = result

    response = world.request("GET", "/", host=HOST)

    assert (response.status, json.loads(response.body)) == (502, {"message": "Internal Server Error"})
    assert header(response, "x-lambent-reason") == "Function.BadResponse"


@pytest.mark.parametrize("reason", ["Function.Error", "Function.Timeout", "Function.OutOfMemory"])
def test_a_functions_error_is_a_bad_gateway_that_tells_no_details(world: GatewayWorld, reason: str) -> None:
    world.answer = Reply(b'{"errorMessage":"secret"}', function_error=True, meta={**META, "reason": reason})

    response = world.request("GET", "/", host=HOST)

    assert (response.status, json.loads(response.body)) == (502, {"message": "Internal Server Error"})
    assert header(response, "x-lambent-reason") == reason


@pytest.mark.parametrize(
    ("reason", "status"), [(PLATFORM_QUEUE_FULL, 429), (PLATFORM_QUEUE_TIMEOUT, 504), (PLATFORM_LINK_LOST, 502), (FUNCTION_INIT_ERROR, 502)]
)
def test_failures_have_their_statuses(world: GatewayWorld, reason: Any, status: int) -> None:
    world.answer = Failure(reason, "why", "Runtime.ImportModuleError", retry_after_seconds=1)

    response = world.request("GET", "/", host=HOST)

    assert (response.status, header(response, "x-lambent-reason"), header(response, "retry-after")) == (status, reason.code, "1")


def test_an_event_that_grows_over_the_limit_is_too_large(world: GatewayWorld) -> None:
    response = world.request("POST", "/", host=HOST, headers=[("Content-Type", "image/png")], body=b"\0" * 5_000_000)

    assert (response.status, world.invocations) == (413, [])
    assert header(response, "x-lambent-reason") == "Caller.TooLarge"


def test_a_url_that_asks_for_iam_is_shut(world: GatewayWorld) -> None:
    world.add_function(url={"auth": "AWS_IAM"})

    assert world.request("GET", "/", host=HOST).status == 403
    assert world.invocations == []


CORS = {
    "allowOrigins": ["https://a.example"],
    "allowMethods": ["GET", "PUT"],
    "allowHeaders": ["x-a"],
    "maxAgeSeconds": 60,
    "exposeHeaders": ["x-b"],
}
PREFLIGHT = [("Origin", "https://a.example"), ("Access-Control-Request-Method", "PUT"), ("Access-Control-Request-Headers", "x-a")]


def test_a_preflight_is_answered_without_an_invocation(world: GatewayWorld) -> None:
    world.add_function(url={"cors": CORS})

    response = world.request("OPTIONS", "/", host=HOST, headers=PREFLIGHT)

    assert (response.status, world.invocations) == (200, [])
    assert dict(response.headers) == {
        "access-control-allow-origin": "https://a.example",
        "vary": "Origin",
        "access-control-allow-methods": "GET,PUT",
        "access-control-allow-headers": "x-a",
        "access-control-max-age": "60",
    }


def test_a_preflight_of_another_origin_gets_no_permission(world: GatewayWorld) -> None:
    world.add_function(url={"cors": CORS})

    assert world.request("OPTIONS", "/", host=HOST, headers=[("Origin", "https://b.example"), *PREFLIGHT[1:]]).headers == []


def test_cors_headers_replace_the_handlers(world: GatewayWorld) -> None:
    world.add_function(url={"cors": {**CORS, "allowCredentials": True}})
    world.answer = {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*"}, "body": ""}

    response = world.request("GET", "/", host=HOST, headers=[("Origin", "https://a.example")])

    assert header(response, "access-control-allow-origin") == "https://a.example"
    assert header(response, "access-control-allow-credentials") == "true"
    assert header(response, "access-control-expose-headers") == "x-b"


def test_without_cors_options_is_a_request_like_any_other(world: GatewayWorld) -> None:
    world.request("OPTIONS", "/", host=HOST, headers=PREFLIGHT)

    assert world.event["requestContext"]["http"]["method"] == "OPTIONS"


def test_an_answered_request_leaves_nothing_for_the_garbage_collector(world: GatewayWorld) -> None:
    world.request("GET", "/", host=HOST)
    world.invocations.clear()
    gc.collect()
    gc.disable()
    try:
        world.request("GET", "/", host=HOST)
        world.invocations.clear()
        assert gc.collect() == 0
    finally:
        gc.enable()
