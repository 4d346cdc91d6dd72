"""Waiting with a deadline: no test sleeps and hopes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(condition: Callable[[], T | None], what: str, seconds: float = 30.0, interval: float = 0.1) -> T:
    """The first true value of `condition`, asked every `interval` seconds; fails with `what` and the last value after `seconds`.

    An AssertionError that `condition` raises counts as "not yet", and its text is shown if it never passes.
    """
    deadline = time.monotonic() + seconds
    last: object = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = value
        except AssertionError as error:
            last = error
        if time.monotonic() >= deadline:
            raise AssertionError(f"waited {seconds:g} s for {what}; last seen: {last!r}")
        time.sleep(interval)
