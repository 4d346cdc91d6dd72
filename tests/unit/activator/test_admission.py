"""Admission's single decisions; that they hold together under contention is in tests/property/activator."""

from typing import Any

import pytest

from lambent.activator.admission.admission import Admission
from lambent.activator.admission.model import (
    Action,
    Cancel,
    Close,
    Fail,
    Failure,
    FunctionKey,
    Invocation,
    Limits,
    Return,
    Rules,
    Send,
    Start,
    Want,
)
from lambent.api.reasons import FUNCTION_INIT_ERROR

KEY = FunctionKey("default", "hello")
RULES = Rules(concurrency=1, max_scale=20, timeout_seconds=3, ready_revision="r1", latest_revision="r1", ready=True)
BAD = Failure(FUNCTION_INIT_ERROR, "no module", "Runtime.ImportModuleError")


class World:
    """One admission and a clock moved by hand."""

    def __init__(self, rules: Rules | None = RULES, **limits: Any) -> None:
        self.now = 1000.0
        self.admission = Admission(Limits(**limits))
        if rules is not None:
            self.admission.set_rules(KEY, rules, self.now)

    def submit(self, payload: bytes = b"{}", key: FunctionKey = KEY) -> tuple[Invocation, list[Action]]:
        invocation = Invocation(key, b"{}", payload)
        actions = self.admission.submit(invocation, self.now)
        for action in actions:
            if isinstance(action, Send):
                action.invocation.sent = True
        return invocation, actions

    def link(self, number: int = 1, slots: int = 1, revision: str = "r1", key: FunctionKey = KEY) -> list[Action]:
        self.admission.open_link(number, key, revision, slots, self.now)
        actions = self.admission.initialized(number, None, self.now)
        for action in actions:
            if isinstance(action, Send):
                action.invocation.sent = True
        return actions

    def tick(self, seconds: float) -> list[Action]:
        self.now += seconds
        return self.admission.tick(self.now)


def reasons(actions: list[Action]) -> list[str]:
    return [action.failure.reason.code for action in actions if isinstance(action, Fail)]


def test_an_unknown_function_is_refused() -> None:
    _, actions = World(rules=None).submit()

    assert reasons(actions) == ["Caller.NotFound"]


def test_a_free_slot_takes_the_invocation_at_once() -> None:
    world = World()
    world.link()

    invocation, actions = world.submit()

    assert actions == [Send(1, invocation)]
    assert not invocation.wants_more


def test_from_zero_as_many_pods_are_asked_for_as_wait_and_no_more_than_allowed() -> None:
    world = World(starts_at_once=1000)

    starts = [world.submit()[1] for _ in range(50)]

    assert [action.replicas for actions in starts for action in actions if isinstance(action, Start)] == list(range(1, 21))


def starts(actions: list[Action]) -> list[int]:
    return [action.replicas for action in actions if isinstance(action, Start)]


def test_only_a_few_pods_start_at_once_and_more_where_the_cluster_has_room() -> None:
    world = World(starts_at_once=3, start_retry_seconds=60)
    asked = [replicas for _ in range(20) for replicas in starts(world.submit()[1])]

    assert asked == [1, 2, 3]
    world.now += 0.7
    # Each was quick: the one that is there makes room for another, and for one more beside it.
    assert [starts(world.link(number)) for number in (1, 2, 3)] == [[5], [7], [9]]
    world.now += 1.4
    # Six took twice as long: no more than three beside those that are there, and six are on their way.
    assert [starts(world.link(number)) for number in (4, 5, 6)] == [[], [], []]
    assert [starts(world.link(number)) for number in (7, 8)] == [[10], [11]]


def test_how_many_may_start_is_forgotten_with_the_burst() -> None:
    world = World(starts_at_once=3)
    waiting = [world.submit()[0] for _ in range(20)]
    world.now += 0.7
    for number in (1, 2, 3):
        world.link(number)
    for invocation in waiting:
        world.admission.cancel(invocation, world.now)
    for number in (1, 2, 3):
        world.admission.close_link(number, world.now)

    assert [replicas for _ in range(20) for replicas in starts(world.submit()[1])] == [1, 2, 3]


