"""Invoke of the Lambda API: the request's parts read and checked, and its answer written.

Source: "Invoke" (Lambda API reference) and the service model. Signatures are accepted unread.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qs, unquote

import orjson

from lambent.activator.admission.model import Failure
from lambent.activator.http import HttpRequest, HttpResponse
from lambent.activator.lambda_api.errors import ApiError, validation_error
from lambent.activator.lambda_api.names import InvalidNameError, NamedFunction, parse_name
from lambent.activator.reply import Reply
from lambent.activator.trace import TRACE_HEADER, what_is_wrong

PATH: Final = re.compile(r"/2015-03-31/functions/([^/]+)/invocations/?")
PREFIX: Final = "/2015-03-31/"
MAX_PAYLOAD_BYTES: Final = 6_291_456
MAX_CLIENT_CONTEXT: Final = 3583
MAX_CLIENT_CONTEXT_DEPTH: Final = 100
"""What every runtime reads without running out of its stack."""
MAX_LOG_TAIL: Final = 8192
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*=*")
_ECHOED: Final = 256
"""Characters of a wrong value that an error repeats."""
INVOCATION_TYPES: Final = ("Event", "RequestResponse", "DryRun")
LOG_TYPES: Final = ("None", "Tail")


@dataclass(frozen=True, slots=True)
class InvokeRequest:
    """A checked Invoke."""

    function: NamedFunction
    invocation_type: str
    tail: bool
    client_context: bytes
    """A JSON object; empty where none was given."""
    trace_id: str
    """As it was given; empty where it was not."""
    payload: bytes


CACHED_CHARACTERS: Final = 256
"""Paths and queries that are longer together are not kept."""


def parse_target(path: str, query: str) -> NamedFunction:
    """Which function a path and query name; raises `ApiError`. Pure; the same few targets come again and again, so answers are kept."""
    return parse_short_target(path, query) if len(path) + len(query) <= CACHED_CHARACTERS else _parse_target(path, query)


@lru_cache(maxsize=1024)
def parse_short_target(path: str, query: str) -> NamedFunction:
    """The same as `parse_target`, kept: a kibibyte at most for each."""
    return _parse_target(path, query)


def _parse_target(path: str, query: str) -> NamedFunction:
    match = PATH.fullmatch(path)
    if match is None:
        raise ApiError(
            "UnknownOperationException", 404, f"{path[:_ECHOED]} is no operation of the Lambda API that is served here; Invoke is"
        )
    qualifier = parse_qs(query, keep_blank_values=True).get("Qualifier", [""])[0] if query else ""
    try:
        return parse_name(unquote(match[1]), qualifier)
    except InvalidNameError as error:
        raise validation_error(str(error)) from None


def parse_invoke(request: HttpRequest) -> InvokeRequest:
    """The request's parts; raises `ApiError`. The payload must be JSON, an empty one is `{}`."""
    if request.method != "POST":
        raise ApiError("UnknownOperationException", 404, f"{request.method} is not a method of Invoke; POST is")
    function = parse_target(request.path, request.query)
    headers = request.lower
    invocation_type = headers.get("x-amz-invocation-type") or "RequestResponse"
    if invocation_type not in INVOCATION_TYPES:
        raise validation_error(_not_in(invocation_type, "invocationType", INVOCATION_TYPES))
    if invocation_type == "Event":
        message = "InvocationType Event is not served by this version of Lambent; use RequestResponse"
        raise ApiError("InvalidParameterValueException", 400, message)
    log_type = headers.get("x-amz-log-type") or "None"
    if log_type not in LOG_TYPES:
        raise validation_error(_not_in(log_type, "logType", LOG_TYPES))
    payload = request.body or b"{}"
    check_json(payload)
    context = headers.get("x-amz-client-context")
    trace_id = headers.get(TRACE_HEADER, "")
    if trace_id and (wrong := what_is_wrong(trace_id)):
        raise ApiError("InvalidParameterValueException", 400, wrong)
    return InvokeRequest(
        function=function,
        invocation_type=invocation_type,
        tail=log_type == "Tail",
        client_context=_read_client_context(context) if context else b"",
        trace_id=trace_id,
        payload=payload,
    )


def check_json(payload: bytes) -> None:
    """Raises Lambda's error for a payload that is no JSON (RFC 8259), with its place."""
    try:
        orjson.loads(payload)
    except orjson.JSONDecodeError:
        # What orjson cannot hold is JSON all the same (long numbers, lone surrogates), and Python's reader says where one stops.
        _explain_json(payload)


