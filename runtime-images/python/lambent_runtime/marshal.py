"""Events from JSON and results to JSON, byte for byte as AWS's runtime does (awslambdaric uses simplejson).

Where simplejson differs from the standard library: named tuples (anything with `_asdict()`) are objects, bytes are text, and AWS
writes a Decimal as a plain number. A result of plain values, nearly every one, goes through the C encoder at once; one that
holds anything else is first rewritten into plain values.
"""

from __future__ import annotations

import json
import math
from json.encoder import JSONEncoder, c_make_encoder, encode_basestring_ascii  # type: ignore[attr-defined]
from typing import Any

from lambent_runtime.errors import MARSHAL_ERROR, UNMARSHAL_ERROR, FaultError

_HEAP_TYPE = 1 << 9
"""Py_TPFLAGS_HEAPTYPE of CPython's object.h."""
_SCALARS = frozenset((str, int, float, bool, type(None)))
_encoder = JSONEncoder(check_circular=True, allow_nan=True)
_open_containers: dict[int, Any] = {}
"""The C encoder's own, to find a circle; empty again after each value that holds none."""
_encode_at_once = c_make_encoder and c_make_encoder(
    _open_containers, _encoder.default, encode_basestring_ascii, None, ": ", ", ", False, False, True
)
"""What JSONEncoder.encode builds for each value anew; None where Python has no C accelerator."""


def _refuse_constant(name: str) -> None:
    raise ValueError(f"Out of range float values are not JSON compliant: {name}")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)
"""Unlike the standard library's default, simplejson takes no NaN in."""


class _Number(str):
    """The text of a Decimal, to be written without quotes."""

    __slots__ = ()


class _Pairs(dict[Any, Any]):
    """A dictionary in which keys that differed have become equal (`"a"` and `b"a"`): simplejson writes each."""

    def __init__(self, pairs: list[tuple[Any, Any]]) -> None:
        super().__init__(pairs)
        self._pairs = pairs

    def items(self) -> Any:
        return self._pairs


def unmarshal_event(body: bytes) -> Any:
    """The event of a JSON body. Raises FaultError Runtime.UnmarshalError."""
    try:
        # As simplejson, UTF-8 alone, where a byte order mark may come first, even one that was encoded twice.
        return decode_whole(_decoder, body.decode().removeprefix("\ufeff").removeprefix("\xef\xbb\xbf"))
    except Exception as error:
        raise FaultError(UNMARSHAL_ERROR, f"Unable to unmarshal input: {error}") from error


def decode_whole(decoder: json.JSONDecoder, text: str) -> Any:
    """`decoder.decode(text)`, without its two searches for white space around an object that has none."""
    if text[:1] == "{":
        value, end = decoder.raw_decode(text)
        if end == len(text):
            return value
    return decoder.decode(text)


def marshal_result(result: Any) -> bytes:
    """The JSON of a handler's result; bytes pass as they are. Raises FaultError Runtime.MarshalError."""
    if isinstance(result, bytes):
        return result
    try:
        return to_json(result).encode()
    except Exception as error:
        raise FaultError(MARSHAL_ERROR, f"Unable to marshal response: {error}") from error


def to_json(value: Any) -> str:
    """JSON text in ASCII, NaN and Infinity allowed."""
    if is_plain(value):
        return _encode_plain(value)
    return "".join(_Encoder().iterencode(_rewrite(value, set()), _one_shot=True))


def _encode_plain(value: Any) -> str:
    if _encode_at_once is None:
        return _encoder.encode(value)
    try:
        return "".join(_encode_at_once(value, 0))
    except BaseException:
        _open_containers.clear()
        raise


def is_plain(value: Any) -> bool:
    """Whether the value holds nothing but None, bool, int, float, str, list, tuple and dict themselves, no class derived of them."""
    if type(value) is dict and _SCALARS.issuperset(map(type, value)) and _SCALARS.issuperset(map(type, value.values())):
        return True
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        item = waiting.pop()
        kind = type(item)
        if kind in _SCALARS:
            continue
        if id(item) in seen:
            continue
        seen.add(id(item))
        if kind is dict:
            if not _SCALARS.issuperset(map(type, item)):
                return False
            items = item.values()
        elif kind is list or kind is tuple:
            items = item
        else:
            return False
        if not _SCALARS.issuperset(map(type, items)):
            waiting.extend(items)
    return True


class _Encoder(JSONEncoder):
    def iterencode(self, o: Any, _one_shot: bool = False) -> Any:
        # The C encoder asks its string encoder for every string, which lets a Decimal's text through without quotes.
        if c_make_encoder is None:
            return super().iterencode(o, _one_shot)
        return c_make_encoder({}, self.default, _encode_text, None, ": ", ", ", False, False, True)(o, 0)


def _encode_text(text: str) -> str:
    return str(text) if type(text) is _Number else encode_basestring_ascii(text)


def _rewrite(value: Any, path: set[int]) -> Any:
    """Plain values for everything but what the encoder refuses itself."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, bytes):
        return str(value, "utf-8")
    if id(value) in path:
        raise ValueError("Circular reference detected")
    path.add(id(value))
    try:
        return _rewrite_container(value, path)
    finally:
        path.discard(id(value))


def _rewrite_container(value: Any, path: set[int]) -> Any:
    as_dictionary = getattr(value, "_asdict", None)
    if callable(as_dictionary) and not isinstance(value, type):
        fields = as_dictionary()
        if not isinstance(fields, dict):
            raise TypeError(f"_asdict() must return a dict, not {type(fields).__name__}")
        return _rewrite_dictionary(fields, path)
    if isinstance(value, (list, tuple)):
        return [_rewrite(item, path) for item in value]
    if isinstance(value, dict):
        return _rewrite_dictionary(value, path)
    from decimal import Decimal  # noqa: PLC0415 - 2 ms that few functions need

    if isinstance(value, Decimal):
        return math.nan if value.is_nan() else _Number(value)
    return value


def _rewrite_dictionary(fields: dict[Any, Any], path: set[int]) -> dict[Any, Any]:
    pairs = [(_rewrite_key(key), _rewrite(item, path)) for key, item in fields.items()]
    rewritten = dict(pairs)
    return rewritten if len(rewritten) == len(pairs) else _Pairs(pairs)


def _rewrite_key(key: Any) -> Any:
    if isinstance(key, bytes):
        return str(key, "utf-8")
    if key is None or isinstance(key, (str, int, float)):
        return key
    raise TypeError(f"keys must be str, int, float, bool or None, not {_c_name(type(key))}")


def _c_name(kind: type) -> str:
    """A type's name as C code sees it, simplejson's too: with its module where it is itself made in C (`decimal.Decimal`)."""
    made_in_python = kind.__flags__ & _HEAP_TYPE
    return kind.__name__ if made_in_python or kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
