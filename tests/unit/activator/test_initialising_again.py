"""A function that has never initialised heals without a new manifest: now and then an invocation tries it again, as on Lambda."""

from lambent.activator.admission.core import Admission
from lambent.activator.admission.model import Action, Fail, Failure, FunctionKey, Invocation, Limits, Rules, Send
from lambent.api.reasons import FUNCTION_INIT_ERROR

KEY = FunctionKey("default", "hello")
BAD = Failure(FUNCTION_INIT_ERROR, "no database", "ConnectionError")
BLOCKED = Rules(latest_revision="r1", blocked=BAD)


def _admission(rules: Rules = BLOCKED) -> Admission:
    admission = Admission(Limits(initialise_again_seconds=5))
    admission.set_rules(KEY, rules, 0)
    return admission


def _kinds(actions: list[Action]) -> list[type]:
    return [type(action) for action in actions]


def _submit(admission: Admission, now: float) -> list[type]:
    return _kinds(admission.submit(Invocation(KEY, b"{}", b"{}"), now))


def test_one_invocation_in_a_while_goes_to_the_failed_pod_and_the_others_are_answered_at_once() -> None:
    admission = _admission()
    admission.open_link(1, KEY, "r1", 4, 100)
    admission.initialized(1, BAD, 100)

    assert [_submit(admission, now) for now in (100, 101, 104.9, 105, 106)] == [[Send], [Fail], [Fail], [Send], [Fail]]


def test_without_a_pod_everything_is_answered_at_once_and_no_pod_is_started() -> None:
    assert _submit(_admission(), 100) == [Fail]


def test_a_pod_of_another_revision_is_not_tried() -> None:
    admission = _admission()
    admission.open_link(1, KEY, "r0", 1, 100)
    admission.initialized(1, BAD, 100)

    assert _submit(admission, 100) == [Fail]
