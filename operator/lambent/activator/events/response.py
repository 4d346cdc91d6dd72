"""Parts of a handler's HTTP response that both payload formats share, checked so that nothing harmful reaches the wire."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from lambent.activator.http import Headers

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# The server writes these itself; a handler's would contradict them (RFC 9110, 7.6.1; RFC 9112, 6).
_SERVERS_OWN = frozenset(
    {"connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)


class BadResponseError(ValueError):
    """What the handler returned is no response of its payload format; the text says what is wrong."""


def check_status(value: Any) -> int:
    """`statusCode`: a whole number from 100 to 599, or its digits."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 200 <= value <= 599:
        raise BadResponseError(f"statusCode must be a number from 200 to 599, not {value!r}")
    return value


def response_headers(headers: Any, more: Iterable[tuple[str, Any]] = ()) -> Headers:
    """Names in lower case and values as text; raises `BadResponseError` for what HTTP does not allow."""
    if headers is None:
        headers = {}
    if not isinstance(headers, dict):
        raise BadResponseError(f"headers must be an object, not {type(headers).__name__}")
    checked: Headers = []
    for name, value in (*headers.items(), *more):
        if not _TOKEN.fullmatch(name):
            raise BadResponseError(f"{name!r} is no header name")
        if isinstance(value, bool):
            value = "true" if value else "false"
        if isinstance(value, int | float):
            value = str(value)
        if not isinstance(value, str) or _FORBIDDEN.search(value):
            raise BadResponseError(f"header {name} must be text without control characters")
        lower = name.lower()
        if lower not in _SERVERS_OWN:
            checked.append((lower, value))
    return checked
