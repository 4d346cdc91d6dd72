"""The arbiter of a pod's slots: at most N invocations at once, whatever the activators believe. Pure and synchronous.

Rules: docs/runtime-contract.md, "Slots". An invocation holds its slot from the first frame of its INVOKE until `finish`, also when its
link is gone meanwhile. One that was sent ahead of a slot may be kept until one is free. Each method changes the state and returns what to
send or to start.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Any, Final, Generic, NamedTuple, TypeVar

Link = TypeVar("Link")


class Took(Enum):
    """What became of an INVOKE."""

    SLOT = "slot"
    """It has a slot: start it."""
    KEPT = "kept"
    """It waits here for the next slot; a `Finish` will name it."""
    NOTHING = "nothing"
    """Bounce it; its link waits for a GRANT (unless the shim drains)."""


class Finish(NamedTuple, Generic[Link]):
    """What a freed slot leads to; at most one of these."""

    again: bool
    """The slot stays with the link of the invocation (RESULT's flag AGAIN)."""
    grant: Link | None
    """The link to send a GRANT of one slot to."""
    start: Any = None
    """The kept invocation that has the slot now."""


_AGAIN: Final[Finish[Any]] = Finish(again=True, grant=None)
_GONE: Final[Finish[Any]] = Finish(again=False, grant=None)


class Turn(NamedTuple, Generic[Link]):
    """A slot is free for whoever has waited longest."""

    link: Link
    invocation: Any
    """What is to be started; None: send the link a GRANT of one slot."""


class _Place(Generic[Link]):
    """In the queue: a link that waits for a GRANT, or a kept invocation."""

    __slots__ = ("invocation", "link", "stays")

    def __init__(self, link: Link, invocation: Any = None) -> None:
        self.link = link
        self.invocation = invocation
        self.stays = False
        """Whether the link goes on waiting once its kept invocation has started: its activator has been led to believe so."""


class Slots(Generic[Link]):
    """N slots: running, reserved for a link by a GRANT, or free; and who waits for one: each link once, and what is kept of it."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._running = 0
        self._reserved: dict[Link, int] = {}
        self._queue: deque[_Place[Link]] = deque()
        self._plain: dict[Link, _Place[Link]] = {}
        """Places of links that wait for a GRANT."""
        self._kept: dict[Link, list[_Place[Link]]] = {}
        """Places of kept invocations, first come first."""
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
        """Whose turn it is next, first come first: links, once for each place."""
        return tuple(place.link for place in self._queue)

    def kept(self, link: Link) -> int:
        """Invocations of the link that are kept."""
        return len(self._kept.get(link, ()))

    def has_place(self, link: Link) -> bool:
        """Whether the link has the one that lasts until it gets a GRANT."""
        return link in self._plain or any(place.stays for place in self._kept.get(link, ()))

    def resize(self, total: int) -> list[Turn[Link]]:
        """There are so many from now on, none fewer than are in use: whose turn it is."""
        self.total = total
        return self._fill()

    def take(self, link: Link, invocation: Any = None) -> Took:
        """An INVOKE has come; `invocation`: what to keep of it if no slot is free, where it was sent ahead.

        Of one link as many are kept as there are slots.
        """
        if self._draining:
            return Took.NOTHING
        if link in self._reserved:
            self._unreserve(link, 1)
        elif self.free <= 0:
            if invocation is None or self.kept(link) >= self.total:
                self._wait(link)
                return Took.NOTHING
            self._keep(link, invocation)
            return Took.KEPT
        self._running += 1
        return Took.SLOT

    def finish(self, link: Link | None, *, wants_more: bool) -> Finish[Link]:
        """An invocation has ended. `link` is None when its link is gone; `wants_more` is its INVOKE's flag WAITING."""
        self._running -= 1
        if self._draining:
            return _GONE
        if not self._queue:
            return _AGAIN
        first, invocation = self._next()
        # Also where it is the same link: only a GRANT tells an activator that the slot is kept for it, to be used or returned.
        granted = first if invocation is None else None
        if link is not None and wants_more and granted != link:
            self._wait(link)
        return Finish(again=False, grant=granted, start=invocation)

    def let_go(self, link: Link, invocation: Any, *, wait: bool) -> None:
        """An invocation is kept no longer and has not started; `wait`: it is bounced, so that the link waits in its place."""
        place = next(place for place in self._kept[link] if place.invocation == invocation)
        self._forget(place)
        if place.stays or (wait and not self.has_place(link)):
            place.invocation = None
            place.stays = False
            self._plain[link] = place
        else:
            self._queue.remove(place)

    def want(self, link: Link) -> list[Turn[Link]]:
        """WANT has come: whose turn it is."""
        self._wait(link)
        return self._fill()

    def give_back(self, link: Link, count: int) -> list[Turn[Link]]:
        """RETURN has come: whose turn it is."""
        self._unreserve(link, count)
        return self._fill()

    def close(self, link: Link) -> list[Turn[Link]]:
        """The link is gone, with its places, what was kept of it, and its reservations: whose turn it is."""
        self._reserved.pop(link, None)
        self._plain.pop(link, None)
        self._kept.pop(link, None)
        self._queue = deque(place for place in self._queue if place.link != link)
        return self._fill()

    def drain(self) -> list[Any]:
        """Take nothing more; what runs still holds its slot. The kept invocations, to be bounced."""
        self._draining = True
        kept = [place.invocation for place in self._queue if place.invocation is not None]
        self._queue.clear()
        self._plain.clear()
        self._kept.clear()
        self._reserved.clear()
        return kept

    def _fill(self) -> list[Turn[Link]]:
        turns: list[Turn[Link]] = []
        while self._queue and self.free > 0:
            turns.append(self._next())
        return turns

    def _next(self) -> Turn[Link]:
        """Give a free slot to the first in the queue."""
        place = self._queue.popleft()
        link = place.link
        if place.invocation is None:
            del self._plain[link]
            self._reserved[link] = self._reserved.get(link, 0) + 1
            return Turn(link, None)
        self._running += 1
        self._forget(place)
        if place.stays:
            self._wait(link)
        return Turn(link, place.invocation)

    def _wait(self, link: Link) -> None:
        """See to it that the link has one place until it gets a GRANT: two would lead to two of them."""
        if self._draining or self.has_place(link):
            return
        kept = self._kept.get(link)
        if kept:
            kept[-1].stays = True
        else:
            place = self._plain[link] = _Place(link)
            self._queue.append(place)

    def _keep(self, link: Link, invocation: Any) -> None:
        """In the link's place, where it has one: it has waited there since."""
        place = self._plain.pop(link, None)
        if place is None:
            place = _Place(link)
            self._queue.append(place)
        else:
            place.stays = True
        place.invocation = invocation
        self._kept.setdefault(link, []).append(place)

    def _forget(self, place: _Place[Link]) -> None:
        kept = self._kept[place.link]
        kept.remove(place)
        if not kept:
            del self._kept[place.link]

    def _unreserve(self, link: Link, count: int) -> None:
        left = self._reserved.pop(link, 0) - count
        if left > 0:
            self._reserved[link] = left
