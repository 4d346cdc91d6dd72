"""Generic pods that wait to become a function, and how many of them one activator may take for one function."""

from __future__ import annotations

from zlib import crc32

from lambent.activator.admission.link import Link
from lambent.activator.admission.model import FunctionKey, PoolKey


class Pools:
    """Changed by the methods here alone, but for `activators` and `name`."""

    __slots__ = ("_idle", "activators", "name")

    def __init__(self) -> None:
        self._idle: dict[PoolKey, dict[int, Link]] = {}
        self.activators: tuple[str, ...] = ()
        """Names of all activators, this one's too; empty: it is alone."""
        self.name = ""
        """This activator's."""

    def add(self, link: Link) -> None:
        """A generic pod has said hello, or was not needed after all."""
        if link.born is not None:
            self._idle.setdefault(link.born, {})[link.number] = link

    def remove(self, link: Link) -> None:
        """It is gone, or is somebody's; harmless where it is not here."""
        if link.born is None:
            return
        row = self._idle.get(link.born)
        if row is not None and row.pop(link.number, None) is not None and not row:
            del self._idle[link.born]

    def take(self, pool: PoolKey) -> Link | None:
        """The one that has waited longest, taken out; None: there is none."""
        row = self._idle.get(pool)
        if not row:
            return None
        link = next(iter(row.values()))
        self.remove(link)
        return link

    def count(self, pool: PoolKey) -> int:
        """Generic pods that wait there."""
        return len(self._idle.get(pool, ()))

    def figures(self) -> list[tuple[PoolKey, int]]:
        """(pool, generic pods) of each pool that has some."""
        return [(key, len(row)) for key, row in self._idle.items()]

    def leads(self, function: FunctionKey) -> bool:
        """Whether this activator is the one to do what one of them has to for the function; for a moment it may be two, or none."""
        return len(self.activators) <= 1 or share(function, 1, self.activators, self.name) > 0

    def allowance(self, function: FunctionKey, maximum: int, pods: int, held: int) -> int:
        """How many more pods this activator may take for the function; see `share`. `pods` are all it has, the `held` ones too."""
        return max(0, share(function, maximum - (pods - held), self.activators, self.name) - held)


def share(function: FunctionKey, left: int, activators: tuple[str, ...], name: str) -> int:
    """This activator's part of the `left` pods that a function may still get.

    Activators take pods without asking each other, so their parts must add up to what is left; who gets the remainder differs from
    function to function, and all of them see it alike. An activator that the others do not know of yet takes none.
    """
    if left <= 0:
        return 0
    if len(activators) <= 1:
        return left
    if name not in activators:
        return 0
    order = sorted(activators, key=lambda each: (crc32(f"{function.namespace}/{function.name}/{each}".encode()), each))
    each, rest = divmod(left, len(activators))
    return each + (order.index(name) < rest)
