"""The oldest objects of a namespace that fit its bounds are admitted, whatever the order in which they come, change and go."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from lambent.api.namespace_limits import Name, Roster

NAMES = st.tuples(st.sampled_from(["a", "b"]), st.sampled_from("tuvwxyz"))
STEPS = st.lists(st.tuples(st.booleans(), NAMES, st.sampled_from("123"), st.integers(0, 5)), max_size=40)


def naive(left: dict[Name, tuple[str, int]], most: int, most_bytes: int) -> set[Name]:
    admitted: set[Name] = set()
    for namespace in ("a", "b"):
        size = 0
        ordered = sorted(((created, name[1], has), name) for name, (created, has) in left.items() if name[0] == namespace)
        for (_, _, has), name in ordered[:most]:
            size += has
            if most_bytes and size > most_bytes:
                break
            admitted.add(name)
    return admitted


@given(STEPS, st.integers(1, 4), st.integers(0, 9))
def test_counting_step_by_step_admits_what_counting_anew_admits(
    steps: list[tuple[bool, Name, str, int]], most: int, most_bytes: int
) -> None:
    roster = Roster(most, most_bytes)
    left: dict[Name, tuple[str, int]] = {}
    for put, name, created, size in steps:
        before = naive(left, most, most_bytes)
        if put:
            left[name] = (created, size)
            moves = roster.put(name, created, size)
        else:
            left.pop(name, None)
            moves = roster.drop(name)
        now = naive(left, most, most_bytes)
        assert {each for each in left if roster.admits(each)} == now
        assert moves.admitted == now - before - {name}
        assert moves.refused == (before - now - {name}) & set(left)
        assert roster.refused() == len(left) - len(now)
        assert len(roster) == len(left)
