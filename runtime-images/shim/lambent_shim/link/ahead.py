"""Invocations that were sent ahead of a slot, for as long as they wait here for one: so that a worker that is free finds the next at once.

Not for long: another pod may be free by then, and what has not started can still be served there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from lambent_shim.link.invocation import Invocation

KEEP_SECONDS: Final = 0.02
"""Longer than four of the invocations for which an activator sends ahead take."""


class Kept:
    """In order of arrival; `give_up` is called with each that has waited for `seconds`, when it is here no more."""

    def __init__(self, give_up: Callable[[Invocation], None], seconds: float) -> None:
        self._give_up = give_up
        self._seconds = seconds
        self._until: dict[Invocation, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, invocation: Invocation) -> None:
        """One more. One timer serves all: it is for the one that has waited longest when it is set."""
        loop = asyncio.get_running_loop()
        self._until[invocation] = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._look)

    def drop(self, invocation: Invocation) -> bool:
        """It waits here no more; False: it did not."""
        return self._until.pop(invocation, None) is not None

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        for invocation, until in list(self._until.items()):
            if until > loop.time():
                self._timer = loop.call_at(until, self._look)
                return
            del self._until[invocation]
            self._give_up(invocation)
