"""Bodies and queries as the payload formats write them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson

_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
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
    """A handler's result; raises ValueError where it is no JSON in UTF-8.

    What orjson refuses or cannot hold, Python's own reader may still take, as handlers' writer does: NaN, lone surrogates.
    """
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return json.loads(payload.decode())


def encode_member(payload: bytes, name: str) -> bytes:
    """One member of the object in `payload`, as JSON; read anew by Python's reader, which keeps integers of any size."""
    return _ENCODER.encode(json.loads(payload.decode())[name]).encode("utf-8", "replace")


def _decode(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8", "replace") if "%" in text or "+" in text else text
