"""Bodies and queries as the payload formats write them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

# Made once: `json.dumps` with settings of its own makes an encoder for each call, and `json.loads` of bytes guesses their encoding.
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
_DECODER = json.JSONDecoder()
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
    return _ENCODER.encode(event).encode("utf-8", "replace")


def decode_result(payload: bytes) -> Any:
    """A handler's result; raises ValueError where it is no JSON in UTF-8."""
    return _DECODER.decode(payload.decode())


def _decode(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8", "replace") if "%" in text or "+" in text else text
