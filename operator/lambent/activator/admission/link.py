"""What an activator knows of one pod: its link's credit, and the shelf that finds the least-loaded one with some left."""

from __future__ import annotations

from lambent.activator.admission.model import Failure, FunctionKey, Invocation, PoolKey

_NUMBERS = 0xFFFFFFFF
_FAILED_RANK = 100
"""Pods that failed to initialise come after all others."""


class Link:
    """One pod's link. `credit` is how many invocations it is believed to take now; its shim may know better and bounce one."""

    __slots__ = (
        "ahead",
        "asked_at",
        "born",
        "claimed",
        "credit",
        "doubted",
        "draining",
        "failure",
        "forgotten",
        "function",
        "ghosts",
        "held",
        "in_flight",
        "initialized",
        "last_number",
        "level",
        "number",
        "rank",
        "revision",
        "slots",
        "wanting",
    )

    def __init__(self, number: int, function: FunctionKey, revision: str, slots: int) -> None:
        self.number = number
        self.function = function
        self.revision = revision
        self.slots = slots
        self.credit = 0
        self.ahead = False
        """Whether its shim keeps invocations that come ahead of a slot."""
        self.initialized = False
        self.failure: Failure | None = None
        """How its last initialisation failed."""
        self.draining = False
        self.wanting = False
        """Whether it surely has a place in its shim's queue of waiting links, or will have when our last frame has arrived."""
        self.rank: int | None = None
        """Preference by revision, 0 first; None: not to be used."""
        self.in_flight: dict[int, Invocation] = {}
        self.ghosts: dict[int, float] = {}
        """Started invocations whose caller has gone, by the time they have ended at the latest: they still hold their slots."""
        self.forgotten: dict[int, float] = {}
        """Invocations that were cancelled before their last byte had left, until their shim has said so, by when it has at the latest."""
        self.doubted = False
        """Whether nobody knows if it is still there; nothing is sent to it until it has said so."""
        self.claimed = 0
        """Slots that its pod says it has, where nobody else has said so: no more than the Function's are believed. 0: they are proved."""
        self.level: tuple[int, int] | None = None
        self.last_number = 0
        self.born: PoolKey | None = None
        """The pool it comes from; its `function` has no name until it has become one, or was asked to."""
        self.asked_at = 0.0
        """When this activator asked it to become the function; 0 where it did not, or has the answer."""
        self.held = False
        """Whether this activator took it from its pool, and Kubernetes does not know it as the function's yet."""

    @property
    def generic(self) -> bool:
        """Whether it is no function's."""
        return not self.function.name

    def turn_into(self, function: FunctionKey, revision: str, slots: int) -> None:
        """It is, or is asked to be, that function's; not initialised yet."""
        self.function = function
        self.revision = revision
        self.slots = slots
        self.credit = 0
        self.initialized = False
        self.failure = None
        self.wanting = False

    def turn_generic(self) -> None:
        """It is no function's after all."""
        self.turn_into(FunctionKey(self.function.namespace, ""), "", 1)

    @property
    def serving(self) -> bool:
        """Whether it belongs to a revision that serves and is not going away."""
        return self.rank is not None and not self.draining

    @property
    def usable(self) -> bool:
        """Whether invocations may be sent to it."""
        return self.initialized and self.rank is not None and not self.draining

    @property
    def healthy(self) -> bool:
        """Whether it is likely to serve them: a pod that failed to initialise tries again for each invocation, as on Lambda."""
        return self.usable and self.failure is None

    def knows(self, identifier: int) -> bool:
        """Whether its shim may still say something of an invocation of that id."""
        return identifier in self.in_flight or identifier in self.ghosts or identifier in self.forgotten

    def believe(self, concurrency: int) -> None:
        """The function's concurrency bounds what its pod claims. Not while it has invocations, of which the slots say how many are load."""
        if not self.claimed or self.in_flight or self.ghosts:
            return
        slots = min(self.claimed, concurrency)
        self.credit = max(0, min(slots, self.credit + slots - self.slots)) if self.initialized else 0
        self.slots = slots

    @property
    def load(self) -> int:
        """Invocations of this activator that it has, in slots or ahead of them."""
        return len(self.in_flight) + len(self.ghosts)

    @property
    def running(self) -> int:
        """Those that hold slots, as far as can be known from here."""
        return min(self.load, self.slots)

    @property
    def takes_ahead(self) -> bool:
        """Whether one more may be sent though no slot is known to be free: it has fewer than twice its slots."""
        return self.ahead and self.load < 2 * self.slots and self.usable and self.failure is None and not self.doubted

    def take_number(self) -> int:
        """The next id; 32 bits, never one in use."""
        number = self.last_number
        while True:
            number = number + 1 if number < _NUMBERS else 1
            if not self.knows(number):
                self.last_number = number
                return number

    def add_credit(self, count: int) -> None:
        """More slots are free; never believed beyond all those that no answer is awaited from."""
        self.credit = max(0, min(self.credit + count, self.slots - len(self.in_flight)))

    def __repr__(self) -> str:
        return f"<Link {self.number} credit={self.credit} in_flight={len(self.in_flight)} wanting={self.wanting}>"


class Shelf:
    """Usable links with credit, by rank and load; of equals the one that has rested longest."""

    __slots__ = ("_levels",)

    def __init__(self) -> None:
        self._levels: dict[tuple[int, int], dict[int, Link]] = {}

    def place(self, link: Link) -> None:
        """Put a link where it belongs now; call after every change of its credit, load, rank or state."""
        level = None
        if link.credit > 0 and link.usable and link.rank is not None and not link.doubted:
            level = (link.rank if link.failure is None else link.rank + _FAILED_RANK, link.load)
        if level == link.level:
            return
        self.remove(link)
        if level is not None:
            self._levels.setdefault(level, {})[link.number] = link
            link.level = level

    def remove(self, link: Link) -> None:
        """Take a link off."""
        if link.level is not None:
            row = self._levels[link.level]
            del row[link.number]
            if not row:
                del self._levels[link.level]
            link.level = None

    def best(self) -> Link | None:
        """The link for the next invocation."""
        levels = self._levels
        if not levels:
            return None
        row = levels[min(levels)] if len(levels) > 1 else next(iter(levels.values()))
        return next(iter(row.values()))
