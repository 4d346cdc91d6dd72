"""A host's routes find what trying all of them one after the other would find, in steps that its routes cannot multiply."""

from __future__ import annotations

import re
from typing import Any

import hypothesis.strategies as st
from hypothesis import given

from lambent.activator.admission.model import FunctionKey
from lambent.activator.routing.route import EVERY_METHOD, Match, Route, Routes
from lambent.api.triggers.route_path import MAX_SEGMENTS, parameter_names, pattern_of

SEGMENT = st.sampled_from(["a", "b", "", "{x}", "{y}"])
METHODS = st.sampled_from([(), ("GET",), ("POST",), ("GET", "POST")])


@st.composite
def paths(draw: st.DrawFn) -> str:
    segments = draw(st.lists(SEGMENT, max_size=3))
    used: set[str] = set()
    unique = [segment for segment in segments if not (segment.startswith("{") and segment in used) and not used.add(segment)]
    if draw(st.booleans()):
        unique.append("{rest+}")
    return "/" + "/".join(unique)


def a_route(index: int, path: str, methods: tuple[str, ...]) -> Route:
    return Route(FunctionKey("n", f"t{index:03}"), FunctionKey("n", "f"), path, methods, "2.0", parameter_names(path))


Held = dict[tuple[str, ...], dict[str, Route]]


def routes_of(held: Held) -> Routes:
    routes = Routes()
    for pattern, by_method in held.items():
        routes.assign(pattern, by_method)
    return routes


def without_last_slash(path: str) -> str:
    return path[:-1] if len(path) > 1 and path.endswith("/") else path


def naive(held: Held, method: str, path: str) -> Route | None:
    def fits(pattern: tuple[str, ...]) -> bool:
        parts = [re.escape(part[1:]) if part.startswith("=") else "([^/]+)" if part == "{}" else "(.+)" for part in pattern]
        return re.fullmatch("/" + "/".join(parts), without_last_slash(path)) is not None

    def rank(pattern: tuple[str, ...]) -> tuple[int, ...]:
        return tuple(2 if part == "{+}" else 1 if part == "{}" else 0 for part in pattern)

    fitting = [
        (rank(pattern), by_method.get(method) or by_method[EVERY_METHOD])
        for pattern, by_method in held.items()
        if fits(pattern) and (method in by_method or EVERY_METHOD in by_method)
    ]
    return min(fitting, key=lambda each: each[0])[1] if fitting else None


@st.composite
def routes_held(draw: st.DrawFn) -> Held:
    held: Held = {}
    for index, (path, methods) in enumerate(draw(st.lists(st.tuples(paths(), METHODS), max_size=10))):
        by_method = held.setdefault(pattern_of(path), {})
        for method in methods or (EVERY_METHOD,):
            by_method.setdefault(method, a_route(index, path, methods))
    return held


REQUESTS = st.tuples(st.sampled_from(["GET", "POST", "PUT"]), st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=5))


@given(routes_held(), REQUESTS)
def test_routes_find_what_a_search_of_all_routes_finds(held: Held, request: tuple[str, list[str]]) -> None:
    method, segments = request
    path = "/" + "/".join(segments)

    match = routes_of(held).match(method, path)

    assert (match.route if match else None) == naive(held, method, path)
    if match is not None:
        filled = match.route.path
        for name, value in match.parameters.items():
            filled = filled.replace(f"{{{name}+}}", value).replace(f"{{{name}}}", value)
        if len(match.route.path) > 1 and match.route.path.endswith("/"):
            filled = without_last_slash(filled)
        assert filled == without_last_slash(path)


@given(st.lists(st.tuples(st.booleans(), paths(), METHODS), max_size=16), REQUESTS)
def test_routes_changed_step_by_step_are_the_routes_of_what_is_left(
    changes: list[tuple[bool, str, tuple[str, ...]]], request: tuple[str, list[str]]
) -> None:
    changed, left = Routes(), dict[tuple[str, ...], dict[str, Route]]()
    for index, (keep, path, methods) in enumerate(changes):
        pattern = pattern_of(path)
        by_method = {method: a_route(index, path, methods) for method in methods or (EVERY_METHOD,)} if keep else {}
        changed.assign(pattern, by_method)
        if by_method:
            left[pattern] = by_method
        else:
            left.pop(pattern, None)
    method, path = request[0], "/" + "/".join(request[1])

    assert len(changed) == len(left)
    assert changed.match(method, path) == routes_of(left).match(method, path)


class Counted(dict[str, int]):
    """The exact segments at one place of all paths; counts how often a match asks for one."""

    asked = 0

    def get(self, key: str, default: Any = None) -> Any:
        Counted.asked += 1
        return super().get(key, default)


def match_counted(routes: Routes, method: str, path: str) -> tuple[Match | None, int]:
    routes._exact = [Counted(exact) for exact in routes._exact]
    Counted.asked = 0
    return routes.match(method, path), Counted.asked


@given(routes_held(), REQUESTS)
def test_a_match_takes_two_steps_for_a_segment_at_most(held: Held, request: tuple[str, list[str]]) -> None:
    _, steps = match_counted(routes_of(held), request[0], "/" + "/".join(request[1]))

    assert steps <= 2 * min(len(request[1]) or 1, MAX_SEGMENTS)


def test_routes_made_to_be_searched_in_vain_cost_no_more_than_others() -> None:
    """Every choice of exact segment and parameter for eight segments, and one at the end that the request lacks."""
    routes = Routes()
    for number in range(256):
        kinds = ["x" if number >> bit & 1 else f"{{p{bit}}}" for bit in range(8)]
        path = "/" + "/".join([*kinds, *(f"{{q{index}}}" for index in range(MAX_SEGMENTS - 9)), f"end{number}"])
        routes.assign(pattern_of(path), {EVERY_METHOD: a_route(number, path, ())})
    assert len(routes) == 256

    match, steps = match_counted(routes, "GET", "/x" * MAX_SEGMENTS)
    assert match is None
    assert steps <= MAX_SEGMENTS

    match, steps = match_counted(routes, "GET", "/x" * 500)
    assert match is None
    assert steps <= MAX_SEGMENTS

    match, _ = match_counted(routes, "GET", "/x" * (MAX_SEGMENTS - 1) + "/end255")
    assert match is not None
    assert match.route.path.startswith("/x/x/x/x/x/x/x/x/{q0}")


def test_what_lies_beyond_the_segments_that_are_looked_at_belongs_to_a_greedy_parameter() -> None:
    routes = Routes()
    routes.assign(pattern_of("/files/{rest+}"), {EVERY_METHOD: a_route(0, "/files/{rest+}", ())})
    long = "/".join(["a%20b"] * 300)

    match = routes.match("GET", f"/files/{long}/")

    assert match is not None
    assert match.parameters == {"rest": "/".join(["a b"] * 300)}
    assert routes.match("GET", "/" * 1023) is None
