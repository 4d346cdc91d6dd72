"""The comparison that decides whether an example holds."""

from typing import Any

import pytest

from tests.support.examples import EXAMPLES, load_examples
from tests.support.matching import differences


@pytest.mark.parametrize(
    ("expected", "actual"),
    [({}, {"a": 1}), ({"a": 1}, {"a": 1, "b": 2}), ([{"a": 1}], [{"a": 1, "b": 2}]), (1, 1.0), (None, None), ("x", "x")],
)
def test_what_is_named_holds_and_the_rest_is_free(expected: Any, actual: Any) -> None:
    assert list(differences(expected, actual)) == []


@pytest.mark.parametrize(
    ("expected", "actual", "said"),
    [
        ({"a": 1}, {"b": 1}, "$.a: missing"),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "$.a.b: expected 1, got 2"),
        ({"a": 1}, [1], "$: expected an object, got [1]"),
        ([1, 2], [1], "$: expected [1, 2], got [1]"),
        ([1, 2], [1, 3], "$[1]: expected 2, got 3"),
        (True, 1, "$: expected True, got 1"),
        ("1", 1, "$: expected '1', got 1"),
    ],
)
def test_a_difference_is_named_with_its_place(expected: Any, actual: Any, said: str) -> None:
    assert list(differences(expected, actual)) == [said]


def test_every_folder_of_examples_has_its_calls_and_is_in_the_list() -> None:
    folders = {path.name for path in EXAMPLES.iterdir() if path.is_dir()}
    examples = load_examples()
    listed = (EXAMPLES / "README.md").read_text(encoding="utf-8")

    assert {example.name for example in examples} == folders
    assert [example.name for example in examples if not example.calls] == []
    assert [name for name in folders if f"]({name})" not in listed or not (EXAMPLES / name / "README.md").exists()] == []
