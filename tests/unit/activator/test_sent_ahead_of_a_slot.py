"""When an activator sends an invocation though no slot is known to be free. That none is lost by it: tests/property/activator."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.activator.admission.admission import Admission
from lambent.activator.admission.model import Action, FunctionKey, Invocation, Limits, Rules, Send

KEY = FunctionKey("default", "hello")
RULES = Rules(concurrency=2, max_scale=1, timeout_seconds=3, ready_revision="r1", latest_revision="r1", ready=True)


class World:
    """One activator, one pod of two slots, both busy, and others waiting; the first invocations' end says how long they take."""

    def __init__(self, *, waiting: int = 6, ahead: bool = True, payload: bytes = b"{}", **limits: Any) -> None:
        self.now = 1000.0
        self.admission = Admission(Limits(**limits))
        self.admission.set_rules(KEY, RULES, self.now)
        self.admission.open_link(1, KEY, "r1", 2, self.now, ahead=ahead)
        self.admission.initialized(1, None, self.now)
        for _ in range(2 + waiting):
            self.sent(self.admission.submit(Invocation(KEY, b"{}", payload), self.now))

    def sent(self, actions: list[Action]) -> list[bool]:
        """Of each invocation that is sent, whether it is ahead of a slot."""
        invocations = [action.invocation for action in actions if isinstance(action, Send)]
        for invocation in invocations:
            invocation.sent = True
        return [invocation.ahead for invocation in invocations]

    def end(self, number: int, *, after: float = 0.002, again: bool = True) -> list[bool]:
        self.now += after
        return self.sent(self.admission.result(1, number, self.now, again=again)[1])

    def level(self) -> float:
        self.admission.read_statistics(self.now)
        self.now += 1
        (observed,) = self.admission.read_statistics(self.now)
        return observed.concurrency


def test_a_busy_pod_of_a_fast_function_has_twice_its_slots_under_way() -> None:
    world = World()
    assert world.end(1) == [False, True, True]
    assert world.end(2, again=False) == [True]


def test_those_ahead_are_no_load_but_by_what_runs() -> None:
    world = World()
    world.end(1)
    assert world.level() == 2
    for number in range(2, 9):
        world.end(number, again=False)
    assert world.level() == 0


@pytest.mark.parametrize(
    ("world", "after"),
    [
        (World(), 0.006),
        (World(ahead=False), 0.002),
        (World(payload=b"{" + b" " * 70_000 + b"}"), 0.002),
        (World(waiting=1), 0.002),
    ],
    ids=["slow", "a shim that does not keep them", "large", "nobody waits besides"],
)
def test_where_it_is_not_worth_it_none_is(world: World, after: float) -> None:
    assert world.end(1, after=after) == [False]


def test_once_one_has_come_back_none_is_for_a_while() -> None:
    world = World(ahead_pause_seconds=0.003)
    assert world.end(1) == [False, True, True]
    back = world.admission.bounce(1, 5, world.now)
    assert world.sent(back) == []
    assert world.end(2, again=False) == []
    assert world.end(3, again=False) == [True, True, True]


def test_one_whose_caller_leaves_takes_no_slot_with_it() -> None:
    world = World(waiting=3)
    invocations = [Invocation(KEY, b"{}", b"{}")]
    assert world.end(1) == [False, True, True]
    world.sent(world.admission.submit(invocations[0], world.now))
    assert world.end(2, again=False) == [True]
    world.admission.cancel(invocations[0], world.now)
    for number in (3, 4, 5):
        world.end(number, again=number == 5)
    assert world.end(invocations[0].number, again=True) == []
    assert world.admission.running == 0
    assert world.level() == 0
