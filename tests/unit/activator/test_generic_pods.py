"""Generic pods in admission: taken from zero, refused, lost, given back, shared between activators."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambent.activator.admission.admission import Admission
from lambent.activator.admission.model import (
    Action,
    Become,
    Close,
    FunctionKey,
    Invocation,
    Limits,
    PoolKey,
    Retire,
    Rules,
    Send,
    Start,
    State,
)
from lambent.activator.admission.pools import share

KEY = FunctionKey("team", "hello")
OTHER = FunctionKey("team", "other")
POOL = PoolKey("team", "python3.11")
RULES = Rules(concurrency=2, max_scale=10, ready_revision="r1", latest_revision="r1", ready=True, pool="python3.11")


class World:
    def __init__(self, pods: int = 2, rules: Rules = RULES) -> None:
        self.now = 1000.0
        self.admission = Admission(Limits(become_seconds=2, unfit_seconds=60))
        self.admission.set_rules(KEY, rules, self.now)
        self.admission.set_rules(OTHER, rules, self.now)
        for number in range(1, pods + 1):
            self.admission.open_generic_link(number, POOL)

    def submit(self, count: int = 1, key: FunctionKey = KEY) -> tuple[list[Invocation], list[Action]]:
        invocations = [Invocation(key, b"{}", b"{}") for _ in range(count)]
        return invocations, [action for each in invocations for action in self.admission.submit(each, self.now)]

    def became(self, number: int, name: str = "hello", revision: str = "r1") -> list[Action]:
        return self.admission.became(number, name, revision, 2, self.now)

    def waiting(self) -> int:
        return sum(count for _, count in self.admission.pools.figures())


def test_from_zero_a_generic_pod_is_asked_and_gets_the_invocation_once_it_is_initialised() -> None:
    world = World()
    (invocation,), actions = world.submit()

    assert actions == [Become(1, KEY, "r1")]
    assert world.waiting() == 1
    assert world.became(1) == []
    assert invocation.state is State.WAITING
    assert world.admission.initialized(1, None, world.now) == [Send(1, invocation)]


def test_a_pod_is_asked_for_as_many_slots_as_it_will_have() -> None:
    world = World()
    _, actions = world.submit(3)

    assert actions == [Become(1, KEY, "r1")]


ALONE = replace(RULES, concurrency=1)


def come_up(world: World, numbers: list[int], seconds: float) -> list[Action]:
    """Those that were asked become the function, after so many seconds; what follows."""
    world.now += seconds
    actions: list[Action] = []
    for number in numbers:
        actions += world.admission.became(number, "hello", "r1", 1, world.now)
        actions += world.admission.initialized(number, None, world.now)
    return actions


def look(world: World, seconds: float) -> list[int]:
    """Pods that are asked, and zeros for scales that are raised, when time has gone by."""
    world.now += seconds
    return [action.link if isinstance(action, Become) else 0 for action in world.admission.tick(world.now) if not isinstance(action, Send)]


def test_while_nobody_knows_how_long_it_takes_as_many_pods_are_taken_again_as_there_are() -> None:
    world = World(pods=12, rules=ALONE)
    assert world.submit(20)[1] == [Become(1, KEY, "r1")]

    come_up(world, [1], 0.008)
    assert look(world, 0.009) == []
    assert look(world, 0.002) == [2]
    assert look(world, 0.012) == []  # the other one is not up
    come_up(world, [2], 0.001)
    assert look(world, 0.009) == []
    assert look(world, 0.002) == [3, 4]
    come_up(world, [3, 4], 0.008)
    assert look(world, 0.009) == []
    assert look(world, 0.002) == [5, 6, 7, 8]


def test_each_burst_of_which_nothing_is_known_begins_with_one() -> None:
    world = World(pods=12, rules=ALONE)
    waiting, _ = world.submit(20)
    look(world, 0.11)
    for invocation in waiting:
        world.admission.cancel(invocation, world.now)
    for number in (1, 2):
        world.admission.close_link(number, world.now)

    assert world.submit(20)[1] == [Become(3, KEY, "r1")]


def test_pods_that_were_not_taken_because_they_may_not_be_needed_were_not_wanted() -> None:
    world = World(pods=12, rules=ALONE)
    world.submit(100)

    assert [each.starts for each in world.admission.read_statistics(world.now)] == [1]


def test_once_an_end_is_seen_no_more_are_taken_before_it_is_known_how_far_those_get() -> None:
    world = World(pods=12, rules=ALONE)
    world.submit(100)
    sent = come_up(world, [1], 0.008)
    assert [type(action) for action in sent] == [Send]
    for action in sent:
        action.invocation.sent = True  # type: ignore[union-attr]
        world.admission.result(action.link, action.invocation.number, world.now + 0.001, again=True)  # type: ignore[union-attr]

    assert look(world, 0.02) == []
    # The next ones do not end: after a tenth of a second it is known that one is not enough, and that ten are allowed.
    assert look(world, 0.08) == [2, 3, 4, 5, 6, 7, 8, 9, 10]


def test_a_quick_function_that_was_at_zero_is_known_to_be_quick() -> None:
    world = World(pods=12, rules=ALONE)
    world.submit()
    (send,) = come_up(world, [1], 0.008)
    send.invocation.sent = True  # type: ignore[union-attr]
    world.now += 0.002
    world.admission.result(1, send.invocation.number, world.now, again=True)  # type: ignore[union-attr]
    world.admission.close_link(1, world.now)

    # Within a tenth of a second, a pod serves 50.
    assert world.submit(50)[1] == [Become(2, KEY, "r1")]
    assert world.submit(50)[1] == [Become(3, KEY, "r1")]


def test_what_takes_no_time_that_a_clock_tells_is_quick_and_not_unknown() -> None:
    world = World(pods=12, rules=ALONE)
    world.submit(100)
    for send in come_up(world, [1, 2], 0.008):
        send.invocation.sent = True  # type: ignore[union-attr]
        world.admission.result(send.link, send.invocation.number, world.now, again=True)  # type: ignore[union-attr]

    assert look(world, 0.02) == []


def test_pods_that_come_up_slowly_do_not_hold_up_others_for_long_and_the_deployment_comes_after_the_pool() -> None:
    world = World(pods=6, rules=ALONE)
    world.submit(20)

    for taken in ([2], [3, 4], [5, 6, 0]):
        assert look(world, 0.09) == []
        assert look(world, 0.02) == taken


def test_a_pod_whose_handler_does_not_end_is_joined_by_another_after_a_moment() -> None:
    world = World(pods=2, rules=ALONE)
    world.submit()
    come_up(world, [1], 0.008)
    world.now += 5

    assert world.submit()[1] == []
    assert look(world, 0.009) == []
    assert look(world, 0.002) == [2]


def test_what_the_pool_does_not_have_starts_by_the_deployment_at_the_same_time() -> None:
    world = World(pods=1)

    assert world.submit(5)[1] == [Become(1, KEY, "r1")]
    # In a moment the pod could have served all of them. It is not the Deployment's yet, which is asked for it nonetheless: no pod of its
    # own starts in its place.
    world.now += 0.1
    assert world.admission.tick(world.now) == [Start(KEY, 3)]
    assert world.admission.count_pods(KEY) == 3


@pytest.mark.parametrize(("max_scale", "taken"), [(2, []), (6, [Become(2, KEY, "r1")])])
def test_a_pod_that_the_deployment_was_asked_for_has_its_place(max_scale: int, taken: list[Action]) -> None:
    """However soon the pool has more: who may have two pods never has three."""
    world = World(pods=1, rules=replace(RULES, max_scale=max_scale, concurrency=1))
    world.submit(2)
    world.now += 0.1
    assert world.admission.tick(world.now) == [Start(KEY, 2)]
    world.submit(3)

    world.admission.open_generic_link(2, POOL)
    world.now += 0.1

    assert [action for action in world.admission.tick(world.now) if isinstance(action, Become)] == taken


def test_a_pod_of_the_deployment_that_does_not_come_keeps_no_generic_one_away() -> None:
    world = World(pods=0, rules=replace(RULES, max_scale=1))
    assert world.submit()[1] == [Start(KEY, 1)]
    world.admission.open_generic_link(1, POOL)

    for _ in range(4):
        world.now += 1.1
        assert world.admission.tick(world.now) == [Start(KEY, 1)], "asked again, but not given up"
    world.now += 1.1

    assert world.admission.tick(world.now) == [Become(1, KEY, "r1")]


def test_pods_that_were_asked_and_have_not_answered_are_known() -> None:
    world = World()
    assert world.admission.count_becoming(KEY) == 0
    world.submit()
    assert world.admission.count_becoming(KEY) == 1
    world.became(1)
    assert world.admission.count_becoming(KEY) == 0
    assert world.admission.count_becoming(FunctionKey("team", "unknown")) == 0


def test_a_function_that_may_not_take_one_leaves_the_pool_alone() -> None:
    world = World(rules=replace(RULES, pool=""))

    assert world.submit()[1] == [Start(KEY, 1)]
    assert world.waiting() == 2


@pytest.mark.parametrize("pool", [PoolKey("else", "python3.11"), PoolKey("team", "nodejs20")])
def test_a_pod_of_another_namespace_or_runtime_is_never_taken(pool: PoolKey) -> None:
    world = World(pods=0)
    world.admission.open_generic_link(9, pool)

    assert world.submit()[1] == [Start(KEY, 1)]


def test_a_pod_that_is_something_else_already_serves_that_and_another_is_asked() -> None:
    world = World()
    (invocation,), _ = world.submit()

    assert world.became(1, "other") == [Become(2, KEY, "r1")]
    assert world.admission.count_pods(OTHER) == 1
    world.became(2)
    assert world.admission.initialized(1, None, world.now) == []
    assert world.admission.initialized(2, None, world.now) == [Send(2, invocation)]


def test_a_pod_that_could_not_become_anything_is_retired_and_another_is_asked() -> None:
    world = World()
    world.submit()

    actions = world.became(1, "", "")

    assert [type(action) for action in actions] == [Become, Retire]
    assert actions[0] == Become(2, KEY, "r1")
    assert world.waiting() == 0


def test_a_pod_that_another_activator_took_is_no_longer_to_be_had() -> None:
    world = World(pods=1)

    assert world.became(1, "other") == []
    assert world.waiting() == 0
    assert world.submit()[1] == [Start(KEY, 1)]


def test_a_pod_that_does_not_answer_is_given_up_and_another_way_is_found() -> None:
    world = World(pods=1)
    world.submit()
    world.now += 2.5

    actions = world.admission.check_links(world.now)

    assert [type(action) for action in actions] == [Close]
    assert world.admission.close_link(1, world.now) == [Start(KEY, 1)]


def test_a_pod_that_dies_before_its_initialisation_has_ended_costs_no_invocation() -> None:
    world = World()
    (invocation,), _ = world.submit()
    world.became(1)

    assert world.admission.close_link(1, world.now) == [Become(2, KEY, "r1")]
    world.became(2)
    assert world.admission.initialized(2, None, world.now) == [Send(2, invocation)]


def test_a_function_that_cannot_be_sent_gives_its_pod_back_and_starts_by_its_deployment() -> None:
    world = World(pods=1)
    world.submit()

    assert world.admission.give_back(1, world.now) == [Start(KEY, 1)]
    assert world.waiting() == 1
    assert world.submit(4)[1] == [Start(KEY, 2), Start(KEY, 3)]
    assert world.submit(key=OTHER)[1] == [Become(1, OTHER, "r1")]


def test_a_pod_that_changes_what_it_is_is_believed_nothing_any_more() -> None:
    world = World()
    world.submit()
    world.became(1)

    assert [type(action) for action in world.became(1, "other")] == [Retire]


def test_a_generic_pod_that_drains_or_goes_is_not_taken() -> None:
    world = World()
    world.admission.drain(1, world.now)
    world.admission.close_link(2, world.now)

    assert world.submit()[1] == [Start(KEY, 1)]
    world.admission.close_link(1, world.now)
    assert world.admission.running == 0


def test_statistics_tell_how_many_pods_were_needed_once_each() -> None:
    world = World(pods=1)
    world.submit(5)
    world.now += 0.5
    world.admission.tick(world.now)

    assert [(each.function, each.starts) for each in world.admission.read_statistics(world.now)] == [(KEY, 3)]
    world.now += 5
    world.admission.tick(world.now)
    assert [(each.function, each.starts) for each in world.admission.read_statistics(world.now)] == [(KEY, 0)]


@pytest.mark.parametrize("left", range(8))
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_the_shares_of_all_activators_add_up_to_what_is_left(left: int, count: int) -> None:
    names = tuple(f"activator-{number}" for number in range(count))

    assert sum(share(KEY, left, names, name) for name in names) == left


def test_an_activator_that_the_others_do_not_know_of_takes_none() -> None:
    assert share(KEY, 10, ("a", "b"), "c") == 0


def test_with_one_pod_allowed_one_of_two_activators_may_take_it() -> None:
    worlds = [World(rules=replace(RULES, max_scale=1)) for _ in range(2)]
    for name, world in zip("ab", worlds, strict=True):
        world.admission.pools.activators = ("a", "b")
        world.admission.pools.name = name

    kinds = sorted(type(world.submit()[1][0]).__name__ for world in worlds)

    assert kinds == ["Become", "Start"]
