"""A host belongs to one namespace and a route to one Trigger: who has it, who is refused, and what both are told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lambent.api.triggers.claims import claim_of
from lambent.api.triggers.grants import HostGrant
from lambent.api.triggers.hosts import Domains, own_hosts
from lambent.api.triggers.trigger import Trigger, parse_trigger
from lambent.controller.trigger.decision import ObservedTrigger, decide_invalid_trigger, decide_trigger
from lambent.controller.trigger.index import TriggerIndex

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OLD, YOUNG = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
HOST = "api.example.com"


def a_trigger(name: str = "one", created: str = OLD, namespace: str = "default", **spec: Any) -> Trigger:
    http = {key: spec.pop(key) for key in ("host", "path", "methods") if key in spec}
    return parse_trigger(
        {
            "metadata": {"name": name, "namespace": namespace, "generation": 3, "creationTimestamp": created},
            "spec": {"function": {"name": "hello"}, "http": http, **spec},
        }
    )


def index_of(*triggers: Trigger) -> TriggerIndex:
    index = TriggerIndex(Domains(domain="fn.example.com", own=own_hosts("lambent-system", ["lambent-activator"], "cluster.local")))
    for trigger in triggers:
        index.put(trigger)
    return index


def holder(index: TriggerIndex, trigger: Trigger) -> str | None:
    claim = claim_of(trigger)
    assert claim is not None
    older = index.claims.older(claim)
    return older.trigger[1] if older is not None else None


def told(index: TriggerIndex, trigger: Trigger, *, exists: bool = True) -> dict[str, tuple[str, str, str]]:
    """Conditions by type: status, reason, message."""
    claim = claim_of(trigger)
    refusal = index.claims.refusal(claim) if claim is not None else None
    contender = index.claims.contender(claim) if claim is not None and refusal is None else None
    plan = decide_trigger(NOW, ObservedTrigger(trigger, {}, exists, refusal, contender))
    assert plan.status is not None
    assert plan.status["observedGeneration"] == 3
    return {item["type"]: (item["status"], item["reason"], item["message"]) for item in plan.status["conditions"]}


def test_the_older_one_has_the_route_whatever_the_parameters_are_called() -> None:
    first = a_trigger("first", OLD, path="/orders/{id}")
    second = a_trigger("second", YOUNG, path="/orders/{order}")
    index = index_of(second, first)

    assert holder(index, first) is None
    assert holder(index, second) == "first"


def test_of_two_of_the_same_second_the_first_by_name_has_it() -> None:
    a, b = a_trigger("a"), a_trigger("b")
    index = index_of(b, a)

    assert (holder(index, a), holder(index, b)) == (None, "a")


def test_other_hosts_paths_and_methods_do_not_collide() -> None:
    first = a_trigger("first", host="www.a.example", path="/x", methods=["GET"])
    index = index_of(first)

    for other in (
        a_trigger("other", YOUNG, host="www.b.example", path="/x", methods=["GET"]),
        a_trigger("other", YOUNG, path="/x", methods=["GET"]),
        a_trigger("other", YOUNG, host="www.a.example", path="/y", methods=["GET"]),
        a_trigger("other", YOUNG, host="www.a.example", path="/x", methods=["POST"]),
        a_trigger("other", YOUNG, host="www.a.example", path="/{x}", methods=["GET"]),
    ):
        index.put(other)
        assert holder(index, other) is None
        assert told(index, other)["Ready"][:2] == ("True", "Ready")


def test_hosts_and_paths_are_compared_as_requests_are() -> None:
    first = a_trigger("first", OLD, host="API.shop.example", path="/a%20b/{x+}")
    second = a_trigger("second", YOUNG, host="api.shop.EXAMPLE", path="/a%20b/{rest+}")
    slash = a_trigger("slash", OLD, path="/orders/")
    plain = a_trigger("plain", YOUNG, path="/orders")
    escaped = a_trigger("escaped", YOUNG, path="/a%2Fb")

    assert holder(index_of(first, second), second) == "first"
    assert holder(index_of(slash, plain), plain) == "slash"
    assert holder(index_of(a_trigger("two", OLD, path="/a/b"), escaped), escaped) is None, "a slash in a segment is no other segment"


def test_one_for_every_method_and_one_for_some_share_a_path() -> None:
    every, some = a_trigger("every"), a_trigger("some", methods=["GET"])
    more = a_trigger("more", methods=["GET", "POST"])
    index = index_of(every, some)

    assert (holder(index, every), holder(index, some)) == (None, None)
    index.put(more)
    assert holder(index, some) == "more"
    assert holder(index_of(every, a_trigger("other")), a_trigger("other")) == "every"


def test_a_host_belongs_to_the_namespace_that_asked_first_and_both_are_told() -> None:
    first = a_trigger("one", OLD, "a", host=HOST, path="/x")
    more = a_trigger("more", YOUNG, "a", host=HOST, path="/y")
    other = a_trigger("one", YOUNG, "b", host=HOST, path="/z", methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
    index = index_of(other, more, first)

    assert told(index, first)["Ready"][:2] == ("True", "Ready")
    assert told(index, more) == {"Ready": ("True", "Ready", "requests reach the Function hello")}
    status, reason, message = told(index, other)["Ready"]
    assert (status, reason) == ("False", "Conflict")
    assert "the namespace a has the host api.example.com" in message
    assert "HostGrant" in message
    status, reason, message = told(index, first)["Contested"]
    assert (status, reason) == ("True", "Conflict")
    assert message == "the Trigger one of the namespace b asks for the same host, and is refused"


def test_the_owner_of_a_route_is_told_of_a_younger_one_of_its_namespace() -> None:
    first, second = a_trigger("first", OLD, path="/x"), a_trigger("second", YOUNG, path="/x")

    assert told(index_of(first, second), first)["Contested"][2].startswith(
        "the Trigger second of the namespace default asks for the same host, path"
    )


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("victim.team-a", "HostGrant"),
        ("victim.team-a.svc", "Services"),
        ("victim.team-a.svc.cluster.local", "Services"),
        ("victim.team-a.fn.example.com", "HostGrant"),
        ("victim", "Services"),
        ("lambent-activator.lambent-system", "Lambent's own"),
        ("127.0.0.1", "IP address"),
        ("localhost", "own machine"),
    ],
)
def test_a_host_that_is_no_triggers_is_refused_and_named(host: str, words: str) -> None:
    trigger = a_trigger(namespace="team-b", host=host)

    status, reason, message = told(index_of(trigger), trigger)["Ready"]

    assert (status, reason) == ("False", "InvalidSpec")
    assert message.startswith(f"spec.http.host: '{host}'")
    assert words in message


def test_a_grant_gives_a_host_to_its_namespaces_alone() -> None:
    first, granted = a_trigger("one", OLD, "a", host=HOST), a_trigger("one", YOUNG, "b", host=HOST)
    apex = a_trigger("apex", OLD, "b", host="example.com")
    index = index_of(first, granted, apex)

    affected = index.set_grants([HostGrant("g", (HOST, "example.com"), frozenset({"b"}))])

    assert affected == {("a", "one"), ("b", "one"), ("b", "apex")}
    assert told(index, granted)["Ready"][0] == told(index, apex)["Ready"][0] == "True"
    assert told(index, first)["Ready"][1:] == ("Conflict", f"spec.http.host: a HostGrant keeps the host {HOST} for other namespaces than a")


def test_others_are_told_when_one_comes_changes_or_goes() -> None:
    index = index_of(a_trigger("a", path="/x"), a_trigger("b", path="/y"))

    assert index.put(a_trigger("c", YOUNG, path="/x")) == {("default", "a")}
    assert index.put(a_trigger("c", YOUNG, path="/y")) == {("default", "a"), ("default", "b")}
    assert index.drop(("default", "c")) == {("default", "b")}
    assert index.drop(("default", "c")) == set()


def test_a_host_that_changes_hands_concerns_all_that_ask_for_it() -> None:
    index = index_of(*(a_trigger(f"t{number}", YOUNG, "b", host=HOST, path=f"/{number}") for number in range(3)))

    came = index.put(a_trigger("first", OLD, "a", host=HOST))
    went = index.drop(("a", "first"))

    assert came == went == {("b", "t0"), ("b", "t1"), ("b", "t2")}


def test_one_that_asks_for_nothing_holds_no_route() -> None:
    second = a_trigger("second", YOUNG)
    for nothing in ({"enabled": False}, {"retry": {"maxAttempts": 1}}, {"parallelism": 2}):
        first = a_trigger("first", OLD, **nothing)
        assert claim_of(first) is None
        assert told(index_of(first, second), second)["Ready"][0] == "True"


def test_a_functions_triggers_are_found() -> None:
    index = index_of(a_trigger("a"), a_trigger("b", path="/x"))

    assert set(index.calling(("default", "hello"))) == {("default", "a"), ("default", "b")}
    index.drop(("default", "a"))
    assert set(index.calling(("default", "hello"))) == {("default", "b")}


def test_a_triggers_status_says_whether_requests_reach_its_function() -> None:
    def judge(trigger: Trigger, *, exists: bool = True) -> tuple[str, str]:
        return told(index_of(trigger), trigger, exists=exists)["Ready"][:2]

    assert judge(a_trigger()) == ("True", "Ready")
    assert judge(a_trigger(), exists=False) == ("False", "FunctionNotFound")
    assert judge(a_trigger(enabled=False)) == ("False", "Disabled")
    assert judge(a_trigger(parallelism=2)) == ("False", "FieldNotServed")


def test_an_event_is_told_once() -> None:
    observed = ObservedTrigger(a_trigger(), {}, function_exists=False)
    first = decide_trigger(NOW, observed)
    assert [notice.reason for notice in first.notices] == ["FunctionNotFound"]
    assert first.status is not None

    again = decide_trigger(NOW, ObservedTrigger(a_trigger(), first.status, function_exists=False))

    assert (again.status, again.notices) == (None, ())


def test_a_trigger_that_cannot_be_read_is_invalid() -> None:
    plan = decide_invalid_trigger(NOW, 2, {}, "spec.http.path: ...")

    assert plan.status is not None
    assert plan.status["conditions"][0]["reason"] == "InvalidSpec"
