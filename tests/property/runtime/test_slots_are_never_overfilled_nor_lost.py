"""The slot arbiter against random histories of several activators that follow the contract's rules of credit."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lambent_shim.link.slots import Slots, Took, Turn
from tests.support.examples_drawn import examples

NAMES = ("a", "b", "c")


class Activators(RuleBasedStateMachine):
    """Activators with credit, invocations that run or are kept for a slot, and what each activator has been told."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 3
        self.slots: Slots[str] = Slots(self.total)
        self.running: list[tuple[str | None, bool]] = []
        self.kept: list[tuple[str, bool, int]] = []
        self.number = 0
        self.granted = dict.fromkeys(NAMES, 0)
        self.waiting: set[str] = set()
        self.drained = False

    def give(self, turns: list[Turn[str]]) -> None:
        for turn in turns:
            if turn.invocation is None:
                self.grant(turn.link)
            else:
                self.start(turn.invocation)

    def grant(self, link: str) -> None:
        assert link in self.waiting
        self.waiting.discard(link)
        self.granted[link] += 1

    def start(self, kept: tuple[str, bool, int]) -> None:
        self.kept.remove(kept)
        self.running.append(kept[:2])

    @rule(link=st.sampled_from(NAMES), wants_more=st.booleans(), ahead=st.booleans())
    def invoke(self, link: str, wants_more: bool, ahead: bool) -> None:
        held = self.granted[link] > 0
        self.number += 1
        invocation = (link, wants_more, self.number)
        took = self.slots.take(link, invocation if ahead else None)
        if took is Took.SLOT:
            assert not self.drained
            if held:
                self.granted[link] -= 1
            self.running.append((link, wants_more))
            return
        assert not held or self.drained, "a granted slot was taken away"
        if took is Took.KEPT:
            assert ahead
            assert not self.drained
            self.kept.append(invocation)
        elif not self.drained:
            assert not ahead or self.slots.kept(link) == self.total
            self.waiting.add(link)

    @precondition(lambda self: self.kept)
    @rule(data=st.data(), wait=st.booleans())
    def let_go(self, data: st.DataObject, wait: bool) -> None:
        kept = data.draw(st.sampled_from(self.kept))
        self.kept.remove(kept)
        self.slots.let_go(kept[0], kept, wait=wait)
        if wait:
            self.waiting.add(kept[0])

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        link, wants_more = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        first = self.slots.waiting[0] if self.slots.waiting else None
        again, grant, start = self.slots.finish(link, wants_more=wants_more)
        assert again + (grant is not None) + (start is not None) == (not self.drained)
        assert again == (first is None and not self.drained)
        if grant is not None:
            assert grant == first
            self.grant(grant)
        if start is not None:
            assert start[0] == first
            self.start(start)
        if (grant is not None or start is not None) and wants_more and link is not None and link != grant:
            self.waiting.add(link)

    @rule(link=st.sampled_from(NAMES))
    def want(self, link: str) -> None:
        if not self.drained:
            self.waiting.add(link)
            self.give(self.slots.want(link))

    @rule(link=st.sampled_from(NAMES), count=st.integers(0, 4))
    def give_back(self, link: str, count: int) -> None:
        self.granted[link] = max(0, self.granted[link] - count)
        self.give(self.slots.give_back(link, count))

    @rule(link=st.sampled_from(NAMES))
    def close(self, link: str) -> None:
        self.granted[link] = 0
        self.waiting.discard(link)
        self.kept = [kept for kept in self.kept if kept[0] != link]
        self.running = [(None if owner == link else owner, more) for owner, more in self.running]
        self.give(self.slots.close(link))

    @rule()
    def drain(self) -> None:
        self.drained = True
        self.granted = dict.fromkeys(NAMES, 0)
        self.waiting.clear()
        assert sorted(self.slots.drain()) == sorted(self.kept)
        self.kept.clear()

    @invariant()
    def never_more_than_the_slots(self) -> None:
        assert self.slots.running == len(self.running) <= self.total
        assert self.slots.running + self.slots.reserved + self.slots.free == self.total
        assert self.slots.free >= 0

    @invariant()
    def nobody_waits_while_a_slot_is_free(self) -> None:
        if not self.drained:
            assert not (self.slots.free and self.slots.waiting)

    @invariant()
    def the_books_agree(self) -> None:
        assert self.slots.reserved == sum(self.granted.values())
        assert self.waiting == {name for name in NAMES if self.slots.has_place(name)}
        assert [self.slots.kept(name) for name in NAMES] == [sum(kept[0] == name for kept in self.kept) for name in NAMES]
        plain = len(self.slots.waiting) - len(self.kept)
        assert 0 <= plain <= len(self.waiting)


TestSlots = Activators.TestCase
TestSlots.settings = settings(max_examples=examples(150), stateful_step_count=40)


def test_a_link_that_waits_twice_gets_one_grant() -> None:
    """Its activator counts one: a second grant would hold a slot that nobody uses."""
    slots: Slots[str] = Slots(2)
    slots.want("a")
    slots.want("a")
    slots.want("b")
    assert slots.take("b", 1) is slots.take("b", 2) is Took.KEPT, "the first in the place where the link waits"
    assert slots.want("b") == []
    slots.let_go("b", 1, wait=False)
    assert slots.close("a") == [Turn("b", None), Turn("b", 2)]
    assert slots.reserved == 1
    assert not slots.has_place("b")


def test_a_bounce_leaves_a_link_that_waits_already_in_one_place() -> None:
    slots: Slots[str] = Slots(2)
    slots.want("a")
    slots.want("a")
    slots.want("b")
    assert slots.take("b", 1) is slots.take("b", 2) is Took.KEPT
    slots.let_go("b", 2, wait=True)
    assert slots.waiting == ("b",)
    slots.let_go("b", 1, wait=True)
    assert slots.waiting == ("b",)
    assert slots.close("a") == [Turn("b", None)]
