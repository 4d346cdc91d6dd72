"""Payload format 1.0, the event of REST APIs: http Triggers that ask for it.

Source: "Create AWS Lambda proxy integrations for HTTP APIs" (API Gateway Developer Guide), format 1.0.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from lambent.activator.events.body import collect_pairs, decode_result, encode_body, encode_event, parse_query
from lambent.activator.events.context import Call, clf_time, forwarded_headers
from lambent.activator.events.format_2 import response_body
from lambent.activator.events.response import BadResponseError, check_status, response_headers
from lambent.activator.http import HttpRequest, HttpResponse


def build_event(request: HttpRequest, call: Call) -> bytes:
    """The event a handler gets. Of several values of one name, the single-value field has the last."""
    added = forwarded_headers(request, call.trace_id)
    multi_headers = {name: [value] for name, value in added.items()}
    sent = collect_pairs((name.lower(), value) for name, value in request.headers)
    multi_headers.update({name: values for name, values in sent.items() if name in multi_headers and name not in _ADDED})
    query = collect_pairs(parse_query(request.query)) or None
    path = unquote(request.path)
    body, encoded = (
        encode_body(request.body, added.get("content-type", ""), added.get("content-encoding", "")) if request.body else (None, False)
    )
    event: dict[str, Any] = {
        "version": "1.0",
        "resource": call.resource,
        "path": path,
        "httpMethod": request.method,
        "headers": {name: values[-1] for name, values in multi_headers.items()},
        "multiValueHeaders": multi_headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} if query else None,
        "multiValueQueryStringParameters": query,
        "requestContext": {
            "accountId": call.account,
            "apiId": call.api,
            "authorizer": {"claims": None, "scopes": None},
            "domainName": request.host,
            "domainPrefix": request.host.partition(".")[0],
            "extendedRequestId": call.request_id,
            "httpMethod": request.method,
            "identity": _identity(request, added),
            "path": path,
            "protocol": request.version,
            "requestId": call.request_id,
            "requestTime": clf_time(call.epoch_seconds),
            "requestTimeEpoch": int(call.epoch_seconds * 1000),
            "resourceId": call.route_key,
            "resourcePath": call.resource,
            "stage": "$default",
        },
        "pathParameters": call.parameters or None,
        "stageVariables": None,
        "body": body,
        "isBase64Encoded": encoded,
    }
    return encode_event(event)


def build_response(payload: bytes) -> HttpResponse:
    """A handler's result as an HTTP response; raises `BadResponseError`: this format has no inferred responses."""
    try:
        result = decode_result(payload)
    except ValueError as error:
        raise BadResponseError(f"the result is no JSON: {error}") from None
    if not isinstance(result, dict) or "statusCode" not in result:
        raise BadResponseError("payload format 1.0 wants an object with statusCode")
    multi = result.get("multiValueHeaders") or {}
    if not isinstance(multi, dict) or not all(values is None or isinstance(values, list) for values in multi.values()):
        raise BadResponseError("multiValueHeaders must be an object of lists")
    many = response_headers(None, [(name, value) for name, values in multi.items() for value in values or ()])
    taken = {name for name, _ in many}
    # Where both name a header, the list holds, with the single value appended if it is another (API Gateway merges them).
    single = [(name, value) for name, value in response_headers(result.get("headers")) if name not in taken or (name, value) not in many]
    headers = many + single
    if not any(name == "content-type" for name, _ in headers):
        headers.append(("content-type", "application/json"))
    return HttpResponse(check_status(result["statusCode"]), headers, response_body(result, payload))


_ADDED = ("x-forwarded-for", "x-forwarded-port", "x-forwarded-proto", "x-amzn-trace-id")


def _identity(request: HttpRequest, headers: dict[str, str]) -> dict[str, Any]:
    empty = (
        "accessKey",
        "accountId",
        "caller",
        "cognitoAuthenticationProvider",
        "cognitoAuthenticationType",
        "cognitoIdentityId",
        "cognitoIdentityPoolId",
        "principalOrgId",
        "user",
        "userArn",
    )
    return {**dict.fromkeys(empty), "sourceIp": request.client, "userAgent": headers.get("user-agent", ""), "clientCert": None}
