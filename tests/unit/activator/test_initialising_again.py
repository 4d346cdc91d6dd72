"""A function that has never initialised heals without a new manifest: now and then an invocation tries it again, as on Lambda."""

from typing import Any

import pytest

from lambent.activator.admission.admission import Admission
from lambent.activator.admission.model import Action, Fail, Failure, FunctionKey, Invocation, Limits, Rules, Send, Start
from lambent.activator.catalog.views import rules_of
from lambent.api.functions.function import parse_function
from lambent.api.reasons import FUNCTION_INIT_ERROR, PLATFORM_NOT_READY

KEY = FunctionKey("default", "hello")
BAD = Failure(FUNCTION_INIT_ERROR, "no database", "ConnectionError")
BLOCKED = Rules(latest_revision="r1", blocked=BAD, recoverable=True)
HOPELESS = Rules(latest_revision="r1", blocked=Failure(PLATFORM_NOT_READY, "the image cannot be pulled"))
INITIALIZATION_FAILED = {"type": "Ready", "status": "False", "reason": "InitializationFailed"}
SERVING = Rules(latest_revision="r1", ready_revision="r1", ready=True)


def _admission(rules: Rules = BLOCKED) -> Admission:
    admission = Admission(Limits(initialise_again_seconds=5, initialise_again_longest_seconds=60, queue_seconds=60))
    admission.set_rules(KEY, rules, 0)
    return admission


def _kinds(actions: list[Action]) -> list[type]:
    return [type(action) for action in actions]


def _submit(admission: Admission, now: float) -> list[type]:
    return _kinds(admission.submit(Invocation(KEY, b"{}", b"{}"), now))


def _link(admission: Admission, now: float, failure: Failure | None, number: int = 1, revision: str = "r1") -> list[Action]:
    admission.open_link(number, KEY, revision, 1, now)
    return admission.initialized(number, failure, now)


@pytest.mark.parametrize(
    ("status", "blocked", "recoverable"),
    [
        ({"initialization": {"revision": "r2", "outcome": "Failed"}}, True, True),
        ({"initialization": {"revision": "r1", "outcome": "Failed"}}, False, False),
        ({"initialization": {"revision": "r2", "outcome": "Succeeded"}}, False, False),
        ({"initialization": {"revision": "r2", "outcome": "Failed"}, "readyRevision": "r1"}, False, False),
        ({"initialization": {"revision": "r2", "outcome": "Succeeded"}, "conditions": [INITIALIZATION_FAILED]}, False, False),
        ({"initialization": {"revision": "r1", "outcome": "Succeeded"}, "conditions": [INITIALIZATION_FAILED]}, True, False),
        ({"conditions": [{"type": "Ready", "status": "False", "reason": "ImagePullFailed"}]}, True, False),
        ({"conditions": [{"type": "Ready", "status": "False", "reason": "QuotaExceeded"}]}, False, False),
    ],
)
def test_what_blocks_a_function_may_pass_where_it_was_its_initialisation(status: dict[str, Any], blocked: bool, recoverable: bool) -> None:
    spec = {"runtime": "python3.11", "code": {"inline": {"app.py": "x"}}}
    body = {"metadata": {"name": "hello"}, "spec": spec, "status": {"latestRevision": "r2", **status}}

    rules = rules_of(parse_function(body))

    assert (rules.blocked is not None, rules.recoverable) == (blocked, recoverable)


def test_one_invocation_in_a_while_goes_to_the_failed_pod_and_the_others_are_answered_at_once() -> None:
    admission = _admission()
    admission.open_link(1, KEY, "r1", 4, 100)
    admission.initialized(1, BAD, 100)

    assert [_submit(admission, now) for now in (100, 101, 104.9, 105, 106)] == [[Send], [Fail], [Fail], [Send], [Fail]]


def test_without_a_pod_one_invocation_starts_one_and_waits_for_it_while_the_others_are_answered_at_once() -> None:
    admission = _admission()
    trial = Invocation(KEY, b"{}", b"{}")

    assert admission.submit(trial, 100) == [Start(KEY, 1)]
    assert [_submit(admission, now) for now in (100, 110, 150)] == [[Fail], [Fail], [Fail]]
    assert _link(admission, 151, None) == [Send(1, trial)]


