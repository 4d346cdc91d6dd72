"""What counts as run twice, as answered by another one's answer, as lost, and as under way when a fault struck."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.e2e.faults.catalog import all_faults, full_faults
from tests.e2e.faults.ledger import BROKEN, NOT_CONNECTED, OK, Call, Moment, Run, Verdict, judge
from tests.e2e.faults.table import format_row

STRUCK = [Moment(10.0, 10.2)]
LOST = "Platform.LinkLost"


def well(name: str, ended: float = 1.0) -> Call:
    return Call(name, ended - 0.1, ended, OK, name, f"run-{name}")


def failed(outcome: str, sent: float, ended: float) -> Call:
    return Call("x", sent, ended, outcome)


def ran(*names: str) -> list[Run]:
    return [Run(name, f"run-{name}", "pod") for name in names]


def test_what_is_answered_once_by_its_own_answer_is_clean() -> None:
    verdict = judge([well("a"), well("b")], ran("a", "b"), [], frozenset())

    assert verdict == Verdict(2, (), (), (), frozenset(), Counter(), 0, 0.0, verdict.gap_seconds)
    assert verdict.is_clean


def test_two_runs_of_one_request_are_told_whatever_the_caller_heard() -> None:
    verdict = judge([well("a")], [*ran("a"), Run("a", "another", "pod-2")], STRUCK, frozenset())

    assert verdict.ran_twice == ("a",)
    assert not verdict.is_clean


def test_a_record_that_was_sent_twice_is_one_run() -> None:
    assert judge([well("a")], ran("a", "a"), [], frozenset()).is_clean


@pytest.mark.parametrize("answer", [("b", "run-b"), ("a", "run-b"), ("a", "never")])
def test_an_answer_must_be_that_of_a_run_of_the_same_request(answer: tuple[str, str]) -> None:
    verdict = judge([Call("a", 0.0, 1.0, OK, *answer), well("b")], ran("a", "b"), [], frozenset())

    assert verdict.wrong == ("a",)


@pytest.mark.parametrize(
    ("sent", "ended", "excused", "lost"),
    [
        (9.0, 10.1, {LOST}, False),
        (10.1, 12.0, {LOST}, False),
        (9.0, 9.9, {LOST}, True),
        (10.3, 12.0, {LOST}, True),
        (9.0, 12.0, set(), True),
        (9.0, 12.0, {BROKEN}, True),
    ],
)
def test_only_what_was_under_way_may_fail_and_only_as_the_fault_excuses(
    sent: float, ended: float, excused: set[str], *, lost: bool
) -> None:
    verdict = judge([failed(LOST, sent, ended)], [], STRUCK, frozenset(excused))

    assert bool(verdict.lost) is lost
    assert verdict.under_way == ({} if lost else {LOST: 1})


def test_some_faults_excuse_only_what_a_handler_had_begun_to_run() -> None:
    call = failed(LOST, 9.0, 12.0)

    assert judge([call], [], STRUCK, frozenset(), frozenset({LOST})).lost == (call,)
    started = judge([call], ran("x"), STRUCK, frozenset(), frozenset({LOST}))
    assert started.is_clean
    assert started.under_way == {LOST: 1}
    assert judge([call], ran("x"), STRUCK, frozenset()).lost_started == {"x"}


def test_a_connection_that_nobody_took_is_counted_by_itself() -> None:
    refused = failed(NOT_CONNECTED, 11.0, 11.0)
    verdict = judge([refused, failed(NOT_CONNECTED, 12.5, 12.5)], [], STRUCK, frozenset({NOT_CONNECTED}))

    assert verdict.is_clean
    assert (verdict.refused, verdict.refused_seconds) == (2, pytest.approx(1.5))
    assert verdict.under_way == {}
    assert judge([refused], [], STRUCK, frozenset()).lost == (refused,)


def test_a_connection_that_nobody_took_before_the_fault_struck_is_lost() -> None:
    early = failed(NOT_CONNECTED, 9.0, 9.0)

    assert judge([early], [], STRUCK, frozenset({NOT_CONNECTED})).lost == (early,)


def test_a_request_that_a_handler_ran_was_taken_whatever_its_client_says() -> None:
    refused = failed(NOT_CONNECTED, 11.0, 11.0)

    assert judge([refused], ran("x"), STRUCK, frozenset({NOT_CONNECTED})).lost == (refused,)


def test_the_longest_time_without_an_answer_is_told() -> None:
    calls = [well("a", 1.0), well("b", 1.5), well("c", 4.0)]

    assert judge(calls, ran("a", "b", "c"), [], frozenset()).gap_seconds == pytest.approx(2.5)
    assert judge([failed(LOST, 1.0, 3.0)], [], [], frozenset()).gap_seconds == pytest.approx(2.0)


def test_a_row_tells_all_that_was_counted() -> None:
    verdict = Verdict(600, (), (), (), frozenset(), Counter({LOST: 2, BROKEN: 1}), 3, 0.84, 1.234)

    assert (
        format_row("kubelet killed", verdict)
        == "| kubelet killed | 600 | 0 | 0 | 0 | 2 Platform.LinkLost, 1 connection broken | 3 in 0.8 s | 1.23 s |"
    )


def test_every_fault_has_a_name_of_its_own() -> None:
    names = [fault.name for fault in all_faults()]

    assert len(names) == len(set(names))
    assert {fault.name for fault in full_faults(3)} - {fault.name for fault in full_faults(1)} == {"node drained"}


def test_no_more_fail_by_a_silent_pod_than_it_has_slots() -> None:
    silent = [Moment(10.0, 30.0)]
    calls = [Call(name, sent, 26.0, LOST) for name, sent in (("a", 10.1), ("b", 10.2), ("c", 20.0))]

    verdict = judge(calls, ran(), silent, frozenset({LOST}), most_excused=2)

    assert [call.id for call in verdict.lost] == ["c"]
    assert verdict.under_way == Counter({LOST: 2})
    assert judge(calls, ran(), silent, frozenset({LOST}), most_excused=3).is_clean
