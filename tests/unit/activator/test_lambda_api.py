"""The Lambda Invoke API, as AWS's clients see it."""

import base64
import json

import pytest

from lambent.activator.admission.model import Failure
from lambent.activator.reply import Reply
from lambent.api.reasons import FUNCTION_INIT_ERROR, PLATFORM_LINK_LOST, PLATFORM_NOT_READY, PLATFORM_QUEUE_FULL, PLATFORM_QUEUE_TIMEOUT
from tests.support.gateway_world import META, GatewayWorld, header


@pytest.fixture
def world() -> GatewayWorld:
    world = GatewayWorld({"ok": 1})
    world.add_function()
    return world


def error(response: object) -> tuple[int, str | None, dict[str, object]]:
    return response.status, header(response, "x-amzn-errortype"), json.loads(response.body)  # type: ignore[attr-defined, arg-type]


def test_a_result_comes_back_as_it_is(world: GatewayWorld) -> None:
    response = world.invoke(body=b'{"name": "Ada"}')

    assert (response.status, response.body) == (200, b'{"ok": 1}')
    assert header(response, "x-amz-executed-version") == "$LATEST"
    assert header(response, "x-amz-function-error") is None
    assert world.invocations[0].payload == b'{"name": "Ada"}'
    assert world.meta == {
        "arn": "arn:aws:lambda:us-east-1:default:function:hello",
        "requestId": header(response, "x-amzn-requestid"),
        "traceId": header(response, "x-amzn-trace-id"),
    }


def test_an_empty_payload_is_an_empty_object(world: GatewayWorld) -> None:
    world.invoke(body=b"")

    assert world.event == {}


@pytest.mark.parametrize("body", [b"null", b"1", b'"text"', b"[]", b" {} ", '"\u00e9"'.encode()])
def test_any_json_is_a_payload(world: GatewayWorld, body: bytes) -> None:
    assert world.invoke(body=body).status == 200
    assert world.invocations[0].payload == body


@pytest.mark.parametrize("body", [b"{", b"hello", b"{'a': 1}", b'{"a": 1} x', b"\xff", b"[" * 100_000])
def test_a_payload_that_is_no_json_is_refused_without_an_invocation(world: GatewayWorld, body: bytes) -> None:
    status, name, fields = error(world.invoke(body=body))

    assert (status, name, fields["Type"]) == (400, "InvalidRequestContentException", "User")
    assert str(fields["message"]).startswith("Could not parse request body into json: ")
    assert world.invocations == []


def test_an_unknown_function_is_not_found(world: GatewayWorld) -> None:
    status, name, fields = error(world.invoke("nobody"))

    assert (status, name) == (404, "ResourceNotFoundException")
    assert fields == {"Type": "User", "Message": "Function not found: arn:aws:lambda:us-east-1:default:function:nobody:$LATEST"}


@pytest.mark.parametrize(
    ("name", "namespace"),
    [
        ("hello", "default"),
        ("hello:$LATEST", "default"),
        ("arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Ahello", "default"),
        ("arn:aws:lambda:eu-central-1:team-a:function:hello", "team-a"),
        ("arn:aws:lambda:eu-central-1:team-a:function:hello:$LATEST", "team-a"),
        ("team-a:function:hello", "team-a"),
        ("123456789012:function:hello", "default"),
        ("function:hello", "default"),
        ("hello?Qualifier=$LATEST", "default"),
        ("hello?Qualifier=%24LATEST", "default"),
    ],
)
def test_names_and_arns_lead_to_their_function(world: GatewayWorld, name: str, namespace: str) -> None:
    world.add_function(namespace="team-a")
    path, _, query = name.partition("?")

    response = world.request("POST", f"/2015-03-31/functions/{path}/invocations?{query}", body=b"{}")

    assert response.status == 200
    assert world.invocations[0].function == (namespace, "hello")


def test_an_unknown_version_is_not_found(world: GatewayWorld) -> None:
    status, name, fields = error(world.request("POST", "/2015-03-31/functions/hello/invocations?Qualifier=7", body=b"{}"))

    assert (status, name) == (404, "ResourceNotFoundException")
    assert str(fields["Message"]).endswith(":function:hello:7")


@pytest.mark.parametrize("target", ["a%2Fb", "hello%20x", "x" * 257, "arn:aws:s3:::bucket"])
def test_a_name_outside_its_grammar_is_a_validation_error(world: GatewayWorld, target: str) -> None:
    status, name, fields = error(world.invoke(target))

    assert (status, name) == (400, "ValidationException")
    assert "'functionName' failed to satisfy constraint" in str(fields["message"])


def test_qualifiers_that_differ_are_refused(world: GatewayWorld) -> None:
    status, _, fields = error(world.request("POST", "/2015-03-31/functions/hello:1/invocations?Qualifier=2", body=b"{}"))

    assert status == 400
    assert fields["message"] == "The derived qualifier from the function name does not match the specified qualifier."


def test_dry_run_invokes_nothing(world: GatewayWorld) -> None:
    response = world.invoke(X_Amz_Invocation_Type="DryRun")

    assert (response.status, response.body, world.invocations) == (204, b"", [])


