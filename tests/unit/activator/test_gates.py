"""Which pods of functions are let go, by whom and when."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.activator.admission.model import FunctionKey
from lambent.activator.pool.gates import (
    LEFT_BEHIND_SECONDS,
    OTHERS_SECONDS,
    RETRY_SECONDS,
    VAIN_SECONDS,
    Gates,
    StartingPod,
    view_pod,
)

KEY = FunctionKey("team", "hello")
OTHER = FunctionKey("team", "other")


def pod(name: str, function: FunctionKey = KEY, **changes: Any) -> StartingPod:
    return StartingPod(function, f"uid-{name}", name, "T1", 0, deleting=False)._replace(**changes)


def gates(*names: str, leads: bool = True) -> Gates:
    made = Gates(lambda _: leads, lambda _: 0)
    for name in names:
        made.see(pod(name), 0.0)
    return made


def lifted(made: Gates, now: float) -> list[str]:
    return [lift.pod.name for lift in made.decide(now)]


def test_the_one_that_leads_lets_pods_go_at_once() -> None:
    assert lifted(gates("a", "b"), 0.0) == ["a", "b"]


def test_the_others_do_where_it_does_not() -> None:
    made = gates("a", leads=False)

    assert lifted(made, OTHERS_SECONDS - 0.01) == []
    assert lifted(made, OTHERS_SECONDS) == ["a"]


def test_a_gate_is_lifted_again_where_it_is_still_there() -> None:
    made = gates("a")
    assert lifted(made, 0.0) == ["a"]

    assert lifted(made, RETRY_SECONDS - 0.01) == []
    assert lifted(made, RETRY_SECONDS) == ["a"]
    made.lifted(pod("a"), 0.0)
    assert lifted(made, 10.0) == []


def test_a_pod_whose_gate_another_has_lifted_or_that_never_had_one_is_left_alone() -> None:
    made = gates("a", leads=False)
    made.see(pod("a", gate=None), 0.1)
    made.see(pod("b", gate=None), 0.1)

    assert lifted(made, 10.0) == []


def test_what_was_said_before_its_gate_was_lifted_does_not_bring_it_back() -> None:
    made = gates("a")
    made.lifted(pod("a"), 0.0)
    made.see(pod("a"), 0.1)

    assert lifted(made, 10.0) == []


def test_as_many_stay_behind_as_come_from_a_pool_and_the_oldest_goes() -> None:
    made = Gates(lambda _: True, lambda _: 0)
    for uid in ("u1", "u2"):
        made.took(KEY, uid)
    for name, created in (("c", "T1"), ("a", "T2"), ("b", "T2")):
        made.see(pod(name, created_at=created), 0.0)

    assert lifted(made, 0.0) == ["c"]
    made.lifted(pod("c"), 0.0)
    assert lifted(made, 1.0) == []


def test_one_that_is_under_way_takes_the_place_of_an_older_one_that_comes_late() -> None:
    made = Gates(lambda _: True, lambda _: 0)
    made.took(KEY, "u1")
    made.see(pod("b"), 0.0)
    made.see(pod("c"), 0.0)
    assert lifted(made, 0.0) == ["b"]
    made.see(pod("a"), 0.0)
    made.took(KEY, "u2")

    assert lifted(made, 0.5) == [], "three, of which two are in vain, and one is let go"


def test_other_functions_are_none_of_its_business() -> None:
    made = gates("a")
    made.took(OTHER, "u1")

    assert lifted(made, 0.0) == ["a"]


def test_a_pod_made_in_vain_is_never_let_go() -> None:
    made = Gates(lambda _: True, lambda _: 0)
    made.took(KEY, "u1")
    made.see(pod("a"), 0.0)
    made.moved(KEY, "u1", 0.1)

    assert lifted(made, 0.2) == []
    assert made.lose(pod("a"))
    made.see(pod("b"), 0.3)
    assert lifted(made, 0.3) == ["b"], "the handover is over"


def test_a_pod_that_is_seen_on_its_way_out_is_gone() -> None:
    made = Gates(lambda _: True, lambda _: 0)
    made.took(KEY, "u1")
    made.see(pod("a"), 0.0)

    assert made.see(pod("a", deleting=True), 0.1)
    assert not made.lose(pod("a"))
    made.see(pod("b"), 0.2)
    assert lifted(made, 0.2) == ["b"]


def test_one_that_gets_its_node_was_not_made_in_vain() -> None:
    made = gates("a")
    made.lifted(pod("a"), 0.0)

    assert not made.lose(pod("a"))
    assert not made.lose(pod("unknown"))


def test_a_pod_made_in_vain_that_is_not_seen_to_go_is_forgotten() -> None:
    made = Gates(lambda _: True, lambda _: 0)
    made.took(KEY, "u1")
    made.moved(KEY, "u1", 0.0)
    made.see(pod("a"), VAIN_SECONDS - 0.1)

    assert lifted(made, VAIN_SECONDS - 0.1) == []
    assert lifted(made, VAIN_SECONDS) == ["a"]


def test_a_handover_that_comes_to_nothing_leaves_a_pod_that_is_wanted() -> None:
    made = Gates(lambda _: True, lambda _: 0)
    made.took(KEY, "u1")
    made.see(pod("a"), 0.0)
    assert lifted(made, 0.0) == []
    made.dropped(KEY, "u1")

    assert lifted(made, 0.1) == ["a"]


def test_no_pod_stays_behind_whatever_was_said() -> None:
    made = Gates(lambda _: False, lambda _: 0)
    for number in range(5):
        made.took(KEY, f"u{number}")
    made.see(pod("a"), 0.0)

    assert made.decide(LEFT_BEHIND_SECONDS - 0.01) == []
    assert [(lift.pod.name, lift.left_behind) for lift in made.decide(LEFT_BEHIND_SECONDS)] == [("a", True)]


def test_one_that_was_asked_to_become_the_function_counts_before_it_answers() -> None:
    becoming = 1
    made = Gates(lambda _: True, lambda _: becoming)
    for name in "ab":
        made.see(pod(name), 0.0)
    assert lifted(made, 0.0) == ["a"]
    made.lifted(pod("a"), 0.0)
    made.took(KEY, "u1")
    becoming = 0
    assert lifted(made, 0.1) == []
    made.dropped(KEY, "u1")
    assert lifted(made, 0.2) == ["b"]


def test_after_a_list_what_is_not_there_is_forgotten() -> None:
    made = gates("a", leads=False)
    made.keep([pod("b"), pod("c", gate=None), pod("d", deleting=True)], 1.0)

    assert lifted(made, 5.0) == ["b"]


def test_nothing_is_remembered_of_what_is_over() -> None:
    made = gates("a")
    made.took(KEY, "u1")
    assert made.busy
    made.moved(KEY, "u1", 0.0)
    made.lose(pod("a"))
    made.dropped(OTHER, "u9")
    made.moved(OTHER, "u9", 0.0)
    made.decide(VAIN_SECONDS)

    assert not made.busy


@pytest.mark.parametrize(
    ("names", "place"), [(["lambent.dev/start"], 0), (["other", "lambent.dev/start"], 1), (["other"], None), ([], None)]
)
def test_a_pods_gate_is_found_among_those_of_others(names: list[str], place: int | None) -> None:
    metadata = {"namespace": "team", "name": "a", "uid": "uid-a", "creationTimestamp": "T1", "labels": {"lambent.dev/function": "hello"}}
    body = {"metadata": metadata, "spec": {"schedulingGates": [{"name": name} for name in names]}}

    assert view_pod(body) == pod("a", gate=place)
    assert view_pod({"metadata": {**metadata, "deletionTimestamp": "T2"}}) == pod("a", gate=None, deleting=True)


def test_an_object_that_is_no_pod_of_ours_does_not_end_the_watch() -> None:
    assert view_pod({}).gate is None