def test_no_more_start_than_will_find_work_at_the_pace_that_is_known() -> None:
    world = World(starts_at_once=1000, start_seconds=0.6)
    world.link()
    invocation, _ = world.submit()
    world.now += 0.1
    world.admission.result(1, invocation.number, world.now, again=True)
    world.admission.close_link(1, world.now)

    # Each of them serves six while another could start.
    assert [replicas for _ in range(13) for replicas in starts(world.submit()[1])] == [1, 2, 3]


def test_pods_take_several_each_where_concurrency_allows() -> None:
    world = World(Rules(concurrency=4, max_scale=20, ready_revision="r1"))

    starts = [world.submit()[1] for _ in range(9)]

    assert [action.replicas for actions in starts for action in actions] == [1, 2, 3]


def test_ready_pods_are_given_a_moment_before_more_are_asked_for() -> None:
    world = World(start_patience_seconds=0.1)
    world.link()
    world.submit()

    assert world.submit()[1] == []
    assert world.tick(0.05) == []
    assert world.tick(0.06) == [Start(KEY, 2)]
    assert world.tick(0.05) == []


def test_a_start_that_brings_nothing_is_asked_for_again() -> None:
    world = World(start_retry_seconds=1.0)
    world.submit()

    assert world.tick(0.5) == []
    assert world.tick(0.6) == [Start(KEY, 1)]


def test_after_a_scale_to_zero_the_next_request_asks_again() -> None:
    world = World()
    invocation, _ = world.submit()
    world.link()
    world.admission.result(1, invocation.number, world.now, again=True)
    world.admission.close_link(1, world.now)

    assert world.submit()[1] == [Start(KEY, 1)]


def test_the_least_loaded_link_is_chosen() -> None:
    world = World()
    world.link(1, slots=3)
    world.link(2, slots=3)

    chosen = [world.submit()[1][0].link for _ in range(6)]  # type: ignore[union-attr]

    assert sorted(chosen[:2]) == [1, 2]
    assert sorted(chosen) == [1, 1, 1, 2, 2, 2]


def test_a_full_queue_refuses_with_a_time_to_come_back() -> None:
    world = World(queue_count=2)
    for _ in range(2):
        world.submit()

    _, actions = world.submit()

    assert reasons(actions) == ["Platform.QueueFull"]
    assert actions[0].failure.retry_after_seconds == 1  # type: ignore[union-attr]


def test_no_function_can_take_all_of_the_queues_memory() -> None:
    other = FunctionKey("default", "other")
    world = World(queue_bytes=1000)
    world.admission.set_rules(other, RULES, world.now)
    world.submit(b"x" * 400)

    assert reasons(world.submit(b"x" * 400)[1]) == ["Platform.QueueFull"]
    assert reasons(world.submit(b"x" * 500, other)[1]) == []


def test_who_waits_too_long_is_told_whether_pods_were_busy_or_missing() -> None:
    world = World(queue_seconds=60)
    world.submit()

    assert reasons(world.tick(60)) == ["Platform.NotReady"]

    world.link()
    world.submit()
    world.submit()
    assert reasons(world.tick(60)) == ["Platform.QueueTimeout"]
    assert world.admission.queued == 0


def test_a_bounced_invocation_goes_back_to_the_front() -> None:
    world = World()
    world.link()
    first, _ = world.submit()
    second, _ = world.submit()

    assert world.admission.bounce(1, first.number, world.now) == []
    assert world.admission.grant(1, 1, world.now) == [Send(1, first)]
    assert first.wants_more
    assert second in world.admission._queues[KEY].waiting.line