def test_event_invocations_are_refused_clearly_until_they_are_served(world: GatewayWorld) -> None:
    status, name, fields = error(world.invoke(X_Amz_Invocation_Type="Event"))

    assert (status, name) == (400, "InvalidParameterValueException")
    assert "Event is not served" in str(fields["message"])


@pytest.mark.parametrize(
    ("name", "value", "member"), [("X_Amz_Invocation_Type", "Later", "invocationType"), ("X_Amz_Log_Type", "All", "logType")]
)
def test_values_outside_an_enum_are_validation_errors(world: GatewayWorld, name: str, value: str, member: str) -> None:
    status, kind, fields = error(world.invoke(**{name: value}))

    assert (status, kind) == (400, "ValidationException")
    assert f"Value '{value}' at '{member}' failed to satisfy constraint: Member must satisfy enum value set" in str(fields["message"])


def test_the_log_tail_comes_where_it_is_asked_for(world: GatewayWorld) -> None:
    world.answer = Reply(b"1", function_error=False, meta={**META, "logTail": "TE9H"})

    assert header(world.invoke(X_Amz_Log_Type="Tail"), "x-amz-log-result") == "TE9H"
    assert world.invocations[-1].tail
    assert header(world.invoke(), "x-amz-log-result") is None
    assert not world.invocations[-1].tail


def test_the_client_context_and_trace_id_reach_the_handler(world: GatewayWorld) -> None:
    context = {"client": {"app_title": "t"}, "custom": {"a": "1"}, "env": {}}

    world.invoke(X_Amz_Client_Context=base64.b64encode(json.dumps(context).encode()).decode(), X_Amzn_Trace_Id="Root=1-2-3")

    assert world.meta["clientContext"] == context
    assert world.meta["traceId"] == "Root=1-2-3"


@pytest.mark.parametrize("value", ["no base64!", base64.b64encode(b"not json").decode(), base64.b64encode(b"[]").decode(), "A" * 3584])
def test_a_client_context_that_cannot_be_read_is_refused(world: GatewayWorld, value: str) -> None:
    status, name, _ = error(world.invoke(X_Amz_Client_Context=value))

    assert (status, name) == (400, "InvalidRequestContentException")


def test_a_functions_own_error_is_status_200_with_a_header(world: GatewayWorld) -> None:
    world.answer = Reply(b'{"errorMessage":"no"}', function_error=True, meta={**META, "reason": "Function.Timeout"})

    response = world.invoke()

    assert (response.status, response.body) == (200, b'{"errorMessage":"no"}')
    assert header(response, "x-amz-function-error") == "Unhandled"
    assert header(response, "x-lambent-reason") == "Function.Timeout"
    assert world.metrics.counted == [("failed", "default", "hello", "function_error", "Function.Timeout")]


def test_code_that_does_not_initialise_answers_with_lambdas_error(world: GatewayWorld) -> None:
    world.answer = Failure(FUNCTION_INIT_ERROR, "No module named 'nope'", "Runtime.ImportModuleError", ("line 1",))

    response = world.invoke()

    assert response.status == 200
    assert header(response, "x-amz-function-error") == "Unhandled"
    assert json.loads(response.body) == {
        "errorMessage": "No module named 'nope'",
        "errorType": "Runtime.ImportModuleError",
        "requestId": header(response, "x-amzn-requestid"),
        "stackTrace": ["line 1"],
    }


@pytest.mark.parametrize(
    ("reason", "status", "name", "kind"),
    [
        (PLATFORM_QUEUE_FULL, 429, "TooManyRequestsException", "User"),
        (PLATFORM_QUEUE_TIMEOUT, 504, "ServiceException", "Service"),
        (PLATFORM_LINK_LOST, 502, "ServiceException", "Service"),
        (PLATFORM_NOT_READY, 502, "ResourceNotReadyException", "Service"),
    ],
)
def test_platform_failures_are_told_apart(world: GatewayWorld, reason: object, status: int, name: str, kind: str) -> None:
    world.answer = Failure(reason, "why", retry_after_seconds=1 if status == 429 else None)  # type: ignore[arg-type]

    response = world.invoke()

    assert error(response)[:2] == (status, name)
    assert json.loads(response.body)["Type"] == kind
    assert header(response, "x-lambent-reason") == reason.code  # type: ignore[attr-defined]
    assert header(response, "retry-after") == ("1" if status == 429 else None)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/2015-03-31/functions/"), ("GET", "/2015-03-31/functions/hello"), ("GET", "/2015-03-31/functions/hello/invocations")],
)
def test_other_operations_are_named_as_not_served(world: GatewayWorld, method: str, path: str) -> None:
    status, name, fields = error(world.request(method, path))

    assert (status, name) == (404, "UnknownOperationException")
    assert "Invoke is" in str(fields["message"]) or "POST is" in str(fields["message"])


def test_server_timing_says_where_the_time_went(world: GatewayWorld) -> None:
    world.answer = Reply(b"1", function_error=False, meta={**META, "initMs": 61.5}, queue_seconds=0.25, waited_for_start=True)

    assert header(world.invoke(), "server-timing") == "queue;dur=250.00, handler;dur=2.5, init;dur=61.5, start;dur=250.00"
    assert ("cold", "default", "hello") in world.metrics.counted
