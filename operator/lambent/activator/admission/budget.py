"""The bytes of payloads that one activator holds: events that wait or are under way, answers that have not come whole.

An event counts from its arrival until nobody can ask for it again: until its answer has come, its shim has read it whole without bouncing
it (large ones), or its caller has gone.
"""

from __future__ import annotations

from lambent.activator.admission.model import Failure
from lambent.api.reasons import PLATFORM_OVERLOADED


class Budget:
    """Changed by the methods here alone."""

    __slots__ = ("limit", "most", "refused", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self.most = 0
        """The most that was ever used."""
        self.refused = 0
        """How often there was no room."""

    def has_room(self, size: int, own: int) -> bool:
        """Whether a function that has `own` bytes may have so many more: no more in all than is left free then, so that none takes all."""
        return own + size <= self.limit - self.used - size

    def take(self, size: int) -> None:
        """So many bytes are held."""
        self.used += size
        if self.used > self.most:
            self.most = self.used

    def hold(self, size: int) -> bool:
        """Take so many bytes if there is room for them."""
        if self.used + size > self.limit:
            self.refused += 1
            return False
        self.take(size)
        return True

    def let_go(self, size: int) -> None:
        """So many bytes are held no longer."""
        self.used -= size

    def word_full(self, what: str, size: int) -> Failure:
        """Why something found no room."""
        asked = f" of {size} bytes" if size else ""
        message = (
            f"there is no room for {what}{asked}: payloads take {self.used} of the {self.limit} bytes that this activator may hold, "
            "and one function may have half of what the others leave; whoever installs Lambent can raise activator.payloads.maxMegabytes"
        )
        return Failure(PLATFORM_OVERLOADED, message, retry_after_seconds=1)
