"""The slot arbiter against random histories of several activators that follow the contract's rules of credit."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lambent_shim.slots import Slots

NAMES = ("a", "b", "c")


class Activators(RuleBasedStateMachine):
    """Activators with credit, invocations that run, and what each activator has been told."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 3
        self.slots: Slots[str] = Slots(self.total)
        self.running: list[tuple[str | None, bool]] = []
        self.granted = dict.fromkeys(NAMES, 0)
        self.waiting: set[str] = set()
        self.drained = False

    def give(self, links: list[str]) -> None:
        for link in links:
            assert link in self.waiting
            self.waiting.discard(link)
            self.granted[link] += 1

    @rule(link=st.sampled_from(NAMES), wants_more=st.booleans())
    def invoke(self, link: str, wants_more: bool) -> None:
        held = self.granted[link] > 0
        if self.slots.take(link):
            assert not self.drained
            if held:
                self.granted[link] -= 1
            self.running.append((link, wants_more))
        else:
            assert not held or self.drained, "a granted slot was taken away"
            if not self.drained:
                self.waiting.add(link)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        link, wants_more = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        first = self.slots.waiting[0] if self.slots.waiting else None
        again, grant = self.slots.finish(link, wants_more=wants_more)
        assert not (again and grant is not None)
        if grant is not None:
            assert grant == first
            self.give([grant])
            if wants_more and link is not None and link != grant:
                self.waiting.add(link)
        else:
            assert first is None or self.drained

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
        self.running = [(None if owner == link else owner, more) for owner, more in self.running]
        self.give(self.slots.close(link))

    @rule()
    def drain(self) -> None:
        self.drained = True
        self.granted = dict.fromkeys(NAMES, 0)
        self.waiting.clear()
        self.slots.drain()

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
        assert set(self.slots.waiting) == self.waiting
        assert len(self.slots.waiting) == len(set(self.slots.waiting))


TestSlots = Activators.TestCase
TestSlots.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
