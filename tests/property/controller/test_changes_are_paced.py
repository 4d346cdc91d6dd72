"""A namespace's changes: a first one never waits, those that come again are within the pace, and the last one is always carried out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lambent.controller.function.change_pace import AT_ONCE_SECONDS, QUIET_SECONDS, TELL_SECONDS, ChangePace

START = datetime(2026, 1, 1, tzinfo=UTC)
STEPS = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 30), st.sampled_from([0.0, 0.01, 0.1, 1.0, 20.0, 61.0])), min_size=1, max_size=200
)


@given(STEPS, st.sampled_from([1, 2, 50]))
def test_changes_that_come_again_are_within_the_pace_and_the_last_one_counts(steps: list[tuple[str, int, float]], rate: int) -> None:
    pace = ChangePace(rate)
    wanted: dict[tuple[str, str], int] = {}
    done: dict[tuple[str, str], int] = {}
    at: dict[tuple[str, str], datetime] = {}
    again: dict[str, list[datetime]] = {"a": [], "b": []}
    now = START

    def look(name: tuple[str, str], now: datetime) -> float:
        wait = pace.wait_seconds(name, now) or pace.ask(name, wanted[name], now)
        if not wait and done.get(name) != wanted[name]:
            if name in at and now - at[name] < timedelta(seconds=QUIET_SECONDS):
                again[name[0]].append(now)
            done[name], at[name] = wanted[name], now
        return wait

    for namespace, number, seconds in steps:
        name = (namespace, str(number))
        first = name not in at or now - at[name] >= timedelta(seconds=QUIET_SECONDS)
        waited = name in wanted and done.get(name) != wanted[name]
        wanted[name] = wanted.get(name, 0) + 1
        wait = look(name, now)
        assert not (wait and first and not waited), "a first change waits"
        now += timedelta(seconds=seconds)
    for name, generation in wanted.items():
        now += timedelta(seconds=look(name, now))
        assert look(name, now) == 0.0
        assert done[name] == generation
    for moments in again.values():
        for first_index, begin in enumerate(moments):
            within = [moment for moment in moments[first_index:] if moment - begin <= timedelta(seconds=5.0)]
            assert len(within) <= rate * (AT_ONCE_SECONDS + 5.0) + 1


def test_a_namespace_waits_for_itself_alone() -> None:
    pace = ChangePace(1)
    for generation in range(30):
        pace.ask(("loud", "f"), generation, START)
    assert pace.ask(("loud", "f"), 30, START) > 0.0

    for generation in range(5):
        assert pace.ask(("quiet", "f"), generation, START) == 0.0


def test_a_pace_of_zero_is_none() -> None:
    pace = ChangePace(0)
    assert all(pace.ask(("a", "f"), generation, START) == 0.0 for generation in range(1000))


def test_a_clock_that_is_set_back_makes_nobody_wait() -> None:
    pace = ChangePace(1)
    for generation in range(30):
        pace.ask(("a", "f"), generation, START)
    assert pace.wait_seconds(("a", "f"), START) > 0.0
    assert pace.wait_seconds(("a", "f"), START - timedelta(hours=1)) == 0.0


def test_of_those_that_wait_long_one_a_minute_is_told() -> None:
    pace = ChangePace(1)
    assert not pace.is_to_be_told("a", TELL_SECONDS - 1, START)
    assert pace.is_to_be_told("a", TELL_SECONDS + 1, START)
    assert not pace.is_to_be_told("a", TELL_SECONDS + 1, START + timedelta(seconds=30))
    assert pace.is_to_be_told("b", TELL_SECONDS + 1, START + timedelta(seconds=30))
    assert pace.is_to_be_told("a", TELL_SECONDS + 1, START + timedelta(seconds=61))


def test_what_is_remembered_is_of_the_last_minute() -> None:
    pace = ChangePace(1)
    for number in range(5000):
        pace.ask((f"n{number}", "f"), 1, START)
        pace.ask((f"n{number}", "f"), 2, START)
    pace.wait_seconds(("a", "f"), START + timedelta(seconds=2 * QUIET_SECONDS))
    assert len(pace._carried_out) == len(pace._next) == len(pace._due) == 0
