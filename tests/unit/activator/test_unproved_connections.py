"""Whoever has not proved to be a function's pod: few connections and few failures, for each address and in all."""

from __future__ import annotations

import random

from lambent.activator.links.unproved import REMEMBERED, LinkLimits, Turned, Unproved

LIMITS = LinkLimits(unproved=10, unproved_per_address=3, failures_per_minute=6)


def test_connections_of_one_address_are_few_and_those_of_others_are_taken() -> None:
    unproved = Unproved(LIMITS)

    assert [unproved.admit("10.0.0.1", 0.0) for _ in range(5)] == [None] * 3 + [Turned.TOO_MANY_OF_ADDRESS] * 2
    assert unproved.admit("10.0.0.2", 0.0) is None
    unproved.leave("10.0.0.1")
    assert unproved.admit("10.0.0.1", 0.0) is None


def test_connections_of_all_addresses_are_bounded() -> None:
    unproved = Unproved(LIMITS)
    taken = [unproved.admit(f"10.0.0.{number}", 0.0) for number in range(20)]

    assert taken == [None] * 10 + [Turned.TOO_MANY] * 10
    for number in range(10):
        unproved.leave(f"10.0.0.{number}")
    assert (unproved.count, unproved._by_address) == (0, {})


def test_an_address_that_fails_too_often_is_not_listened_to_for_a_while() -> None:
    unproved = Unproved(LIMITS)
    for _ in range(6):
        unproved.fail("10.0.0.1", 100.0)

    assert unproved.admit("10.0.0.1", 100.0) is Turned.FAILED_TOO_OFTEN
    assert unproved.admit("10.0.0.2", 100.0) is None
    assert unproved.admit("10.0.0.1", 109.0) is Turned.FAILED_TOO_OFTEN
    assert unproved.admit("10.0.0.1", 110.1) is None


def test_failures_are_forgotten_with_time_and_so_are_addresses() -> None:
    unproved = Unproved(LIMITS)
    unproved.fail("10.0.0.1", 100.0)
    unproved.admit("10.0.0.1", 111.0)
    assert unproved._failures == {}
    for number in range(3 * REMEMBERED):
        unproved.fail(str(number), 200.0)
    assert len(unproved._failures) == REMEMBERED


def test_whatever_comes_and_goes_the_books_are_balanced() -> None:
    chance = random.Random(7)
    unproved, there = Unproved(LIMITS), []
    for turn in range(5000):
        address = str(chance.randrange(6))
        if chance.random() < 0.6:
            if unproved.admit(address, turn / 10) is None:
                there.append(address)
        elif there:
            gone = there.pop(chance.randrange(len(there)))
            if chance.random() < 0.2:
                unproved.fail(gone, turn / 10)
            unproved.leave(gone)
        assert unproved.count == len(there) <= LIMITS.unproved
        assert all(there.count(each) <= LIMITS.unproved_per_address for each in set(there))
