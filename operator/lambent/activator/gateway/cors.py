"""CORS of function URLs: preflight answers and the headers of other responses. Pure.

Source: "Cors" of FunctionUrlConfig (Lambda API reference); the protocol: Fetch Standard, "CORS protocol".
"""

from __future__ import annotations

from lambent.activator.http import Headers, HttpRequest, HttpResponse
from lambent.api.invocation import Cors

_MAX_ORIGIN = 1024
"""Characters; a scheme, a host and a port have 270 at most."""


def is_preflight(request: HttpRequest) -> bool:
    """Whether a browser asks what it may send."""
    return request.method == "OPTIONS" and "origin" in request.lower and "access-control-request-method" in request.lower


def preflight_response(cors: Cors, request: HttpRequest) -> HttpResponse:
    """The answer to a preflight: status 200 in any case, permission only where the configuration gives it."""
    headers = _origin_headers(cors, request.lower.get("origin"))
    if headers:
        if cors.allow_methods:
            asked = request.lower["access-control-request-method"]
            headers.append(("access-control-allow-methods", asked if "*" in cors.allow_methods else ",".join(cors.allow_methods)))
        if cors.allow_headers:
            asked = request.lower.get("access-control-request-headers", "")
            headers.append(("access-control-allow-headers", asked if "*" in cors.allow_headers else ",".join(cors.allow_headers)))
        if cors.max_age_seconds:
            headers.append(("access-control-max-age", str(cors.max_age_seconds)))
    return HttpResponse(200, headers)


def add_cors(cors: Cors, origin: str | None, response: HttpResponse) -> None:
    """Put the configured headers on a response to a request of that origin; they replace a handler's own, as on AWS."""
    added = _origin_headers(cors, origin)
    if added and cors.expose_headers:
        added.append(("access-control-expose-headers", ",".join(cors.expose_headers)))
    names = {name for name, _ in added}
    response.headers = [header for header in response.headers if header[0] not in names or header[0] == "vary"] + added


def _origin_headers(cors: Cors, origin: str | None) -> Headers:
    if origin is None or len(origin) > _MAX_ORIGIN or not ("*" in cors.allow_origins or origin in cors.allow_origins):
        return []
    # A wildcard may not go with credentials (Fetch Standard), so the origin itself is named then.
    wildcard = "*" in cors.allow_origins and not cors.allow_credentials
    headers: Headers = [("access-control-allow-origin", "*" if wildcard else origin)]
    if not wildcard:
        headers.append(("vary", "Origin"))
    if cors.allow_credentials:
        headers.append(("access-control-allow-credentials", "true"))
    return headers
