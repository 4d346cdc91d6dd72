"""A host answers with the routes of the namespace that it belongs to, and of no other, whatever others apply."""

from __future__ import annotations

import pytest

from lambent.api.triggers.grants import HostGrant
from lambent.api.triggers.hosts import Domains, own_hosts
from tests.support.gateway_world import GatewayWorld

HOST = "api.example.com"
OLD, YOUNG = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


@pytest.fixture
def world() -> GatewayWorld:
    world = GatewayWorld(
        {"ok": 1}, Domains(domain="fn.example.com", own=own_hosts("lambent-system", ["lambent-activator"], "cluster.local"))
    )
    for namespace in ("a", "b"):
        for name in ("hello", "victim"):
            world.add_function(name, namespace)
    return world


def answering(world: GatewayWorld, path: str, host: str = HOST, method: str = "GET") -> str | None:
    """The namespace whose function gets a request; None for nobody's."""
    world.invocations.clear()
    world.request(method, path, host=host)
    return world.invocations[0].function.namespace if world.invocations else None


@pytest.mark.parametrize("first", ["a", "b"])
def test_the_namespace_that_asked_first_has_the_host_whoever_is_seen_first(world: GatewayWorld, first: str) -> None:
    for namespace in (first, "ab".replace(first, "")):
        created = OLD if namespace == "a" else YOUNG
        world.add_trigger(namespace=namespace, created=created, host=HOST, path="/{rest+}")
        world.add_trigger(name="exact", namespace=namespace, created=created, host=HOST, path="/mine", methods=["GET"])

    assert [answering(world, path) for path in ("/mine", "/other", "/a/b")] == ["a", "a", "a"]


def test_a_more_specific_path_and_all_methods_by_name_take_nothing_from_the_owner(world: GatewayWorld) -> None:
    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    world.add_trigger(namespace="a", created=OLD, host=HOST, path="/{rest+}")
    world.add_trigger(namespace="b", created=YOUNG, host=HOST, path="/orders", methods=methods)
    world.add_trigger(name="same", namespace="b", created=YOUNG, host=HOST, path="/{rest+}", methods=methods)

    assert {answering(world, path, method=method) for path in ("/orders", "/x") for method in methods} == {"a"}


def test_the_next_namespace_gets_the_host_when_the_first_lets_it_go_and_loses_it_again(world: GatewayWorld) -> None:
    world.add_trigger(namespace="a", created=OLD, host=HOST, path="/")
    world.add_trigger(namespace="b", created=YOUNG, host=HOST, path="/")
    world.configuration.remove_trigger(world.key("t", "a"))
    assert answering(world, "/") == "b"

    world.add_trigger(namespace="a", created=OLD, host=HOST, path="/")
    assert answering(world, "/") == "a"

    world.configuration.replace_triggers([])
    assert answering(world, "/") is None
    assert world.gateway.table.hosts == {}


@pytest.mark.parametrize(
    "host",
    [
        "victim.a",
        "victim.a.svc",
        "victim.a.svc.cluster.local",
        "victim.a.fn.example.com",
        "fn.example.com",
        "victim",
        "localhost",
        "a.localhost",
        "10.0.0.1",
        "127.1",
        "0x7f000001",
        "lambent-activator.lambent-system",
        "lambent-activator.lambent-system.svc.cluster.local",
        "kubernetes.default.svc",
    ],
)
def test_no_trigger_gets_a_host_of_a_function_of_the_cluster_or_of_lambent(world: GatewayWorld, host: str) -> None:
    world.add_trigger(namespace="b", host=host, path="/{rest+}")

    assert answering(world, "/x", host=host) != "b"
    assert (
        world.request("POST", "/2015-03-31/functions/arn:aws:lambda:us-east-1:a:function:hello/invocations", host="10.0.0.1").status == 200
    )


def test_a_grant_says_who_alone_may_have_a_host(world: GatewayWorld) -> None:
    world.add_trigger(namespace="b", created=OLD, host=HOST, path="/")
    world.add_trigger(namespace="a", created=YOUNG, host=HOST, path="/")
    world.add_trigger(name="apex", namespace="a", host="example.com", path="/")
    assert [answering(world, "/"), answering(world, "/", host="example.com")] == ["b", None]

    world.configuration.replace_grants([HostGrant("g", ("*.example.com", "example.com"), frozenset({"a"}))])
    assert [answering(world, "/"), answering(world, "/", host="example.com")] == ["a", "a"]

    world.configuration.replace_grants([HostGrant("g", ("*.example.com",), frozenset({"a"})), HostGrant("x", (HOST,), frozenset())])
    assert [answering(world, "/"), answering(world, "/", host="example.com")] == [None, None]

    world.configuration.replace_grants([HostGrant("all", ("*",), frozenset({"b"}))])
    assert answering(world, "/") == "b"


def test_triggers_without_a_host_belong_to_one_namespace_too(world: GatewayWorld) -> None:
    world.add_trigger(namespace="a", created=OLD, path="/{rest+}")
    world.add_trigger(namespace="b", created=YOUNG, path="/orders")

    assert answering(world, "/orders", host="www.shop.test") == "a"


def test_of_two_on_a_route_of_one_namespace_the_older_has_it_whole(world: GatewayWorld) -> None:
    world.add_trigger("hello", "old", "a", OLD, host=HOST, path="/x/{id}", methods=["GET", "POST"])
    world.add_trigger("victim", "young", "a", YOUNG, host=HOST, path="/x/{other}", methods=["POST", "PUT"])
    world.add_trigger("victim", "any", "a", YOUNG, host=HOST, path="/x/{any}")

    def function(method: str) -> str:
        answering(world, "/x/1", method=method)
        return world.invocations[0].function.name if world.invocations else ""

    assert [function(method) for method in ("GET", "POST", "PUT", "DELETE")] == ["hello", "hello", "victim", "victim"]
    assert world.meta["requestId"]


def test_four_thousand_triggers_cost_what_each_of_them_changes(world: GatewayWorld) -> None:
    """Counted, not timed: each change looks at the route that it changes, and the table is the same object all along."""
    table = world.gateway.table
    assigned = 0
    real = type(world.configuration)._assign

    def counted(configuration: object, route: object) -> None:
        nonlocal assigned
        assigned += 1
        real(configuration, route)  # type: ignore[arg-type]

    type(world.configuration)._assign = counted  # type: ignore[method-assign]
    try:
        for number in range(4000):
            namespace = f"n{number // 1000}"
            world.add_trigger(name=f"t{number}", namespace=namespace, host=f"{namespace}.{HOST}", path=f"/p{number}/{{id}}")
    finally:
        type(world.configuration)._assign = real  # type: ignore[method-assign]

    assert assigned == 4000
    assert world.gateway.table is table
    assert {host: len(routes) for host, routes in table.hosts.items()} == {f"n{number}.{HOST}": 1000 for number in range(4)}
