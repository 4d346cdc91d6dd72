"""Whatever Functions do, in whatever order, the index knows which pools have users, and tells of each first and each last one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lambent.controller.resources.pool_index import Pool, PoolIndex

NAMES = st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["x", "y", "z"]))
RUNTIMES = st.sampled_from([None, "python3.11", "python3.12"])


@given(st.lists(st.tuples(NAMES, RUNTIMES), max_size=40))
def test_it_is_what_a_look_at_all_functions_would_say(steps: list[tuple[tuple[str, str], str | None]]) -> None:
    index, now, used = PoolIndex(), dict[tuple[str, str], Pool | None](), set[Pool]()
    for name, runtime in steps:
        pool = Pool(name[0], runtime) if runtime else None
        told = index.note(name, pool)
        now[name] = pool
        before, used = used, {found for found in now.values() if found is not None}
        assert told == before ^ used
        assert all(index.is_used(found) for found in used)
        assert not any(index.is_used(found) for found in before - used)
