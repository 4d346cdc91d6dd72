"""However often callers are refused or functions fail, the log gets so many lines of a kind, and says what it left out."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.activator.admission.model import FunctionKey
from lambent.activator.gateway.access_log import Record
from lambent.activator.gateway.log_quota import LINES, SECONDS, LogQuota
from lambent.api.reasons import CALLER_NOT_FOUND, CALLER_TOO_LARGE, PLATFORM_QUEUE_FULL
from tests.support.gateway_world import CountedMetrics

HELLO, OTHER = FunctionKey("default", "hello"), FunctionKey("default", "other")


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    said = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return said


def test_a_flood_of_one_kind_is_cut_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    now, metrics = 100.0, CountedMetrics()
    record = Record(metrics, lambda: now)
    with caplog.at_level(logging.INFO):
        for _ in range(LINES + 500):
            record.refused(None, "id", CALLER_NOT_FOUND, "no such host")
            record.failed(HELLO, "id", PLATFORM_QUEUE_FULL, "full")
        assert lines(caplog) == ["request refused: no such host", "invocation failed: full"] * LINES
        assert metrics.counted.count(("refused", CALLER_NOT_FOUND.code)) == LINES + 500

        record.refused(None, "id", CALLER_TOO_LARGE, "another kind")
        record.failed(OTHER, "id", PLATFORM_QUEUE_FULL, "another function")
        assert lines(caplog) == ["request refused: another kind", "invocation failed: another function"]

        now += SECONDS
        for _ in range(2):
            record.failed(HELLO, "id", PLATFORM_QUEUE_FULL, "full")
        assert lines(caplog) == ["invocation failed: full (500 more like it were not logged)", "invocation failed: full"]


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1.5))))
def test_each_kind_gets_its_lines_and_none_is_forgotten(takes: list[tuple[int, float]]) -> None:
    quota, now = LogQuota(), 0.0
    written: dict[int, int] = {}
    told: dict[int, int] = {}
    asked: dict[int, int] = {}
    for kind, pause in takes:
        now += pause
        asked[kind] = asked.get(kind, 0) + 1
        left_out = quota.take(kind, now)
        if left_out >= 0:
            written[kind] = written.get(kind, 0) + 1
            told[kind] = told.get(kind, 0) + left_out
            assert written[kind] + told[kind] == asked[kind]
    assert all(count <= LINES * (now // SECONDS + 1) for count in written.values())


def test_kinds_without_end_take_no_memory_without_end() -> None:
    quota = LogQuota()
    for kind in range(100_000):
        quota.take(kind, 0.0)

    assert len(quota._counts) + len(quota._left_out) <= 2048
