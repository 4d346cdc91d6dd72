"""Results of functions that are at or over a bound: left out, renamed or refused as the function's own failure, never as Lambent's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.activator.http import HttpResponse
from lambent.activator.reply import Reply
from tests.support.gateway_world import META, GatewayWorld, header

URL = "hello.default"
TRIGGERS = {"2.0": "two.shop.example", "1.0": "one.shop.example"}
EVERYWHERE = (URL, *TRIGGERS.values())


@pytest.fixture
def world() -> GatewayWorld:
    world = GatewayWorld()
    world.add_function()
    for payload_format, host in TRIGGERS.items():
        world.add_trigger(name=host, host=host, path="/", payloadFormat=payload_format)
    return world


def respond(world: GatewayWorld, result: Any, host: str = URL) -> HttpResponse:
    """`result`: a value, or the bytes that the function's runtime wrote."""
    world.answer = Reply(result, function_error=False, meta=META) if isinstance(result, bytes) else result
    return world.request("GET", "/", host=host)


def is_bad_response(response: HttpResponse) -> bool:
    return response.status == 502 and header(response, "x-lambent-reason") == "Function.BadResponse"


@pytest.mark.parametrize("host", EVERYWHERE)
def test_a_header_that_is_null_is_left_out(world: GatewayWorld, host: str) -> None:
    response = respond(world, {"statusCode": 200, "headers": {"X-A": None, "X-B": "b"}, "body": "x"}, host)

    assert (response.status, response.body, header(response, "x-a"), header(response, "x-b")) == (200, b"x", None, "b")


def test_values_of_a_header_that_are_null_are_left_out(world: GatewayWorld) -> None:
    result = {"statusCode": 200, "multiValueHeaders": {"X-A": None, "X-B": [None, "b"]}, "body": "x"}

    response = respond(world, result, TRIGGERS["1.0"])

    assert (response.status, header(response, "x-a"), header(response, "x-b")) == (200, None, "b")


@pytest.mark.parametrize(
    ("written", "body"),
    [
        (b'{"hello": "world"}', b'{"hello":"world"}'),
        (b"[1, 2.50, -0.0, 1E5]", b"[1,2.5,-0.0,100000.0]"),
        (
            b'{"a": 123456789012345678901234567890, "b": 18446744073709551616}',
            b'{"a":123456789012345678901234567890,"b":18446744073709551616}',
        ),
        (rb'{"u": "\u00e9 \"x\" : , y"}', '{"u":"é \\"x\\" : , y"}'.encode()),
        (rb'{"lone": "\ud800"}', b'{"lone":"?"}'),
        (b" null ", b"null"),
        (b'"text, as: it is"', b"text, as: it is"),
        (b"[" * 300 + b" " + b"]" * 300, b"[" * 300 + b"]" * 300),
    ],
)
def test_a_function_url_writes_a_result_without_status_anew(world: GatewayWorld, written: bytes, body: bytes) -> None:
    response = respond(world, written)

    assert (response.status, header(response, "content-type"), response.body) == (200, "application/json", body)


def test_a_trigger_sends_a_result_without_status_as_it_is(world: GatewayWorld) -> None:
    assert respond(world, b'{"hello": "world"}', TRIGGERS["2.0"]).body == b'{"hello": "world"}'


