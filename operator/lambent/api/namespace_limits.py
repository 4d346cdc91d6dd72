"""How much of what all activators hold one namespace may have: the oldest objects within the bounds are served, the others are not. Pure.

Controller and activators count alike, so what is told is what is served. A change costs what it changes; where a namespace is at its bound
it costs a look at as many objects as the bound allows, whatever else the namespace holds.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

Name = tuple[str, str]
"""(namespace, name)."""
MIB: Final = 1 << 20
RAISED_BY: Final = "whoever administers the cluster raise namespaceLimits in the chart's values"


@dataclass(frozen=True, slots=True)
class NamespaceLimits:
    """Bounds of one namespace."""

    functions: int = 1000
    triggers: int = 1000
    """Each http Trigger is one route."""
    inline_bytes: int = 32 * MIB
    """Of all its Functions' inline code."""


@dataclass(frozen=True, slots=True)
class Moves:
    """Whom else a change concerns: those that are served now and were not, and the other way round."""

    admitted: frozenset[Name] = frozenset()
    refused: frozenset[Name] = frozenset()


NO_MOVES: Final = Moves()
_Entry = tuple[str, str, int]
"""(creation time, name, size)."""


@dataclass(slots=True)
class _Namespace:
    entries: list[_Entry] = field(default_factory=list)
    """Oldest first."""
    size: int = 0
    fitting: int = 0
    """How many of the first entries are within the bounds."""


class Roster:
    """All objects of a kind, by namespace."""

    def __init__(self, most: int, most_bytes: int = 0) -> None:
        """At most `most` of a namespace, with `most_bytes` in all; 0: whatever they have."""
        self.most = most
        self.most_bytes = most_bytes
        self._known: dict[Name, _Entry] = {}
        self._namespaces: dict[str, _Namespace] = {}

    def __len__(self) -> int:
        return len(self._known)

    def put(self, name: Name, created: str, size: int = 0) -> Moves:
        """Take in an object, new or changed."""
        entry = (created, name[1], size)
        if self._known.get(name) == entry:
            return NO_MOVES
        left = self.drop(name)
        self._known[name] = entry
        found = self._namespaces.setdefault(name[0], _Namespace())
        place = bisect_left(found.entries, entry)
        before = found.fitting + (place < found.fitting)
        insort(found.entries, entry)
        found.size += size
        came = self._count(name[0], found, before)
        return Moves(
            frozenset((left.admitted | came.admitted) - (left.refused | came.refused) - {name}),
            frozenset((left.refused | came.refused) - (left.admitted | came.admitted) - {name}),
        )

    def drop(self, name: Name) -> Moves:
        """Forget an object; harmless where it was not known."""
        entry = self._known.pop(name, None)
        if entry is None:
            return NO_MOVES
        found = self._namespaces[name[0]]
        place = bisect_left(found.entries, entry)
        before = found.fitting - (place < found.fitting)
        del found.entries[place]
        found.size -= entry[2]
        moves = self._count(name[0], found, before)
        if not found.entries:
            del self._namespaces[name[0]]
        return moves

    def names(self) -> Iterable[Name]:
        """All objects, within the bounds or not."""
        return self._known.keys()

    def admits(self, name: Name) -> bool:
        """Whether an object is within its namespace's bounds; one that is not known is."""
        entry = self._known.get(name)
        if entry is None:
            return True
        found = self._namespaces[name[0]]
        return found.fitting == len(found.entries) or bisect_left(found.entries, entry) < found.fitting

    def used(self, namespace: str) -> tuple[int, int]:
        """How many objects a namespace has, and their bytes."""
        found = self._namespaces.get(namespace)
        return (0, 0) if found is None else (len(found.entries), found.size)

    def refused(self) -> int:
        """How many objects of all namespaces are beyond the bounds."""
        return sum(len(found.entries) - found.fitting for found in self._namespaces.values())

    def _count(self, namespace: str, found: _Namespace, before: int) -> Moves:
        """Find anew how many fit; `before`, how many of the entries as they are now have been within the bounds until now."""
        found.fitting = self._fitting(found)
        kept, now = (before, found.fitting) if before <= found.fitting else (found.fitting, before)
        moved = frozenset((namespace, entry[1]) for entry in found.entries[kept:now])
        return Moves(admitted=moved) if found.fitting > before else Moves(refused=moved)

    def _fitting(self, found: _Namespace) -> int:
        if len(found.entries) <= self.most and (not self.most_bytes or found.size <= self.most_bytes):
            return len(found.entries)
        size = 0
        for place, entry in enumerate(found.entries[: self.most]):
            size += entry[2]
            if self.most_bytes and size > self.most_bytes:
                return place
        return min(self.most, len(found.entries))


def word_functions(namespace: str, roster: Roster, limits: NamespaceLimits) -> str:
    """Why a Function is not served."""
    count, size = roster.used(namespace)
    bounds = f"{limits.functions} Functions with {limits.inline_bytes // MIB} MiB of inline code"
    has = f"the namespace {namespace} has {count} Functions with {size / MIB:.1f} MiB of inline code"
    return f"{has}, and its oldest are served up to {bounds}; delete some, put code into ConfigMaps, or have {RAISED_BY}"


def word_triggers(namespace: str, roster: Roster, limits: NamespaceLimits) -> str:
    """Why a Trigger is not served."""
    has = f"the namespace {namespace} has {roster.used(namespace)[0]} Triggers"
    return f"{has}, and its oldest {limits.triggers} are served; delete some, or have {RAISED_BY}"
