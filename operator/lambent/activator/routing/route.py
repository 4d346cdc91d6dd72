"""One http Trigger's route, and all routes of a host: the most specific one that also takes the method wins.

Per segment an exact one comes before `{name}`, that before greedy `{name+}`; of two on the same path, one that names the method before
one for every method. Source: "Create routes for HTTP APIs in API Gateway" (API Gateway Developer Guide).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from urllib.parse import unquote

from lambent.activator.admission.model import FunctionKey
from lambent.api.triggers.route_path import MAX_SEGMENTS, ONE, REST, Pattern

EVERY_METHOD = ""


@dataclass(frozen=True, slots=True)
class Route:
    """One http Trigger. `methods` empty means every method; `names` are those of the path's parameters."""

    trigger: FunctionKey
    function: FunctionKey
    path: str
    methods: tuple[str, ...]
    payload_format: str
    names: tuple[str, ...] = ()

    def key(self, method: str) -> str:
        """API Gateway's route key: `GET /orders/{id}`."""
        return f"{method if self.methods else 'ANY'} {self.path}"


@dataclass(frozen=True, slots=True)
class Match:
    """A route and the values of its path's parameters, percent-decoded."""

    route: Route
    parameters: Mapping[str, str]


class Routes:
    """The routes that one namespace has at one host; changed in place, each at the price of its own path.

    Each pattern has a bit. What could still fit a request is a set of bits, cut down segment by segment: so a match takes two steps for
    each segment of the request, whatever patterns there are, where a search with backtracking would take what its author has thought up.
    """

    __slots__ = ("_any", "_bits", "_ends", "_exact", "_free", "_one", "_rest", "_routes", "_taking")

    def __init__(self) -> None:
        self._bits: dict[Pattern, int] = {}
        self._routes: list[dict[str, Route]] = []
        """By bit: the route for each method."""
        self._free: list[int] = []
        self._taking: dict[str, int] = {}
        """By method, the patterns that name it."""
        self._any = 0
        """Patterns with a route for every method."""
        # By the index of a segment: what is exact there, a parameter, or the rest; and by number of segments, what ends after so many.
        self._exact: list[dict[str, int]] = []
        self._one: list[int] = []
        self._rest: list[int] = []
        self._ends: list[int] = [0]

    def __len__(self) -> int:
        return len(self._bits)

    def assign(self, pattern: Pattern, routes: dict[str, Route]) -> None:
        """Have a pattern's requests taken by these routes, by method (`EVERY_METHOD` for all that are not named); none takes it away."""
        bit = self._bits.get(pattern)
        if bit is None:
            if not routes:
                return
            bit = self._add(pattern)
        mask = 1 << bit
        for method in self._routes[bit]:
            self._mark(method, mask, on=False)
        self._routes[bit] = routes
        for method in routes:
            self._mark(method, mask, on=True)
        if not routes:
            del self._bits[pattern]
            heappush(self._free, bit)
            self._place(pattern, mask, on=False)

    def match(self, method: str, path: str) -> Match | None:
        """The route for a request; `path` as sent, without query."""
        segments = _segments_of(path)
        count = len(segments)
        alive = self._any | self._taking.get(method, 0)
        fitting = 0
        index = 0
        depth = len(self._exact)
        while alive and index < count and index < depth:
            segment = segments[index]
            # API Gateway takes no empty text for a parameter.
            if segment:
                fitting |= alive & self._rest[index]
                alive &= self._exact[index].get(segment, 0) | self._one[index]
            else:
                if index + 1 < count:
                    fitting |= alive & self._rest[index]
                alive &= self._exact[index].get(segment, 0)
            index += 1
        if index == count:
            fitting |= alive & self._ends[count]
        return self._pick(method, segments, fitting) if fitting else None

    def _pick(self, method: str, segments: list[str], fitting: int) -> Match:
        """The most specific of the patterns that fit; not none."""
        values: list[str] = []
        for index, segment in enumerate(segments):
            closer = fitting & self._exact[index].get(segment, 0)
            if not closer:
                closer = fitting & self._one[index]
                if not closer:
                    fitting &= self._rest[index]
                    values.append("/".join(segments[index:]))
                    break
                values.append(segment)
            fitting = closer
        routes = self._routes[fitting.bit_length() - 1]
        route = routes.get(method) or routes[EVERY_METHOD]
        return Match(route, dict(zip(route.names, values, strict=True)))

    def _add(self, pattern: Pattern) -> int:
        if self._free:
            bit = heappop(self._free)
        else:
            bit = len(self._routes)
            self._routes.append({})
        self._bits[pattern] = bit
        while len(self._exact) < len(pattern):
            self._exact.append({})
            self._one.append(0)
            self._rest.append(0)
            self._ends.append(0)
        self._place(pattern, 1 << bit, on=True)
        return bit

    def _place(self, pattern: Pattern, mask: int, *, on: bool) -> None:
        for index, segment in enumerate(pattern):
            if segment == REST:
                self._rest[index] = _switch(self._rest[index], mask, on=on)
                return
            if segment == ONE:
                self._one[index] = _switch(self._one[index], mask, on=on)
            else:
                _switch_in(self._exact[index], segment[1:], mask, on=on)
        self._ends[len(pattern)] = _switch(self._ends[len(pattern)], mask, on=on)

    def _mark(self, method: str, mask: int, *, on: bool) -> None:
        if method == EVERY_METHOD:
            self._any = _switch(self._any, mask, on=on)
        else:
            _switch_in(self._taking, method, mask, on=on)


def _switch(masks: int, mask: int, *, on: bool) -> int:
    return masks | mask if on else masks & ~mask


def _switch_in(masks: dict[str, int], key: str, mask: int, *, on: bool) -> None:
    left = _switch(masks.get(key, 0), mask, on=on)
    if left:
        masks[key] = left
    else:
        masks.pop(key, None)


def _segments_of(path: str) -> list[str]:
    """A request's segments, decoded; the last one of `MAX_SEGMENTS` + 1 holds all that follow."""
    if not path.startswith("/"):
        return []
    if len(path) > 1 and path.endswith("/"):
        # API Gateway takes /orders/ for /orders.
        path = path[:-1]
    segments = path.split("/", MAX_SEGMENTS + 1)[1:]
    if "%" in path:
        return [unquote(segment) for segment in segments]
    return segments
