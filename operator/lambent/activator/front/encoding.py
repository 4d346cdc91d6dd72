"""Requests' targets taken apart and responses' heads put together. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

from lambent.activator.http import HttpResponse

CACHED_BYTES = 256
"""Longer keys are not kept: whoever sends them sends a different one each time, and fills a cache for nothing."""
CACHED_ENTRIES = 1024
"""A cache's entries; one of targets takes a kibibyte at most, one of hosts half of that."""
MAX_HOST_BYTES = 255
"""The longest name there is in DNS (RFC 1035, 2.3.4), which no port makes longer."""

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
_BODILESS = (204, 205, 304)
# uri-host [":" port] of RFC 9112, 3.2, without the commas that RFC 3986 has in names: no host has one, but two Host headers joined do.
_AUTHORITY = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+;=%]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")


class Target(NamedTuple):
    """A request target's parts; `authority` is set where it was in absolute form."""

    path: str
    query: str
    authority: str = ""


def split_target(target: bytes) -> Target | None:
    """A target in origin, absolute or asterisk form (RFC 9112, 3.2), without fragment; None where it is none of them.

    The same few targets come again and again, so answers are kept.
    """
    return split_short_target(target) if len(target) <= CACHED_BYTES else _split_target(target)


def is_authority(text: str) -> bool:
    """Whether a Host header may say so: a host, perhaps a port; an empty one too (RFC 9112, 3.2). Answers are kept, as above."""
    return len(text) <= MAX_HOST_BYTES and is_short_authority(text)


@lru_cache(maxsize=CACHED_ENTRIES)
def split_short_target(target: bytes) -> Target | None:
    """The same as `split_target`, kept."""
    return _split_target(target)


@lru_cache(maxsize=CACHED_ENTRIES)
def is_short_authority(text: str) -> bool:
    """The same as `is_authority`, kept."""
    return _AUTHORITY.fullmatch(text) is not None


def _split_target(target: bytes) -> Target | None:
    text = target.decode("latin-1").partition("#")[0]
    authority = ""
    if not text.startswith("/") and text != "*":
        scheme, colons, rest = text.partition("://")
        if not colons or scheme.lower() not in ("http", "https"):
            return None
        end = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
        authority, text = rest[:end], rest[end:]
        if not authority or not is_authority(authority):
            return None
        if not text.startswith("/"):
            text = "/" + text
    path, _, query = text.partition("?")
    return Target(path, query, authority)


def encode_head(response: HttpResponse, date: str, *, keep_alive: bool, http_1_0: bool = False) -> bytes:
    """Status line and headers. Values are latin-1 where they can be, else UTF-8, as browsers read them.

    Raises ValueError for a header that would end its line and begin another: whoever wrote it, it goes no further.
    """
    status = response.status
    text = _STATUS_LINES.get(status) or f"HTTP/1.1 {status} Unknown\r\n"
    dated = False
    for name, value in response.headers:
        if name == "date":
            dated = True
        text += f"{name}: {value}\r\n"
    lines = len(response.headers) + 1
    if text.count("\n") != lines or text.count("\r") != lines:
        raise ValueError("a header holds a line break")
    if status == 205:
        text += "content-length: 0\r\n"
    elif status != 204 and status != 304:
        # 304 may only name the length of what it stands for (RFC 9110, 8.6), which is not known here.
        text += f"content-length: {len(response.body)}\r\n"
    if not keep_alive:
        text += "connection: close\r\n"
    elif http_1_0:
        text += "connection: keep-alive\r\n"
    text += "\r\n" if dated else f"date: {date}\r\n\r\n"
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def body_to_send(response: HttpResponse, *, head_only: bool) -> bytes:
    """The body as far as HTTP lets it be sent (RFC 9110, 6.4.1)."""
    return b"" if head_only or response.status in _BODILESS else response.body
