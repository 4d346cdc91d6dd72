"""Paths of http Triggers, as API Gateway's HTTP APIs match them: the most specific route that also takes the method wins.

Per segment an exact one comes before `{name}`, that before greedy `{name+}`; of two on the same path, one that names the method before one
for every method; then the older Trigger. Source: "Create routes for HTTP APIs in API Gateway" (API Gateway Developer Guide).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from lambent.activator.admission.model import FunctionKey


@dataclass(frozen=True, slots=True)
class Route:
    """One http Trigger. `methods` empty means every method; `precedence` orders routes that are otherwise equal."""

    trigger: FunctionKey
    function: FunctionKey
    path: str
    methods: tuple[str, ...]
    payload_format: str
    precedence: tuple[str, str, str]

    def takes(self, method: str) -> bool:
        """Whether it is for that method."""
        return not self.methods or method in self.methods

    def key(self, method: str) -> str:
        """API Gateway's route key: `GET /orders/{id}`."""
        return f"{method if self.methods else 'ANY'} {self.path}"


@dataclass(frozen=True, slots=True)
class Match:
    """A route and the values of its path's parameters, percent-decoded."""

    route: Route
    parameters: Mapping[str, str]


class _Node:
    __slots__ = ("exact", "greedy", "routes", "single")

    def __init__(self) -> None:
        self.exact: dict[str, _Node] = {}
        self.single: _Node | None = None
        self.greedy: list[Route] = []
        self.routes: list[Route] = []


class RouteTree:
    """The routes of one host. Built once, then only read."""

    __slots__ = ("_root", "routes")

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(sorted(routes, key=lambda route: route.precedence))
        self._root = _Node()
        for route in self.routes:
            self._add(route)

    def match(self, method: str, path: str) -> Match | None:
        """The route for a request; `path` as sent, without query."""
        segments = [unquote(segment) for segment in path.split("/")[1:]] if path.startswith("/") else []
        if len(segments) > 1 and not segments[-1]:
            # API Gateway takes /orders/ for /orders.
            segments.pop()
        values: list[str] = []
        route = _find(self._root, segments, 0, method, values)
        return None if route is None else Match(route, dict(zip(_names(route.path), values, strict=True)))

    def _add(self, route: Route) -> None:
        node = self._root
        for segment in _segments(route.path):
            if not segment.startswith("{"):
                node = node.exact.setdefault(unquote(segment), _Node())
            elif segment.endswith("+}"):
                node.greedy.append(route)
                return
            else:
                node.single = node.single or _Node()
                node = node.single
        node.routes.append(route)


def _segments(path: str) -> list[str]:
    segments = path.split("/")[1:]
    return segments[:-1] if len(segments) > 1 and not segments[-1] else segments


def _names(path: str) -> list[str]:
    return [segment[1:-1].removesuffix("+") for segment in _segments(path) if segment.startswith("{")]


def _pick(routes: list[Route], method: str) -> Route | None:
    taking = [route for route in routes if route.takes(method)]
    return min(taking, key=lambda route: (not route.methods, route.precedence)) if taking else None


def _find(node: _Node, segments: list[str], index: int, method: str, values: list[str]) -> Route | None:
    """Depth first in order of preference: the first that is found is the most specific. Undoes what it adds to `values` on failure."""
    if index == len(segments):
        return _pick(node.routes, method)
    segment = segments[index]
    child = node.exact.get(segment)
    if child is not None and (route := _find(child, segments, index + 1, method, values)) is not None:
        return route
    if node.single is not None and segment:
        values.append(segment)
        if (route := _find(node.single, segments, index + 1, method, values)) is not None:
            return route
        values.pop()
    rest = "/".join(segments[index:])
    if node.greedy and rest and (route := _pick(node.greedy, method)) is not None:
        values.append(rest)
        return route
    return None
