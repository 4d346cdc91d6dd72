"""When those who are to come again later are told so: a few at once, the rest within a second.

A client that is refused at once asks again at once. Some thousands of such take all of an activator's time, and those who are served,
and their pods, get what is left. A refusal that is held for a moment costs next to nothing, and its client asks less often.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

AT_ONCE: Final = 50
"""Refusals that are told in each step: a thousand a second."""
STEP_SECONDS: Final = 0.05
LONGEST_SECONDS: Final = 1.0
"""Nobody waits longer for a refusal than it tells to stay away (`Retry-After: 1`)."""


class Clock(Protocol):
    """As much of an event loop as is needed."""

    def time(self) -> float:
        """Seconds."""

    def call_later(self, delay: float, callback: Callable[[], None], /) -> object:
        """Call it after that many seconds."""


class RefusalPacer:
    """Holds what tells a refusal; one for each connection at most, as a connection has one request answered at a time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: deque[tuple[float, Callable[[], None]]] = deque()
        self._told = 0
        """In this step."""
        self._stepping = False

    @property
    def held(self) -> int:
        """How many are held."""
        return len(self._held)

    def tell(self, refusal: Callable[[], None]) -> None:
        """Call it: now, or within LONGEST_SECONDS where many are told."""
        if not self._stepping:
            self._stepping = True
            self._clock.call_later(STEP_SECONDS, self._step)
        if self._told < AT_ONCE and not self._held:
            self._told += 1
            refusal()
        else:
            self._held.append((self._clock.time() + LONGEST_SECONDS, refusal))

    def _step(self) -> None:
        now = self._clock.time()
        self._told = 0
        due = []
        while self._held and (self._told < AT_ONCE or self._held[0][0] <= now):
            self._told += 1
            due.append(self._held.popleft()[1])
        self._stepping = bool(due)
        if due:
            self._clock.call_later(STEP_SECONDS, self._step)
        for refusal in due:
            refusal()
