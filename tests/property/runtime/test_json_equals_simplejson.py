"""Results become JSON exactly as under awslambdaric, whose encoder is simplejson's with Decimals as numbers."""

from __future__ import annotations

import collections
import math
from decimal import Decimal
from typing import Any

import simplejson
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lambent_runtime.marshal import is_plain, to_json
from tests.support.examples_drawn import examples

Pair = collections.namedtuple("Pair", "left right")  # noqa: PYI024


class Oracle(simplejson.JSONEncoder):  # type: ignore[misc]
    def default(self, o: Any) -> Any:
        if isinstance(o, Decimal):
            return math.nan if o.is_nan() else simplejson.raw_json.RawJSON(str(o))
        return super().default(o)


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
SCALARS = PLAIN | st.decimals() | st.text().map(lambda text: text.encode("utf-8", "replace")) | st.binary(max_size=4)
KEYS = st.text() | st.integers() | st.floats() | st.booleans() | st.none()


def nested(leaves: st.SearchStrategy[Any], keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4) | st.tuples(inner, inner) | st.builds(Pair, inner, inner)
        ),
        max_leaves=12,
    )


def outcome(encode: Any, value: Any) -> str:
    try:
        return "fine: " + encode(value)
    except Exception as error:  # noqa: BLE001 - the message is what is compared
        return f"{type(error).__name__}: {error}"


@settings(max_examples=examples(400))
@example({"a": 1, b"a": 2})
@given(nested(SCALARS, KEYS | st.binary(max_size=3) | st.tuples(st.integers())))
def test_any_value(value: Any) -> None:
    oracle = Oracle(use_decimal=False, allow_nan=True).encode
    assert outcome(to_json, value) == outcome(oracle, value)


def test_a_circle_leaves_nothing_behind() -> None:
    value: list[Any] = [1]
    value.append(value)
    for _ in range(2):
        assert outcome(to_json, value) == "ValueError: Circular reference detected"
    value.pop()
    assert to_json([value, value]) == "[[1], [1]]"


@given(nested(PLAIN, KEYS))
def test_what_is_called_plain_holds_no_named_tuple(value: Any) -> None:
    assert is_plain(value) == ("Pair(" not in repr(value) or not _holds_pair(value))


def _holds_pair(value: Any) -> bool:
    if isinstance(value, Pair):
        return True
    items = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return any(_holds_pair(item) for item in items)
