"""Keeps processes that are forked from one another from drawing the same random numbers.

Python sees to its own `random` after a fork; numpy does not, and where a pool pod has imported it ahead, all children have its state.
"""

from __future__ import annotations

import sys
from typing import Any

_seeded: list[Any] = []
"""numpy's state as this module has left it last."""


def seed_numpy() -> None:
    """In a new process: numpy's global generator begins anew, unless user code has drawn from it or has seeded it."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is None or not hasattr(numpy_random, "get_state"):
        return
    if not _seeded or _describe(numpy_random.get_state()) == _seeded[0]:
        numpy_random.seed()
        _seeded[:] = [_describe(numpy_random.get_state())]


def _describe(state: Any) -> tuple[object, ...]:
    return tuple(part.tobytes() if hasattr(part, "tobytes") else part for part in state)
