"""Bodies and queries as the payload formats write them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson

_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
_LONG_NUMBER = re.compile(rb"[0-9]{19}")
"""What may be an integer over 64 bits, which orjson reads as a float."""
_TEXT_TYPES = ("text", "json", "xml", "javascript")


def encode_body(body: bytes, content_type: str, content_encoding: str) -> tuple[str, bool]:
    """(text, is base64): text types that are UTF-8 go as they are, as does a body of no type; everything else is base64."""
    lower = content_type.lower()
    if not content_encoding and (not lower or any(part in lower for part in _TEXT_TYPES)):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode("ascii"), True


def parse_query(query: str) -> list[tuple[str, str]]:
    """Pairs in order, decoded; a name without `=` has the empty value, bytes that are no UTF-8 are replaced."""
    pairs = []
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            pairs.append((_decode(name), _decode(value)))
    return pairs


def join_pairs(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Values of one name joined with commas, as payload format 2.0 has them."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def collect_pairs(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Values of one name in a list, as payload format 1.0 has them."""
    collected: dict[str, list[str]] = {}
    for name, value in pairs:
        collected.setdefault(name, []).append(value)
    return collected


def encode_event(event: object) -> bytes:
    """An event as UTF-8 JSON without spaces."""
    return orjson.dumps(event)


def decode_result(payload: bytes) -> Any:
    """A handler's result; raises ValueError, which says what is wrong, where it is no JSON in UTF-8 that can be held.

    What orjson refuses or cannot hold, Python's own reader may still take, as handlers' writer does: NaN, lone surrogates.
    """
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return _decode_by_python(payload)


def compact(payload: bytes, member: str = "") -> bytes:
    """`payload`, or one member of the object in it, as JSON without spaces; numbers keep their value, integers of any size too.

    Raises ValueError, which says what is wrong, where it cannot be written.
    """
    if not _LONG_NUMBER.search(payload):
        try:
            value = orjson.loads(payload)
            return orjson.dumps(value[member] if member else value)
        except (orjson.JSONDecodeError, TypeError):
            # What orjson does not hold (NaN, lone surrogates), or does not write: nested more than 254 deep.
            pass
    value = _decode_by_python(payload)
    try:
        return _ENCODER.encode(value[member] if member else value).encode("utf-8", "replace")
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _decode_by_python(payload: bytes) -> Any:
    try:
        return json.loads(payload.decode())
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _decode(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8", "replace") if "%" in text or "+" in text else text
