"""A worker that grows as fast as a core can fill pages is caught before it has used the shim's share."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lambent_shim.limits.memory import (
    COPIES_MIB,
    FASTEST_GROWTH_KIB_PER_SECOND,
    LONGEST_LOOK_SECONDS,
    SHIM_SHARE_MIB,
    SHORTEST_LOOK_SECONDS,
    Reading,
    judge,
    judge_exact,
)

KIB = st.integers(0, 20 << 20)
READINGS = st.dictionaries(st.integers(0, 5), st.builds(Reading, KIB, KIB, KIB), min_size=1)


@given(KIB, KIB, READINGS)
def test_whoever_is_killed_is_the_largest_and_only_past_the_limit(limit: int, template: int, readings: dict[int, Reading]) -> None:
    verdict = judge(limit, template, readings)
    assert SHORTEST_LOOK_SECONDS <= verdict.look_again_seconds <= LONGEST_LOOK_SECONDS
    used = template + sum(max(0, reading.resident - template) for reading in readings.values())
    assert (verdict.kill is not None) == (used > limit)
    if verdict.kill is not None:
        killed = readings[verdict.kill]
        assert killed.resident + killed.shared == max(reading.resident + reading.shared for reading in readings.values())


@given(KIB, KIB, READINGS, KIB)
def test_shared_memory_counts_once_and_is_seen_as_soon(limit: int, template: int, readings: dict[int, Reading], shared: int) -> None:
    verdict = judge(limit, template, readings, shared_kib=shared)
    used = template + shared + sum(max(0, reading.resident - template) for reading in readings.values())
    assert (verdict.kill is not None) == (used > limit)
    near = judge(limit, template, readings, shared_kib=shared, near_kib=0)
    assert near.kill == verdict.kill
    assert near.look_again_seconds == SHORTEST_LOOK_SECONDS


@given(st.integers(128, 10_240), st.integers(0, 60_000), st.floats(0.1, 1))
def test_the_fastest_growth_is_caught_within_a_part_of_the_shims_share(limit_mib: int, start_kib: int, speed: float) -> None:
    limit, resident = limit_mib * 1024, float(start_kib)
    while True:
        verdict = judge(limit, 0, {"worker": Reading(int(resident), 20 << 20)})
        if verdict.kill is not None:
            break
        resident += speed * FASTEST_GROWTH_KIB_PER_SECOND * verdict.look_again_seconds
    assert resident - limit <= (SHIM_SHARE_MIB - COPIES_MIB) * 1024 / 4


@given(KIB, KIB, st.dictionaries(st.integers(0, 5), KIB))
def test_copies_are_forgiven_up_to_their_part(limit: int, template: int, exact: dict[int, int]) -> None:
    worst = judge_exact(limit, template, exact)
    over = template + sum(exact.values()) > limit + COPIES_MIB * 1024
    assert (worst is not None) == (over and bool(exact))
    if worst is not None:
        assert exact[worst] == max(exact.values())
