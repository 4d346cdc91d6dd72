"""BECAME and INIT as shims may send them."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.activator.links.became import parse_became
from lambent.api import link as wire


def test_what_a_pod_has_become_is_read() -> None:
    became = parse_became({"ok": True, "function": "hello", "revision": "r1", "slots": 4, "error": ""})

    assert (became.ok, became.name, became.revision, became.slots, became.error) == (True, "hello", "r1", 4, "")


def test_a_pod_that_stays_generic_says_why() -> None:
    became = parse_became({"ok": False, "function": "", "revision": "", "error": "no space left"})

    assert (became.ok, became.name, became.error) == (False, "", "no space left")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"function": 5, "revision": "r", "slots": 1},
        {"function": "f", "revision": None, "slots": 1},
        {"function": "f", "revision": "r", "slots": 0},
        {"function": "f", "revision": "r", "slots": 1001},
        {"function": "f", "revision": "r", "slots": True},
        {"function": "f", "revision": "r"},
    ],
)
def test_what_is_of_another_shape_breaks_the_link(fields: dict[str, Any]) -> None:
    with pytest.raises(wire.FrameError, match="BECAME names no function"):
        parse_became(fields)