def test_a_trial_that_fails_again_is_repeated_by_the_pod_and_tells_how_it_ended() -> None:
    admission = _admission()
    trial = Invocation(KEY, b"{}", b"{}")
    admission.submit(trial, 100)

    # As on Lambda, the shim repeats the initialisation for the invocation; the error is its answer.
    assert _link(admission, 101, BAD) == [Send(1, trial)]
    assert admission.result(1, trial.number, 102, again=True)[0] is trial


def test_pods_are_started_with_growing_pauses_up_to_a_limit() -> None:
    admission = _admission()
    started = []
    for second in range(400):
        trial = Invocation(KEY, b"{}", b"{}")
        if _kinds(admission.submit(trial, 100 + second)) == [Start]:
            started.append(second)
            admission.cancel(trial, 100 + second)

    assert started == [0, 5, 15, 35, 75, 135, 195, 255, 315, 375]


def test_a_trial_waits_through_news_of_the_function_and_may_wait_in_vain() -> None:
    admission = _admission()
    trial = Invocation(KEY, b"{}", b"{}")
    admission.submit(trial, 100)

    assert admission.set_rules(KEY, BLOCKED, 100.5) == []
    assert [action for action in admission.tick(159) if not isinstance(action, Start)] == []
    assert [action.failure.reason for action in admission.tick(160) if isinstance(action, Fail)] == [PLATFORM_NOT_READY]


@pytest.mark.parametrize("rules", [HOPELESS, None], ids=["hopeless", "deleted"])
def test_a_trial_ends_when_there_is_nothing_to_hope_for(rules: Rules | None) -> None:
    admission = _admission()
    _submit(admission, 100)

    assert _kinds(admission.set_rules(KEY, rules, 101)) == [Fail]


def test_who_waited_before_the_function_was_blocked_is_no_trial() -> None:
    admission = _admission(Rules(latest_revision="r1"))
    _submit(admission, 100)

    assert _kinds(admission.set_rules(KEY, BLOCKED, 101)) == [Fail]


def test_what_a_new_pod_cannot_mend_starts_none() -> None:
    assert _submit(_admission(HOPELESS), 100) == [Fail]


def test_a_pod_that_has_initialised_serves_all_before_the_status_says_so() -> None:
    admission = _admission()
    trial = Invocation(KEY, b"{}", b"{}")
    admission.submit(trial, 100)
    _link(admission, 101, None)

    waiting = Invocation(KEY, b"{}", b"{}")
    assert _kinds(admission.submit(waiting, 101)) == []
    assert admission.set_rules(KEY, BLOCKED, 101) == []
    assert admission.result(1, trial.number, 102, again=True)[1] == [Send(1, waiting)]


def test_a_function_that_has_served_begins_anew_should_it_be_blocked_again() -> None:
    admission = _admission()
    trial = Invocation(KEY, b"{}", b"{}")
    admission.submit(trial, 100)
    admission.cancel(trial, 100)
    admission.set_rules(KEY, SERVING, 101)
    admission.set_rules(KEY, BLOCKED, 102)

    assert _submit(admission, 102) == [Start]


def test_a_pod_of_another_revision_is_not_tried_but_the_right_one_started() -> None:
    admission = _admission()
    _link(admission, 100, BAD, revision="r0")

    assert _submit(admission, 100) == [Start]


def test_a_trial_whose_link_breaks_before_it_has_started_goes_on_waiting() -> None:
    admission = _admission()
    trial = Invocation(KEY, b"{}", b"{}")
    admission.submit(trial, 100)
    _link(admission, 101, BAD)

    assert admission.close_link(1, 102) == [Start(KEY, 1)]
    assert admission.set_rules(KEY, BLOCKED, 102.5) == []
    assert _link(admission, 104, None, number=2) == [Send(2, trial)]
