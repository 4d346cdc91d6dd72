"""However invocations begin and end, one alarm for the first deadline finds each that passes, in time and once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lambent_shim.workers.deadlines import Deadlines

LIMIT = 3.0
STEPS = st.lists(st.tuples(st.sampled_from(["begin", "end", "wait"]), st.integers(0, 5), st.floats(0, 4)), max_size=60)


@given(STEPS)
def test_each_deadline_is_met_exactly(steps: list[tuple[str, int, float]]) -> None:
    deadlines: Deadlines[int] = Deadlines(LIMIT)
    now, number, ends = 100.0, 0, dict[int, float]()
    for what, which, seconds in steps:
        if what == "begin":
            number += 1
            deadlines.begin(number, now)
            ends[number] = now + LIMIT
        elif what == "end":
            item = [*ends, 0][min(which, len(ends))]
            deadlines.end(item)
            ends.pop(item, None)
        else:
            until = now + seconds
            while deadlines.next_at is not None and deadlines.next_at <= until:
                now = deadlines.next_at
                assert now == min(ends.values())
                due = deadlines.take_due(now)
                assert due is not None
                assert ends.pop(due) == now
            assert deadlines.take_due(until) is None
            now = until
        assert deadlines.next_at == min(ends.values(), default=None)
