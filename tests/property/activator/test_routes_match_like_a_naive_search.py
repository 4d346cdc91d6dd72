"""The route tree finds what trying all routes one after the other would find."""

import re

import hypothesis.strategies as st
from hypothesis import given

from lambent.activator.admission.model import FunctionKey
from lambent.activator.routing.route import Route, RouteTree
from lambent.activator.routing.table import Table

SEGMENT = st.sampled_from(["a", "b", "{x}", "{y}"])
METHODS = st.sampled_from([(), ("GET",), ("POST",), ("GET", "POST")])


@st.composite
def paths(draw: st.DrawFn) -> str:
    segments = draw(st.lists(SEGMENT, max_size=3))
    used: set[str] = set()
    unique = [segment for segment in segments if not (segment.startswith("{") and segment in used) and not used.add(segment)]
    if draw(st.booleans()):
        unique.append("{rest+}")
    return "/" + "/".join(unique)


ROUTES = st.lists(st.tuples(paths(), METHODS), max_size=8)
REQUESTS = st.tuples(st.sampled_from(["GET", "POST", "PUT"]), st.lists(st.sampled_from(["a", "b", "c"]), max_size=4))


def route(index: int, path: str, methods: tuple[str, ...]) -> Route:
    return Route(FunctionKey("n", f"t{index}"), FunctionKey("n", "f"), path, methods, "2.0", (f"{index:03}", "n", f"t{index}"))


def naive(routes: list[Route], method: str, path: str) -> Route | None:
    def pattern(each: Route) -> str:
        body = re.sub(r"\{\w+\+\}", "(.+)", re.escape(each.path).replace(r"\{", "{").replace(r"\}", "}").replace(r"\+", "+"))
        return re.sub(r"\{\w+\}", "([^/]+)", body)

    def rank(each: Route) -> tuple[object, ...]:
        kinds = tuple(2 if part.endswith("+}") else 1 if part.startswith("{") else 0 for part in each.path.split("/")[1:])
        return (kinds, not each.methods, each.precedence)

    fitting = [each for each in routes if each.takes(method) and re.fullmatch(pattern(each), path)]
    return min(fitting, key=rank) if fitting else None


@given(ROUTES, REQUESTS)
def test_the_tree_finds_what_a_search_of_all_routes_finds(specs: list[tuple[str, tuple[str, ...]]], request: tuple[str, list[str]]) -> None:
    routes = [route(index, path, methods) for index, (path, methods) in enumerate(specs)]
    method, segments = request
    path = "/" + "/".join(segments)

    match = RouteTree(routes).match(method, path)
    expected = naive(routes, method, path)

    assert (match.route if match else None) == expected
    if match is not None:
        filled = match.route.path
        for name, value in match.parameters.items():
            filled = filled.replace(f"{{{name}+}}", value).replace(f"{{{name}}}", value)
        assert filled == path


CHANGES = st.lists(
    st.tuples(st.sampled_from(["put", "drop"]), st.integers(0, 4), paths(), st.sampled_from([None, "h1", "H2"])), max_size=12
)


@given(CHANGES)
def test_a_table_changed_step_by_step_is_the_table_of_what_is_left(changes: list[tuple[str, int, str, str | None]]) -> None:
    table = Table()
    left: dict[int, tuple[str, str | None]] = {}
    for kind, index, path, host in changes:
        before, snapshot = table, dict(table.hosts)
        if kind == "put":
            left[index] = (path, host)
            table = table.with_route(host, route(index, path, ()))
        else:
            left.pop(index, None)
            table = table.without_route(FunctionKey("n", f"t{index}"))
        assert before.hosts == snapshot, "the old table is untouched"
    built = Table()
    for index, (path, host) in left.items():
        built = built.with_route(host, route(index, path, ()))
    assert {host: tree.routes for host, tree in table.hosts.items()} == {host: tree.routes for host, tree in built.hosts.items()}
    assert table.triggers == built.triggers
