"""Of several Triggers on one route the oldest has it; the next one gets it when that one goes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambent.api.trigger import Trigger, parse_trigger
from lambent.controller.trigger_decision import ObservedTrigger, decide_invalid_trigger, decide_trigger
from lambent.controller.trigger_index import TriggerIndex, claim_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def a_trigger(name: str = "one", created: str = "2026-01-01T00:00:00Z", namespace: str = "default", **spec: Any) -> Trigger:
    http = {key: spec.pop(key) for key in ("host", "path", "methods") if key in spec}
    return parse_trigger(
        {
            "metadata": {"name": name, "namespace": namespace, "generation": 3, "creationTimestamp": created},
            "spec": {"function": {"name": "hello"}, "http": http, **spec},
        }
    )


def index_of(*triggers: Trigger) -> TriggerIndex:
    index = TriggerIndex()
    for trigger in triggers:
        index.put(claim_of(trigger))
    return index


def holder(index: TriggerIndex, trigger: Trigger) -> str | None:
    older = index.older_claim(claim_of(trigger))
    return older.trigger[1] if older is not None else None


def test_the_older_one_has_the_route_whatever_the_parameters_are_called() -> None:
    first = a_trigger("first", "2026-01-01T00:00:00Z", path="/orders/{id}")
    second = a_trigger("second", "2026-01-02T00:00:00Z", path="/orders/{order}")
    index = index_of(second, first)

    assert holder(index, first) is None
    assert holder(index, second) == "first"


def test_of_two_of_the_same_second_the_first_by_name_has_it() -> None:
    a, b = a_trigger("a"), a_trigger("b")
    index = index_of(b, a)

    assert (holder(index, a), holder(index, b)) == (None, "a")


def test_other_hosts_paths_and_methods_do_not_collide() -> None:
    first = a_trigger("first", host="a.example", path="/x", methods=["GET"])
    index = index_of(first)

    for other in (
        a_trigger("other", host="b.example", path="/x", methods=["GET"]),
        a_trigger("other", path="/x", methods=["GET"]),
        a_trigger("other", host="a.example", path="/y", methods=["GET"]),
        a_trigger("other", host="a.example", path="/x", methods=["POST"]),
        a_trigger("other", host="a.example", path="/{x}", methods=["GET"]),
    ):
        index.put(claim_of(other))
        assert holder(index, other) is None


def test_hosts_and_paths_are_compared_as_requests_are() -> None:
    first = a_trigger("first", "2026-01-01T00:00:00Z", host="API.example", path="/a b/{x+}".replace(" ", "%20"))
    second = a_trigger("second", "2026-01-02T00:00:00Z", host="api.EXAMPLE", path="/a%20b/{rest+}")
    slash = a_trigger("slash", "2026-01-03T00:00:00Z", path="/orders/")
    plain = a_trigger("plain", "2026-01-04T00:00:00Z", path="/orders")

    assert holder(index_of(first, second), second) == "first"
    assert holder(index_of(slash, plain), plain) == "slash"


def test_one_for_every_method_and_one_for_some_share_a_path() -> None:
    every, some = a_trigger("every"), a_trigger("some", methods=["GET"])
    more = a_trigger("more", methods=["GET", "POST"])
    index = index_of(every, some)

    assert (holder(index, every), holder(index, some)) == (None, None)
    index.put(claim_of(more))
    assert holder(index, some) == "more"
    assert holder(index_of(every, a_trigger("other")), a_trigger("other")) == "every"


def test_namespaces_share_hosts() -> None:
    first = a_trigger("one", "2026-01-01T00:00:00Z", namespace="a", host="x.example")
    second = a_trigger("one", "2026-01-02T00:00:00Z", namespace="b", host="x.example")

    assert index_of(first, second).older_claim(claim_of(second)) == claim_of(first)


def test_others_on_the_route_are_told_when_one_comes_changes_or_goes() -> None:
    index = index_of(a_trigger("a", path="/x"), a_trigger("b", path="/y"))

    assert index.put(claim_of(a_trigger("c", path="/x"))) == {("default", "a")}
    assert index.put(claim_of(a_trigger("c", path="/y"))) == {("default", "a"), ("default", "b")}
    assert index.drop(("default", "c")) == {("default", "b")}
    assert index.drop(("default", "c")) == set()


def test_one_that_is_not_enabled_holds_no_route() -> None:
    first = a_trigger("first", "2026-01-01T00:00:00Z", enabled=False)
    second = a_trigger("second", "2026-01-02T00:00:00Z")

    assert holder(index_of(first, second), second) is None


def test_a_functions_triggers_are_found() -> None:
    index = index_of(a_trigger("a"), a_trigger("b", path="/x"))

    assert set(index.calling(("default", "hello"))) == {("default", "a"), ("default", "b")}
    index.drop(("default", "a"))
    assert set(index.calling(("default", "hello"))) == {("default", "b")}


def judge(trigger: Trigger, *, exists: bool = True, older: Trigger | None = None) -> tuple[str, str, str]:
    observed = ObservedTrigger(trigger, {}, exists, claim_of(older) if older is not None else None)
    plan = decide_trigger(NOW, observed)
    assert plan.status is not None
    assert plan.status["observedGeneration"] == 3
    (ready,) = plan.status["conditions"]
    return ready["status"], ready["reason"], ready["message"]


def test_a_triggers_status_says_whether_requests_reach_its_function() -> None:
    assert judge(a_trigger())[:2] == ("True", "Ready")
    assert judge(a_trigger(), exists=False)[:2] == ("False", "FunctionNotFound")
    assert judge(a_trigger(enabled=False))[:2] == ("False", "Disabled")
    assert judge(a_trigger(parallelism=2))[:2] == ("False", "FieldNotServed")
    status, reason, message = judge(a_trigger(), older=a_trigger("first", namespace="team"))
    assert (status, reason) == ("False", "Conflict")
    assert "Trigger first of the namespace team" in message


def test_an_event_is_told_once() -> None:
    observed = ObservedTrigger(a_trigger(), {}, function_exists=False, older=None)
    first = decide_trigger(NOW, observed)
    assert [notice.reason for notice in first.notices] == ["FunctionNotFound"]
    assert first.status is not None

    again = decide_trigger(NOW, ObservedTrigger(a_trigger(), first.status, function_exists=False, older=None))

    assert (again.status, again.notices) == (None, ())


def test_a_trigger_that_cannot_be_read_is_invalid() -> None:
    plan = decide_invalid_trigger(NOW, 2, {}, "spec.http.path: ...")

    assert plan.status is not None
    assert plan.status["conditions"][0]["reason"] == "InvalidSpec"
