"""What a namespace has beyond its bounds takes nothing of an activator but its place in the count; its oldest are served."""

from __future__ import annotations

from typing import Any

from lambent.activator.catalog.catalog import Configuration
from lambent.api.functions.function import parse_function
from lambent.api.namespace_limits import NamespaceLimits
from lambent.api.triggers.trigger import parse_trigger
from tests.support.gateway_world import GatewayWorld


def a_world(**limits: int) -> GatewayWorld:
    world = GatewayWorld({"ok": 1})
    world.configuration = Configuration(world.gateway, world.rules.__setitem__, lambda _: None, limits=NamespaceLimits(**limits))
    return world


def a_function(name: str, created: int, namespace: str = "busy", code: str = "x") -> Any:
    metadata = {"name": name, "namespace": namespace, "creationTimestamp": f"2026-01-01T00:00:{created:02}Z"}
    return parse_function({"metadata": metadata, "spec": {"runtime": "python3.11", "code": {"inline": {"app.py": code}}}})


def a_trigger(name: str, created: int, namespace: str = "busy") -> Any:
    metadata = {"name": name, "namespace": namespace, "creationTimestamp": f"2026-01-01T00:00:{created:02}Z"}
    return parse_trigger(
        {"metadata": metadata, "spec": {"function": {"name": "f"}, "http": {"host": f"{namespace}.shop.test", "path": f"/{name}"}}}
    )


def served(world: GatewayWorld) -> list[str]:
    assert set(world.configuration.functions) == set(world.gateway.table.functions)
    return sorted(f"{key.namespace}/{key.name}" for key in world.gateway.table.functions)


def test_the_oldest_functions_of_a_namespace_are_served_in_whatever_order_they_come() -> None:
    world = a_world(functions=2)
    for name, created in (("young", 3), ("old", 1), ("middle", 2)):
        world.configuration.put_function(a_function(name, created))
    world.configuration.put_function(a_function("other", 9, "calm"))

    assert served(world) == ["busy/middle", "busy/old", "calm/other"]
    assert world.rules[world.key("young", "busy")] is None

    world.configuration.remove_function(world.key("old", "busy"))
    assert served(world) == ["busy/middle", "calm/other"]
    world.configuration.put_function(a_function("young", 3))
    assert served(world) == ["busy/middle", "busy/young", "calm/other"]


def test_inline_code_is_counted_in_bytes() -> None:
    world = a_world(inline_bytes=100)
    world.configuration.replace_functions([a_function("a", 1, code="x" * 60), a_function("b", 2, code="x" * 60), a_function("c", 3)])
    assert served(world) == ["busy/a"]

    world.configuration.replace_functions([a_function("a", 1), a_function("b", 2, code="x" * 60), a_function("c", 3)])
    assert served(world) == ["busy/a", "busy/b", "busy/c"]


def test_the_oldest_triggers_of_a_namespace_have_their_routes() -> None:
    world = a_world(triggers=2)
    world.configuration.put_function(a_function("f", 1))
    world.configuration.put_function(a_function("f", 1, "calm"))
    world.configuration.replace_triggers([a_trigger("young", 3), a_trigger("old", 1), a_trigger("middle", 2), a_trigger("one", 9, "calm")])

    def statuses() -> list[int]:
        return [world.request("GET", f"/{name}", host="busy.shop.test").status for name in ("old", "middle", "young")]

    assert statuses() == [200, 200, 404]
    assert world.request("GET", "/one", host="calm.shop.test").status == 200

    world.configuration.remove_trigger(world.key("old", "busy"))
    world.configuration.put_trigger(a_trigger("young", 3))
    assert statuses() == [404, 200, 200]