def _explain_json(payload: bytes) -> None:
    try:
        # Numbers are only looked at: Python would refuse those of more than 4,300 digits, which are the handler's to take or not.
        json.loads(payload.decode(), parse_int=len, parse_float=len, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        where = f"line: {error.lineno}, column: {error.colno}"
        if error.pos < len(error.doc):
            character = error.doc[error.pos]
            what = f"Unexpected character ('{character}' (code {ord(character)})): {error.msg}"
        else:
            what = f"Unexpected end-of-input: {error.msg}"
        raise _invalid_content(f"{what} at [{where}]") from None
    except UnicodeDecodeError as error:
        raise _invalid_content(f"Invalid UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise _invalid_content("Document nesting is too deep") from None


def _refuse_constant(name: str) -> None:
    """NaN and the infinities, which Python's reader takes and JSON does not have."""
    raise _invalid_content(f"Non-standard token '{name}'")


def reply_response(reply: Reply, request_id: str, version: str, trace_id: str, *, tail: bool) -> HttpResponse:
    """The function's answer, its own error included: status 200, as on Lambda."""
    headers = [
        ("content-type", "application/json"),
        ("x-amzn-requestid", request_id),
        ("x-amz-executed-version", version),
        ("x-amzn-trace-id", trace_id),
    ]
    if reply.function_error:
        headers.append(("x-amz-function-error", "Unhandled"))
    if tail:
        headers.append(("x-amz-log-result", _log_tail(reply.meta.get("logTail"))))
    return HttpResponse(200, headers, reply.payload)


def _log_tail(value: Any) -> str:
    """Base64 of four kibibytes at most; what is none, since a handler may have got hold of its pod's link, is left out."""
    return value if isinstance(value, str) and len(value) <= MAX_LOG_TAIL and _BASE64.fullmatch(value) else ""


def init_error_response(failure: Failure, request_id: str, version: str) -> HttpResponse:
    """A function that cannot initialise, in the shape of any other error of its own."""
    headers = [
        ("content-type", "application/json"),
        ("x-amzn-requestid", request_id),
        ("x-amz-executed-version", version),
        ("x-amz-function-error", "Unhandled"),
        ("x-lambent-reason", failure.reason.code),
    ]
    return HttpResponse(200, headers, init_error_payload(failure, request_id))


def init_error_payload(failure: Failure, request_id: str) -> bytes:
    """Lambda's error object."""
    fields = {
        "errorMessage": failure.message,
        "errorType": failure.error_type,
        "requestId": request_id,
        "stackTrace": list(failure.stack_trace),
    }
    return json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace")


def _read_client_context(text: str) -> bytes:
    """The JSON object in it, as it is: what is not written anew cannot come out as something else."""
    if len(text) > MAX_CLIENT_CONTEXT:
        raise ApiError(
            "InvalidRequestContentException", 400, f"Client context must be no more than {MAX_CLIENT_CONTEXT} bytes when base64-encoded"
        )
    try:
        context = base64.b64decode(text, validate=True)
        decoded = orjson.loads(context)
    except (binascii.Error, ValueError):
        raise ApiError("InvalidRequestContentException", 400, "Client context must be a valid Base64-encoded JSON object.") from None
    if not isinstance(decoded, dict):
        raise ApiError("InvalidRequestContentException", 400, "Client context must be a valid Base64-encoded JSON object.")
    if _is_deeper(decoded, MAX_CLIENT_CONTEXT_DEPTH):
        message = f"Client context must be nested no more than {MAX_CLIENT_CONTEXT_DEPTH} levels deep"
        raise ApiError("InvalidRequestContentException", 400, message)
    return context


def _is_deeper(value: dict[str, Any], levels: int) -> bool:
    """Whether objects and lists are nested in each other more than that often."""
    row: list[Any] = [value]
    for _ in range(levels):
        inside = [each for outer in row for each in (outer.values() if isinstance(outer, dict) else outer)]
        row = [each for each in inside if isinstance(each, dict | list)]
        if not row:
            return False
    return True


def _invalid_content(what: str) -> ApiError:
    message = f"Could not parse request body into json: Could not parse payload into json: {what}"
    return ApiError("InvalidRequestContentException", 400, message)


def _not_in(value: str, member: str, allowed: tuple[str, ...]) -> str:
    return (
        f"1 validation error detected: Value '{value[:_ECHOED]}' at '{member}' failed to satisfy constraint: "
        f"Member must satisfy enum value set: [{', '.join(allowed)}]"
    )
