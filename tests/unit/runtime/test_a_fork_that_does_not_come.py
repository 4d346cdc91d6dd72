"""When a process that is to fork counts as stopped for good."""

from __future__ import annotations

import pytest

from lambent_shim.workers.forks import IDLE_LOOKS, STOPPED_LOOKS, Look, judge


def looks_until_replaced(states: list[tuple[str, int]]) -> int | None:
    look: Look | None = None
    for number, (state, ticks) in enumerate(states):
        look, is_stuck = judge(look, state, ticks)
        if is_stuck:
            return number
    return None


@pytest.mark.parametrize("state", ["T", "t"])
def test_one_that_is_stopped_is_replaced_soon(state: str) -> None:
    assert looks_until_replaced([(state, 5)] * 10) == STOPPED_LOOKS


def test_one_that_sleeps_is_replaced_after_seconds() -> None:
    assert looks_until_replaced([("S", 5)] * 100) == IDLE_LOOKS


def test_one_that_uses_the_cpu_or_waits_for_it_is_left_alone() -> None:
    assert looks_until_replaced([("S", ticks) for ticks in range(100)]) is None
    assert looks_until_replaced([("R", 5)] * 100) is None


def test_one_that_is_gone_is_for_others_to_notice() -> None:
    assert looks_until_replaced([("", 0)] * 100) is None


def test_one_that_goes_on_begins_anew() -> None:
    assert looks_until_replaced([("S", 5)] * IDLE_LOOKS + [("S", 6)] + [("S", 6)] * (IDLE_LOOKS - 1)) is None
