"""Requests' targets taken apart and responses' heads put together. Pure."""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

from lambent.activator.http import HttpResponse

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
_BODILESS = (204, 304)


class Target(NamedTuple):
    """A request target's parts; `authority` is set where it was in absolute form."""

    path: str
    query: str
    authority: str = ""


@lru_cache(maxsize=4096)
def split_target(target: bytes) -> Target | None:
    """A target in origin, absolute or asterisk form (RFC 9112, 3.2), without fragment; None where it is none of them.

    The same few targets come again and again, so answers are kept.
    """
    text = target.decode("latin-1").partition("#")[0]
    authority = ""
    if not text.startswith("/") and text != "*":
        scheme, colons, rest = text.partition("://")
        if not colons or scheme.lower() not in ("http", "https"):
            return None
        end = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
        authority, text = rest[:end], rest[end:]
        if not authority:
            return None
        if not text.startswith("/"):
            text = "/" + text
    path, _, query = text.partition("?")
    return Target(path, query, authority)


def encode_head(response: HttpResponse, date: str, *, keep_alive: bool, http_1_0: bool = False) -> bytes:
    """Status line and headers. Values are latin-1 where they can be, else UTF-8, as browsers read them."""
    status = response.status
    text = _STATUS_LINES.get(status) or f"HTTP/1.1 {status} Unknown\r\n"
    for name, value in response.headers:
        text += f"{name}: {value}\r\n"
    if status != 204:
        text += f"content-length: {len(response.body)}\r\n"
    if not keep_alive:
        text += "connection: close\r\n"
    elif http_1_0:
        text += "connection: keep-alive\r\n"
    text += f"date: {date}\r\n\r\n"
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def body_to_send(response: HttpResponse, *, head_only: bool) -> bytes:
    """The body as far as HTTP lets it be sent (RFC 9110, 6.4.1)."""
    return b"" if head_only or response.status in _BODILESS else response.body
