"""Payload format 2.0: function URLs and http Triggers.

Sources: "Invoking Lambda function URLs" (Lambda Developer Guide), "Create AWS Lambda proxy integrations for HTTP APIs in API Gateway"
(API Gateway Developer Guide).
"""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import unquote

from lambent.activator.events.body import compact, decode_result, encode_body, encode_event, join_pairs, parse_query
from lambent.activator.events.context import Call, clf_time, forwarded_headers
from lambent.activator.events.response import BadResponseError, check_status, response_headers
from lambent.activator.http import Headers, HttpRequest, HttpResponse


def build_event(request: HttpRequest, call: Call) -> bytes:
    """The event a handler gets."""
    headers = forwarded_headers(request, call.trace_id)
    cookies = [value for name, value in request.headers if name.lower() == "cookie"] if "cookie" in headers else []
    path = request.path if call.function_url else unquote(request.path)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": call.route_key,
        "rawPath": path,
        "rawQueryString": request.query,
    }
    if cookies:
        # Pairs are separated by semicolons (RFC 6265, 5.4), and so are several headers of that name when they become one.
        event["cookies"] = [part.strip() for value in cookies for part in value.split(";") if part.strip()]
        if call.function_url:
            headers["cookie"] = "; ".join(cookies)
        else:
            # HTTP APIs have them in `cookies` alone.
            del headers["cookie"]
    event["headers"] = headers
    if request.query:
        event["queryStringParameters"] = join_pairs(parse_query(request.query))
    event["requestContext"] = {
        "accountId": call.account,
        "apiId": call.api,
        "domainName": request.host,
        "domainPrefix": request.host.partition(".")[0],
        "http": {
            "method": request.method,
            "path": path,
            "protocol": request.version,
            "sourceIp": request.client,
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": call.request_id,
        "routeKey": call.route_key,
        "stage": "$default",
        "time": clf_time(call.epoch_seconds),
        "timeEpoch": int(call.epoch_seconds * 1000),
    }
    if call.parameters:
        event["pathParameters"] = call.parameters
    encoded = False
    if request.body:
        event["body"], encoded = encode_body(request.body, headers.get("content-type", ""), headers.get("content-encoding", ""))
    event["isBase64Encoded"] = encoded
    return encode_event(event)


def build_response(payload: bytes) -> HttpResponse:
    """A handler's result as an HTTP response; raises `BadResponseError`.

    A result without `statusCode` is the body itself, as JSON (a string as it is) with status 200.
    """
    return _build_response(payload, rewrite=False)


def build_url_response(payload: bytes) -> HttpResponse:
    """The same at a function URL, where AWS writes a result without `statusCode` anew: `{"a": 1}` goes out as `{"a":1}`."""
    return _build_response(payload, rewrite=True)


def _build_response(payload: bytes, *, rewrite: bool) -> HttpResponse:
    try:
        result = decode_result(payload)
        if not isinstance(result, dict) or "statusCode" not in result:
            body = result.encode("utf-8", "replace") if isinstance(result, str) else compact(payload) if rewrite else payload
            return HttpResponse(200, [("content-type", "application/json")], body)
    except ValueError as error:
        raise BadResponseError(f"the result is no JSON: {error}") from None
    headers: Headers = response_headers(result.get("headers"))
    if not any(name == "content-type" for name, _ in headers):
        headers.append(("content-type", "application/json"))
    cookies = result.get("cookies") or []
    if not isinstance(cookies, list) or not all(isinstance(cookie, str) for cookie in cookies):
        raise BadResponseError("cookies must be a list of strings")
    headers += response_headers(None, [("set-cookie", cookie) for cookie in cookies])
    return HttpResponse(check_status(result["statusCode"]), headers, response_body(result, payload))


def response_body(result: dict[str, Any], payload: bytes) -> bytes:
    """`body`: a string, base64 where it says so; an object or a list becomes JSON. `payload` is what `result` was read from."""
    body = result.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        try:
            return compact(payload, "body")
        except ValueError as error:
            raise BadResponseError(f"body is no JSON: {error}") from None
    if result.get("isBase64Encoded") is True:
        try:
            return base64.b64decode(body, validate=False)
        except (binascii.Error, ValueError):
            raise BadResponseError("isBase64Encoded is true, but body is no base64") from None
    return body.encode("utf-8", "replace")
