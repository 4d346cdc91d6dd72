"""Values that callers give and that go on to pods and logs: each has a grammar and a size, looked at before anybody is asked."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest

from lambent.activator.gateway.answer import MAX_META_BYTES, encode_meta
from lambent.activator.http import HttpResponse
from lambent.activator.lambda_api.invoke import MAX_CLIENT_CONTEXT, MAX_CLIENT_CONTEXT_DEPTH
from lambent.activator.trace import MAX_TRACE_BYTES
from lambent.api.link import INVOKE, LAST, encode_message
from tests.support.gateway_world import GatewayWorld, header

GENERATED = re.compile(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0")
GIVEN = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a87bd80c:1|68fd508a:5"
HOSTS = ("hello.default", "two.shop.example", "one.shop.example")
INVOKE_PATH = "/2015-03-31/functions/hello/invocations"


@pytest.fixture
def world() -> GatewayWorld:
    world = GatewayWorld({"statusCode": 200})
    world.add_function()
    world.add_trigger(name="two", host="two.shop.example", path="/{rest+}")
    world.add_trigger(name="one", host="one.shop.example", path="/{rest+}", payloadFormat="1.0")
    return world


def ask_everywhere(world: GatewayWorld, *headers: tuple[str, str]) -> list[HttpResponse]:
    """By the Lambda API, at a function URL, and at both kinds of Triggers."""
    api = world.request("POST", INVOKE_PATH, headers=list(headers), body=b"{}")
    return [api, *(world.request("GET", "/a", host=host, headers=list(headers)) for host in HOSTS)]


def context(value: Any) -> str:
    return base64.b64encode(value if isinstance(value, bytes) else json.dumps(value).encode()).decode()


def nested(levels: int) -> bytes:
    """An object whose innermost list is that many levels deep, itself included."""
    return b'{"custom": ' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


def test_every_invocation_has_a_trace_id(world: GatewayWorld) -> None:
    ask_everywhere(world)

    given = [json.loads(invocation.meta)["traceId"] for invocation in world.invocations]
    assert len(set(given)) == 4
    assert all(GENERATED.fullmatch(trace) for trace in given)


def test_an_event_names_the_trace_without_the_parent_that_it_has_not(world: GatewayWorld) -> None:
    ask_everywhere(world)

    for invocation in world.invocations[1:]:
        root = json.loads(invocation.meta)["traceId"].partition(";")[0]
        assert json.loads(invocation.payload)["headers"]["x-amzn-trace-id"] == root


@pytest.mark.parametrize(
    "trace", [GIVEN, "Root=1-2-3", "Self=1-67891234-12456789abcdef012345678;Root=1-67891233-abcdef;CalledFrom=app", "x" * MAX_TRACE_BYTES]
)
def test_a_trace_id_that_is_given_is_passed_on_as_it_is(world: GatewayWorld, trace: str) -> None:
    responses = ask_everywhere(world, ("X-Amzn-Trace-Id", trace))

    assert [json.loads(invocation.meta)["traceId"] for invocation in world.invocations] == [trace] * 4
    assert [json.loads(invocation.payload)["headers"]["x-amzn-trace-id"] for invocation in world.invocations[1:]] == [trace] * 3
    assert [header(response, "x-amzn-trace-id") for response in responses] == [trace] * 4


@pytest.mark.parametrize(
    "trace", ['"' * 40_000, "x" * (MAX_TRACE_BYTES + 1), 'Root="1"', "Root=\\u0000", "Root=1\x00", "Root=\xe9", "Root=1\x7f"]
)
def test_a_trace_id_outside_its_grammar_is_refused_before_anybody_is_asked(world: GatewayWorld, trace: str) -> None:
    responses = ask_everywhere(world, ("X-Amzn-Trace-Id", trace))

    assert [(response.status, header(response, "x-lambent-reason")) for response in responses] == [(400, "Caller.BadRequest")] * 4
    assert all("X-Amzn-Trace-Id" in json.loads(response.body)["message"] for response in responses)
    assert world.invocations == []


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"custom": {"é": "\U0001f600", "quote": '"\\'}, "client": {"app_title": "t"}, "env": {"n": [1, 2.5, None]}},
        b'{"custom": {"a": "\\u00e9"}, "n": 123456789012345678901234567890}',
        nested(MAX_CLIENT_CONTEXT_DEPTH),
    ],
)
def test_a_client_context_is_passed_on_as_it_is(world: GatewayWorld, value: Any) -> None:
    given = context(value)

    assert world.invoke(X_Amz_Client_Context=given).status == 200
    assert world.invocations[0].meta.endswith(b',"clientContext":' + base64.b64decode(given) + b"}")


@pytest.mark.parametrize(
    "value",
    [
        nested(MAX_CLIENT_CONTEXT_DEPTH + 1),
        nested(1200),
        b'{"a": NaN}',
        b'{"a": "\\ud800"}',
        b'{"a": 1e400}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a": 1}}, {"b": {"c": 1}',
    ],
)
def test_a_client_context_that_another_reader_might_not_take_is_refused(world: GatewayWorld, value: bytes) -> None:
    response = world.invoke(X_Amz_Client_Context=context(value))

    assert (response.status, header(response, "x-amzn-errortype")) == (400, "InvalidRequestContentException")
    assert "Client context must be" in json.loads(response.body)["message"]
    assert world.invocations == []


def test_the_largest_of_everything_fits_into_a_frame(world: GatewayWorld) -> None:
    name, namespace = "n" * 63, "s" * 63
    world.add_function(name, namespace)
    room = MAX_CLIENT_CONTEXT // 4 * 3
    largest = context(b'{"a": "' + b"x" * (room - 9) + b'"}')

    response = world.invoke(f"{namespace}:function:{name}", X_Amz_Client_Context=largest, X_Amzn_Trace_Id="x" * MAX_TRACE_BYTES)

    assert response.status == 200
    meta = world.invocations[0].meta
    assert len(meta) < MAX_META_BYTES // 3
    assert encode_message(INVOKE, LAST, 1, meta, b"")


def test_meta_has_a_bound_that_nothing_goes_over(world: GatewayWorld) -> None:
    target = next(iter(world.gateway.table.functions.values()))
    prefix = len(encode_meta(target, "r", "", b"1")) - 1

    assert len(encode_meta(target, "r", "", b"1" * (MAX_META_BYTES - prefix))) == MAX_META_BYTES
    with pytest.raises(ValueError, match=f"over {MAX_META_BYTES}"):
        encode_meta(target, "r", "", b"1" * (MAX_META_BYTES - prefix + 1))


@pytest.mark.parametrize("body", [b"NaN", b"[1, NaN]", b'{"a": Infinity}', b'{"a": -Infinity}'])
def test_numbers_that_json_does_not_have_are_refused(world: GatewayWorld, body: bytes) -> None:
    response = world.invoke(body=body)

    assert (response.status, header(response, "x-amzn-errortype")) == (400, "InvalidRequestContentException")
    assert json.loads(response.body)["message"].startswith(
        "Could not parse request body into json: Could not parse payload into json: Non-standard token '"
    )
    assert world.invocations == []


@pytest.mark.parametrize("body", [b"9" * 5000, b"[1e400]", b'"\\ud800"', b"-" + b"9" * 5000, b"0." + b"9" * 5000])
def test_json_that_is_hard_to_hold_is_the_handlers_to_take(world: GatewayWorld, body: bytes) -> None:
    assert world.invoke(body=body).status == 200
    assert world.invocations[0].payload == body


@pytest.mark.parametrize("name", ["X_Amz_Invocation_Type", "X_Amz_Log_Type"])
def test_an_error_repeats_no_more_than_the_beginning_of_a_value(world: GatewayWorld, name: str) -> None:
    assert len(world.invoke(**{name: "x" * 60_000}).body) < 1000


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("path", ["/" * 1023, "/x" * 5000, "/%2F" * 4000, "/" + "%" * 10_000, "/" + "a" * 16_000])
def test_any_path_is_answered_by_a_function_or_not_found(world: GatewayWorld, host: str, path: str) -> None:
    assert world.request("GET", path, host=host).status in (200, 404)


def test_a_long_path_is_logged_by_its_beginning(world: GatewayWorld, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        world.request("GET", "/" + "a" * 16_000, host="nowhere.example")

    assert len(caplog.records[0].getMessage()) < 500


@pytest.mark.parametrize(("cookies", "joined"), [(["a=1; b=2"], "a=1; b=2"), (["a=1", "b=2; c=3"], "a=1; b=2; c=3")])
def test_cookies_are_in_the_headers_of_a_function_urls_event_only(world: GatewayWorld, cookies: list[str], joined: str) -> None:
    for host in HOSTS[:2]:
        world.request("GET", "/a", host=host, headers=[("Cookie", cookie) for cookie in cookies])

    url, trigger = (json.loads(invocation.payload) for invocation in world.invocations)
    assert url["cookies"] == trigger["cookies"] == joined.split("; ")
    assert url["headers"]["cookie"] == joined
    assert "cookie" not in trigger["headers"]