def test_a_bounced_invocation_goes_elsewhere_where_a_slot_is_free() -> None:
    world = World()
    world.link(1)
    first, _ = world.submit()
    world.link(2)

    assert world.admission.bounce(1, first.number, world.now) == [Send(2, first)]


def test_a_grant_that_nobody_needs_is_returned() -> None:
    world = World()
    world.link()

    assert world.admission.grant(1, 1, world.now) == [Return(1, 1)]


def test_a_slot_that_others_hold_is_asked_for() -> None:
    world = World()
    world.link()
    first, _ = world.submit()
    world.admission.result(1, first.number, world.now, again=False)

    _, actions = world.submit()

    assert actions == [Want(1)]


def test_a_broken_link_fails_what_started_and_moves_what_did_not() -> None:
    world = World(Rules(concurrency=2, max_scale=5, ready_revision="r1"))
    world.link(1, slots=2)
    started, _ = world.submit()
    unstarted, _ = world.submit()
    unstarted.sent = False
    world.admission.open_link(2, KEY, "r1", 2, world.now)
    world.admission.initialized(2, None, world.now)

    actions = world.admission.close_link(1, world.now)

    assert reasons(actions) == ["Platform.LinkLost"]
    assert Send(2, unstarted) in actions
    assert started.state.name == "DONE"


def test_a_draining_pod_gets_nothing_more_and_keeps_what_it_has() -> None:
    world = World()
    world.link(1, slots=2)
    first, _ = world.submit()
    world.admission.drain(1, world.now)

    second, actions = world.submit()

    assert actions == [Start(KEY, 1)]
    invocation, _ = world.admission.result(1, first.number, world.now, again=False)
    assert invocation is first
    assert second.state.name == "WAITING"


def test_a_cancelled_invocation_that_runs_still_counts() -> None:
    world = World()
    world.link()
    invocation, _ = world.submit()

    assert world.admission.cancel(invocation, world.now) == [Cancel(1, invocation.number)]
    assert world.admission.running == 1
    world.admission.result(1, invocation.number, world.now, again=True)
    assert world.admission.running == 0


def test_a_shim_that_never_answers_is_closed() -> None:
    world = World(answer_grace_seconds=15)
    world.link()
    world.submit()
    world.now += 18.1

    assert [type(action) for action in world.admission.check_links(world.now)] == [Close]


def test_a_ghost_that_is_never_reported_ends_with_its_time() -> None:
    world = World()
    world.link()
    invocation, _ = world.submit()
    world.admission.cancel(invocation, world.now)
    waiting, _ = world.submit()
    world.now += 18.1

    assert world.admission.check_links(world.now) == [Send(1, waiting)]


@pytest.mark.parametrize(
    ("rules", "revision", "used"),
    [
        (Rules(ready_revision="r2", latest_revision="r2", ready=True), "r2", True),
        (Rules(ready_revision="r2", latest_revision="r2", ready=True), "r1", False),
        (Rules(ready_revision="r2", latest_revision="r2", ready=False), "r1", True),
        (Rules(ready_revision="r1", latest_revision="r2", ready=False), "r2", False),
        (Rules(ready_revision="r1", latest_revision="r2", ready=False), "r1", True),
        (Rules(ready_revision="", latest_revision="r2", ready=False), "r2", True),
        (Rules(ready_revision="", latest_revision="r2", ready=False), "r1", False),
    ],
)
def test_only_links_of_proven_revisions_are_used(rules: Rules, revision: str, used: bool) -> None:
    world = World(rules)
    world.link(revision=revision)

    _, actions = world.submit()

    assert any(isinstance(action, Send) for action in actions) is used


def test_the_ready_revision_is_preferred_while_an_older_one_still_serves() -> None:
    world = World(Rules(ready_revision="r2", latest_revision="r2", ready=False))
    world.link(1, slots=2, revision="r1")
    world.link(2, slots=1, revision="r2")

    assert [world.submit()[1][0].link for _ in range(3)] == [2, 1, 1]  # type: ignore[union-attr]


