"""Fairness: while every activator always has more to run, each gets its share of the slots."""

from __future__ import annotations

from collections import Counter, deque

from hypothesis import given
from hypothesis import strategies as st

from lambent_shim.link.slots import Slots, Took


@given(total=st.integers(1, 4), names=st.integers(2, 5))
def test_busy_links_share_the_slots_evenly(total: int, names: int) -> None:
    slots: Slots[int] = Slots(total)
    links = list(range(names))
    running: deque[int] = deque()
    served: Counter[int] = Counter()

    def send(link: int) -> None:
        if slots.take(link) is Took.SLOT:
            running.append(link)
        # As an activator does with more to run and no slot known to be free.
        assert slots.free or not slots.want(link)

    for link in links:
        for _ in range(total):
            send(link)
    rounds = 40 * names
    for _ in range(rounds):
        link = running.popleft()
        served[link] += 1
        finish = slots.finish(link, wants_more=True)
        if finish.grant is not None:
            send(finish.grant)
        elif finish.again:
            send(link)
        assert len(running) == total
    assert max(served.values()) - min(served[link] for link in links) <= 2 * total + 2