@pytest.mark.parametrize("host", EVERYWHERE)
@pytest.mark.parametrize(
    "written",
    [
        b'{"statusCode": "' + b"2" * 5000 + b'"}',
        b'{"statusCode": ' + b"2" * 5000 + b"}",
        b'{"statusCode": ' + b"2" * 4000 + b"}",
        b'{"statusCode": 1e400}',
        b'{"statusCode": -1e400}',
        b'{"statusCode": NaN}',
        b'{"statusCode": ' + b"[" * 3000 + b"]" * 3000 + b"}",
        b'{"statusCode": {"a": 1}}',
        b'{"statusCode": "\xc2\xb2\xc2\xb2\xc2\xb2"}',
        b'{"statusCode": 200, "body": ' + b"[" * 2000 + b"]" * 2000 + b"}",
        b'{"statusCode": 200, "body": ' + b"[" * 1000 + b"]" * 1000 + b"}",
        b'{"statusCode": 200, "body": [' + b"2" * 5000 + b"]}",
        b'{"statusCode": 200, "headers": {"x": ' + b"2" * 4000 + b"}}",
        b'{"statusCode": 200, "headers": {"x": ' + b"[" * 1000 + b"]" * 1000 + b"}}",
        b'{"statusCode": 200, "headers": {"' + b"bad name" * 1000 + b'": "x"}}',
        b'{"statusCode": 200, "headers": {"x": "' + b"y" * 65_536 + b'"}}',
        b'{"statusCode": 200, "headers": {' + b", ".join(b'"x-%d": "y"' % number for number in range(257)) + b"}}",
        b'{"statusCode": 200',
        b"\xff",
        b"",
    ],
)
def test_a_result_that_cannot_be_a_response_is_the_functions_failure(
    world: GatewayWorld, host: str, written: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        assert is_bad_response(respond(world, written, host))

    assert all(len(line.getMessage()) < 500 and line.exc_info is None for line in caplog.records)
    assert ("failed", "default", "hello", "function_error", "Function.BadResponse") not in world.metrics.counted


@pytest.mark.parametrize("written", [b"[" * 3000 + b"]" * 3000, b"[" * 1000 + b"]" * 1000, b"[" + b"2" * 5000 + b"]"])
def test_a_result_that_cannot_be_written_anew_is_the_functions_failure(world: GatewayWorld, written: bytes) -> None:
    assert is_bad_response(respond(world, written))


@pytest.mark.parametrize("host", EVERYWHERE)
@pytest.mark.parametrize(
    "name",
    [
        "X-Lambent-Reason",
        "x-lambent-anything",
        "X-Amzn-RequestId",
        "X-Amzn-Trace-Id",
        "Server-Timing",
        "Content-Length",
        "Connection",
        "Date",
    ],
)
def test_a_header_by_a_name_of_lambents_own_goes_out_by_another(world: GatewayWorld, host: str, name: str) -> None:
    response = respond(world, {"statusCode": 200, "headers": {name: "forged"}, "body": "x"}, host)

    assert header(response, f"x-amzn-remapped-{name.lower()}") == "forged"
    assert [value for key, value in response.headers if key == name.lower() and value == "forged"] == []
    assert header(response, "x-amzn-requestid") == world.meta["requestId"]
    assert header(response, "x-amzn-trace-id") == world.meta["traceId"]
    assert str(header(response, "server-timing")).startswith("queue;dur=")


@pytest.mark.parametrize("name", ["Transfer-Encoding", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Upgrade"])
def test_what_says_how_a_connection_is_used_is_dropped(world: GatewayWorld, name: str) -> None:
    for values in ({"headers": {name: "x"}}, {"multiValueHeaders": {name: ["x"]}}):
        response = respond(world, {"statusCode": 200, "body": "x", **values}, TRIGGERS["1.0"])

        assert response.status == 200
        assert [key for key, _ in response.headers if key.endswith(name.lower())] == []


def test_the_reason_of_a_bad_response_is_lambents(world: GatewayWorld) -> None:
    response = respond(world, {"statusCode": 700, "headers": {"x-lambent-reason": "Platform.Internal"}})

    assert is_bad_response(response)
    assert json.loads(response.body) == {"message": "Internal Server Error"}


@pytest.mark.parametrize("value", ["1\r\nx-forged: 1", ["x"] * 1000, {"a": 1}, None, "9" * 60_000])
def test_what_a_pod_says_beside_a_result_is_a_number_or_nothing(world: GatewayWorld, value: Any) -> None:
    meta = {"durationMs": value, "initMs": value, "logTail": value, "reason": value}
    world.answer = Reply(b'{"errorMessage": "x"}', function_error=True, meta=meta)

    for response in (world.request("GET", "/", host=URL), world.invoke(X_Amz_Log_Type="Tail")):
        assert header(response, "server-timing") == "queue;dur=0.00, handler;dur=0, init;dur=0"
        assert header(response, "x-lambent-reason") in ("Function.Error", "Platform.Internal")
    assert header(response, "x-amz-log-result") == ""
