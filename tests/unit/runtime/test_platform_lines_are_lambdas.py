from __future__ import annotations

import json
from typing import Any

import pytest

from lambent_shim.telemetry.platform_lines import PlatformLines, Usage, format_time

NOW = 1_795_262_400.0625
USAGE = Usage(1.234, 128, 30, 12.5)


def lines(**options: Any) -> PlatformLines:
    return PlatformLines(**({"as_json": False, "system_level": "INFO", "version": "$LATEST", "runtime": "python:3.11"} | options))


def events(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def test_start() -> None:
    assert lines().start("id-1", NOW) == b"START RequestId: id-1 Version: $LATEST\n"


def test_end_and_report_of_a_first_invocation() -> None:
    assert lines().end("id-1", USAGE, NOW) == (
        b"END RequestId: id-1\nREPORT RequestId: id-1\tDuration: 1.23 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\t"
        b"Max Memory Used: 30 MB\tInit Duration: 12.50 ms\t\n"
    )


def test_report_says_how_it_ended() -> None:
    usage = USAGE._replace(init_ms=None)
    assert lines().end("i", usage, NOW, status="timeout").endswith(b"Max Memory Used: 30 MB\tStatus: timeout\n")
    assert (
        lines()
        .end("i", usage, NOW, status="failure", error_type="Runtime.ExitError")
        .endswith(b"\tStatus: error\tError Type: Runtime.ExitError\n")
    )
    assert lines().end("i", usage, NOW, status="error").endswith(b"Max Memory Used: 30 MB\t\n")


def test_what_ended_a_process_is_logged() -> None:
    assert lines().failure("i", "Runtime exited with error: signal: killed", "Runtime.ExitError", NOW, timed_out=False) == (
        b"RequestId: i Error: Runtime exited with error: signal: killed\nRuntime.ExitError\n"
    )
    timed_out = lines().failure("i", "Task timed out after 3.00 seconds", "", NOW, timed_out=True)
    assert timed_out == f"{format_time(NOW)} i Task timed out after 3.00 seconds\n\n".encode()


@pytest.mark.parametrize(("duration", "billed"), [(0.0, 1), (0.2, 1), (1.0, 1), (1.001, 2), (3000.0, 3000)])
def test_billing_rounds_up_to_whole_milliseconds(duration: float, billed: int) -> None:
    assert USAGE._replace(duration_ms=duration).billed_ms == billed


def test_json_events_follow_the_telemetry_schema() -> None:
    (start,) = events(lines(as_json=True).start("i", NOW))
    assert start == {"time": format_time(NOW), "type": "platform.start", "record": {"requestId": "i", "version": "$LATEST"}}
    (report,) = events(lines(as_json=True).end("i", USAGE, NOW))
    assert report["type"] == "platform.report"
    assert report["record"] == {
        "requestId": "i",
        "metrics": {"durationMs": 1.234, "billedDurationMs": 2, "memorySizeMB": 128, "maxMemoryUsedMB": 30, "initDurationMs": 12.5},
        "status": "success",
    }


@pytest.mark.parametrize(
    ("level", "status", "types"),
    [
        ("DEBUG", "success", ["platform.start", "platform.runtimeDone", "platform.report"]),
        ("INFO", "success", ["platform.start", "platform.report"]),
        ("INFO", "timeout", ["platform.start", "platform.runtimeDone", "platform.report"]),
        ("WARN", "success", []),
        ("WARN", "failure", ["platform.runtimeDone", "platform.report"]),
    ],
)
def test_the_system_level_chooses_events(level: str, status: str, types: list[str]) -> None:
    platform = lines(as_json=True, system_level=level)
    written = platform.start("i", NOW) + platform.end("i", USAGE, NOW, status=status)
    assert [event["type"] for event in events(written)] == types


def test_times_are_utc_with_milliseconds() -> None:
    assert format_time(0.0625) == "1970-01-01T00:00:00.062Z"
