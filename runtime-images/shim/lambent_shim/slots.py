"""The arbiter of a pod's slots: at most N invocations at once, whatever the activators believe. Pure and synchronous.

Rules: docs/runtime-contract.md, "Slots". An invocation holds its slot from the first frame of its INVOKE until `finish`, also when its
link is gone meanwhile. Each method changes the state and returns what to send.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Generic, NamedTuple, TypeVar

Link = TypeVar("Link")


class Finish(NamedTuple, Generic[Link]):
    """What a freed slot leads to."""

    again: bool
    """The slot stays with the link of the invocation (RESULT's flag AGAIN)."""
    grant: Link | None
    """The link to send a GRANT of one slot to."""


_AGAIN: Finish[Any] = Finish(again=True, grant=None)
_GONE: Finish[Any] = Finish(again=False, grant=None)


class Slots(Generic[Link]):
    """N slots: running, reserved for a link by a GRANT, or free."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._running = 0
        self._reserved: dict[Link, int] = {}
        self._queue: deque[Link] = deque()
        self._draining = False

    @property
    def running(self) -> int:
        """Invocations that hold a slot."""
        return self._running

    @property
    def reserved(self) -> int:
        """Slots granted and not yet used."""
        return sum(self._reserved.values())

    @property
    def free(self) -> int:
        """Slots that any INVOKE may take."""
        return self.total - self._running - self.reserved

    @property
    def waiting(self) -> tuple[Link, ...]:
        """Links that wait for a slot, first come first."""
        return tuple(self._queue)

    def resize(self, total: int) -> list[Link]:
        """There are so many from now on, none fewer than are in use: the links to grant one slot each."""
        self.total = total
        return self._grant_free()

    def take(self, link: Link) -> bool:
        """An INVOKE has come. False: bounce it; the link now waits (unless the shim drains)."""
        if self._draining:
            return False
        if link in self._reserved:
            self._unreserve(link, 1)
        elif self.free <= 0:
            self._enqueue(link)
            return False
        self._running += 1
        return True

    def finish(self, link: Link | None, *, wants_more: bool) -> Finish[Link]:
        """An invocation has ended. `link` is None when its link is gone; `wants_more` is its INVOKE's flag WAITING."""
        self._running -= 1
        if self._draining:
            return _GONE
        if not self._queue:
            return _AGAIN
        # Also where it is the same link: only a GRANT tells an activator that the slot is kept for it, to be used or returned.
        first = self._queue.popleft()
        self._reserve(first)
        if link is not None and wants_more and first != link:
            self._enqueue(link)
        return Finish(again=False, grant=first)

    def want(self, link: Link) -> list[Link]:
        """WANT has come: the links to grant one slot each."""
        self._enqueue(link)
        return self._grant_free()

    def give_back(self, link: Link, count: int) -> list[Link]:
        """RETURN has come: the links to grant one slot each."""
        self._unreserve(link, count)
        return self._grant_free()

    def close(self, link: Link) -> list[Link]:
        """The link is gone, with its place and its reservations: the links to grant one slot each."""
        self._reserved.pop(link, None)
        if link in self._queue:
            self._queue.remove(link)
        return self._grant_free()

    def drain(self) -> None:
        """Take nothing more; what runs still holds its slot."""
        self._draining = True
        self._queue.clear()
        self._reserved.clear()

    def _grant_free(self) -> list[Link]:
        granted: list[Link] = []
        while self._queue and self.free > 0:
            first = self._queue.popleft()
            self._reserve(first)
            granted.append(first)
        return granted

    def _enqueue(self, link: Link) -> None:
        if not self._draining and link not in self._queue:
            self._queue.append(link)

    def _reserve(self, link: Link) -> None:
        self._reserved[link] = self._reserved.get(link, 0) + 1

    def _unreserve(self, link: Link, count: int) -> None:
        left = self._reserved.pop(link, 0) - count
        if left > 0:
            self._reserved[link] = left
