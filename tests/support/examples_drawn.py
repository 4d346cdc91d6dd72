"""How many examples property tests draw: the same ones in every `make test`, many others in `make hunt`."""

from __future__ import annotations

import os

from hypothesis import settings

FACTOR = int(os.environ.get("LAMBENT_EXAMPLES_FACTOR", "1"))
"""`make hunt` sets it. At 1 the examples are the same in every run, so that a test turns red by a change and not by chance."""


def examples(count: int) -> int:
    """Return how many examples a test draws that draws `count` in `make test`."""
    return count * FACTOR


def load_profile() -> None:
    """Set what every property test starts from. No deadline: a slow machine is not a fault."""
    settings.register_profile("lambent", max_examples=examples(100), derandomize=FACTOR == 1, deadline=None)
    settings.load_profile("lambent")
