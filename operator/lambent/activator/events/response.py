"""Parts of a handler's HTTP response that both payload formats share, checked so that nothing harmful reaches the wire."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from lambent.activator.http import Headers

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# What says how one connection is used is the server's alone (RFC 9110, 7.6.1; RFC 9112, 6): a handler's would contradict it.
_DROPPED = frozenset({"keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"})
# Who reads these takes them for the platform's own word. API Gateway sends a handler's by another name, and so do we.
_REMAPPED = frozenset({"connection", "content-length", "date", "server-timing", "x-amzn-requestid", "x-amzn-trace-id"})
_REMAPPED_PREFIX = "x-amzn-remapped-"
_OUR_PREFIX = "x-lambent-"
MAX_HEADERS = 256
MAX_HEADER_BYTES = 64 * 1024
_MAX_STATUS_DIGITS = 8
_SHOWN = 100
"""Characters of a wrong value that a message repeats."""


class BadResponseError(ValueError):
    """What the handler returned is no response of its payload format; the text says what is wrong."""


def check_status(value: Any) -> int:
    """`statusCode`: a whole number from 200 to 599, or its digits."""
    if isinstance(value, str) and len(value) <= _MAX_STATUS_DIGITS and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 200 <= value <= 599:
        raise BadResponseError(f"statusCode must be a number from 200 to 599, not {shown(value)}")
    return value


def shown(value: Any) -> str:
    """A value of the wrong kind for a message: the beginning of it where it is long."""
    if isinstance(value, dict | list):
        return "a JSON " + ("object" if isinstance(value, dict) else "array")
    if isinstance(value, int) and abs(value) >= 10**_SHOWN:
        # Python refuses to write a number of more than 4,300 digits.
        return f"a number of over {_SHOWN} digits"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"


def response_headers(headers: Any, more: Iterable[tuple[str, Any]] = ()) -> Headers:
    """Names in lower case and values as text, without those that are null; raises `BadResponseError` for what HTTP does not allow.

    A header by a name that is Lambent's own goes out as `x-amzn-remapped-NAME`
    (source: "Amazon API Gateway important notes", API Gateway Developer Guide).
    """
    if headers is None:
        headers = {}
    if not isinstance(headers, dict):
        raise BadResponseError(f"headers must be an object, not {type(headers).__name__}")
    checked: Headers = []
    size = 0
    for name, value in (*headers.items(), *more):
        if value is None:
            continue
        if not _TOKEN.fullmatch(name):
            raise BadResponseError(f"{shown(name)} is no header name")
        if isinstance(value, bool):
            value = "true" if value else "false"
        elif isinstance(value, int):
            value = str(value) if abs(value) < 10**_SHOWN else None
        elif isinstance(value, float):
            value = str(value)
        if not isinstance(value, str) or _FORBIDDEN.search(value):
            raise BadResponseError(f"header {shown(name)} must be text without control characters, or a number of up to {_SHOWN} digits")
        lower = name.lower()
        if lower in _DROPPED:
            continue
        if lower in _REMAPPED or lower.startswith(_OUR_PREFIX):
            lower = _REMAPPED_PREFIX + lower
        size += len(lower) + len(value) + 4
        if size > MAX_HEADER_BYTES or len(checked) >= MAX_HEADERS:
            raise BadResponseError(f"headers are over {MAX_HEADER_BYTES} bytes or {MAX_HEADERS} lines")
        checked.append((lower, value))
    return checked
