"""What activators push is read whole, or refused with the field that is wrong."""

from __future__ import annotations

import re
from typing import Any

import pytest

from lambent.api.fields import InvalidSpecError
from lambent.autoscaler.statistics import FunctionKey, Push, Report, parse_push


def a_push(**changes: Any) -> dict[str, Any]:
    function = {"namespace": "default", "name": "hello", "concurrency": 2.5, "queued": 1, "requests": 7, "ready": 2}
    return {"activator": "a-1", "sequence": 9, "intervalSeconds": 0.2, "functions": [function]} | changes


def test_a_push_is_read() -> None:
    assert parse_push(a_push()) == Push("a-1", 9, 0.2, (Report(FunctionKey("default", "hello"), 2.5, 1, 7, 2),))


def test_a_heartbeat_and_fields_of_later_versions_are_fine() -> None:
    assert parse_push(a_push(functions=[], later="x")).reports == ()
    assert parse_push({"activator": "a-1", "sequence": 0}).reports == ()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], ": [] is not allowed; use an object"),
        (None, ": 'null' is not allowed; use an object"),
        (a_push(activator=""), "activator: '' is not allowed; use a string that is not empty"),
        (a_push(sequence=None), "sequence: None is not allowed; use a whole number from 0"),
        (a_push(sequence=-1), "sequence: -1 is not allowed; use a whole number from 0 to"),
        (a_push(intervalSeconds=61), "intervalSeconds: 61 is not allowed; use a number from 0.0 to 60.0"),
        (a_push(functions={}), "functions: {} is not allowed; use a list"),
        (a_push(functions=[{"namespace": "default"}]), "functions[0].name: None is not allowed"),
        (a_push(functions=[{"namespace": "d", "name": "h", "concurrency": -1}]), "functions[0].concurrency: -1 is not allowed"),
        (a_push(functions=[{"namespace": "d", "name": "h", "concurrency": float("nan")}]), "functions[0].concurrency: nan is not allowed"),
        (a_push(functions=[{"namespace": "d", "name": "h", "queued": 0.5}]), "functions[0].queued: 0.5 is not allowed"),
    ],
)
def test_what_is_wrong_is_named(body: object, message: str) -> None:
    with pytest.raises(InvalidSpecError, match=re.escape(message)):
        parse_push(body)