def test_code_that_never_initialised_is_answered_at_once_and_starts_nothing() -> None:
    world = World(Rules(latest_revision="r1", blocked=BAD))

    _, actions = world.submit()

    assert reasons(actions) == ["Function.InitError"]


def test_those_that_wait_are_answered_when_it_turns_out_that_nothing_will_serve() -> None:
    world = World(Rules(latest_revision="r1"))
    world.submit()

    assert reasons(world.admission.set_rules(KEY, Rules(latest_revision="r1", blocked=BAD), world.now)) == ["Function.InitError"]


def test_a_deleted_function_answers_those_that_wait() -> None:
    world = World()
    world.submit()

    assert reasons(world.admission.set_rules(KEY, None, world.now)) == ["Caller.NotFound"]
    assert world.admission._queues == {}


def test_a_pod_that_failed_to_initialise_serves_only_where_there_is_no_other() -> None:
    world = World(Rules(concurrency=1, max_scale=5, ready_revision="r1"))
    world.admission.open_link(1, KEY, "r1", 1, world.now)
    world.admission.initialized(1, BAD, world.now)

    first, actions = world.submit()
    assert actions == [Send(1, first)]

    world.link(2)
    second, actions = world.submit()
    assert actions == [Send(2, second)]
    world.admission.result(1, first.number, world.now, again=True)
    _, actions = world.submit()
    assert not any(isinstance(action, Send) for action in actions)


def test_statistics_are_time_weighted_and_end_when_a_function_turns_idle() -> None:
    world = World()
    world.link()
    world.admission.read_statistics(world.now)
    invocation, _ = world.submit()
    world.now += 0.1
    world.admission.result(1, invocation.number, world.now, again=True)
    world.now += 0.1

    (observed,) = world.admission.read_statistics(world.now)
    assert (observed.function, round(observed.concurrency, 3), observed.queued, observed.requests, observed.ready) == (KEY, 0.5, 0, 1, 1)

    world.now += 0.2
    assert [each.concurrency for each in world.admission.read_statistics(world.now)] == [0.0]
    assert world.admission.read_statistics(world.now) == []


def test_who_waits_for_a_moment_is_no_load_and_who_waits_for_long_is() -> None:
    world = World(start_patience_seconds=0.1)
    world.link()
    for _ in range(3):
        world.submit()
    world.tick(0.05)
    (observed,) = world.admission.read_statistics(world.now)
    assert (observed.concurrency, observed.queued) == (1.0, 2)

    world.tick(0.1)
    world.admission.read_statistics(world.now)
    world.tick(1.0)
    (observed,) = world.admission.read_statistics(world.now)
    assert (observed.concurrency, observed.queued) == (3.0, 2)


def test_a_burst_of_quick_invocations_starts_no_pod_that_would_come_too_late() -> None:
    world = World(start_patience_seconds=0.1, start_seconds=0.6, starts_at_once=1000)
    world.link()
    sent = [world.submit()[0] for _ in range(50)]
    # One after the other, each in 10 ms.
    for invocation in sent[:12]:
        world.now += 0.01
        world.admission.result(1, invocation.number, world.now, again=True)

    assert [action for action in world.tick(0.001) if isinstance(action, Start)] == []
    # Sixty of them will have been served when another pod could be there, and nine not: one pod serves them in a moment.
    assert [replicas for _ in range(31) for replicas in starts(world.submit()[1])] == [2]


def test_a_handler_that_has_become_slow_gets_more_pods_although_it_was_quick() -> None:
    world = World(start_patience_seconds=0.1, start_seconds=0.6)
    world.link()
    quick, _ = world.submit()
    world.now += 0.001
    world.admission.result(1, quick.number, world.now, again=True)
    for _ in range(3):
        world.submit()

    assert [action for action in world.tick(0.11) if isinstance(action, Start)] == []
    assert [action.replicas for action in world.tick(2.0) if isinstance(action, Start)] == [3]
