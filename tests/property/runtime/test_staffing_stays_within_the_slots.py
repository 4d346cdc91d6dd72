"""Workers: never more than slots, one spare, one for each that waits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lambent_shim.workers.worker_count import count_missing


@given(slots=st.integers(1, 50), ready=st.integers(0, 50), busy=st.integers(0, 50), starting=st.integers(0, 50), waiting=st.integers(0, 50))
def test_workers_for_plain_handlers(slots: int, ready: int, busy: int, starting: int, waiting: int) -> None:
    missing = count_missing(slots=slots, coroutine=False, ready=ready, busy=busy, starting=starting, waiting=waiting)
    total = ready + busy + starting + missing
    assert missing >= 0
    assert missing == 0 or total <= slots
    assert total >= min(slots, busy + waiting)
    if busy + waiting < slots:
        assert ready + starting + missing >= 1


@given(slots=st.integers(1, 50), busy=st.integers(0, 1), starting=st.integers(0, 1), waiting=st.integers(0, 50))
def test_a_coroutine_handler_has_one_worker(slots: int, busy: int, starting: int, waiting: int) -> None:
    missing = count_missing(slots=slots, coroutine=True, ready=0, busy=busy, starting=starting, waiting=waiting)
    assert busy + starting + missing in {1, busy + starting}
