from __future__ import annotations

import json

import pytest

from lambent_shim.workers import failures, frames


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (0, "Runtime exited without providing a reason"),
        (1 << 8, "Runtime exited with error: exit status 1"),
        (255 << 8, "Runtime exited with error: exit status 255"),
        (9, "Runtime exited with error: signal: killed"),
        (11, "Runtime exited with error: signal: segmentation fault"),
        (11 | 0x80, "Runtime exited with error: signal: segmentation fault"),
        (6, "Runtime exited with error: signal: aborted"),
        (2, "Runtime exited with error: signal: interrupt"),
        (40, "Runtime exited with error: signal: signal 40"),
    ],
)
def test_an_exit_is_told_as_go_tells_it(status: int, message: str) -> None:
    failure = failures.explain_exit(status, out_of_memory=False)
    assert (failure.reason, failure.error_type, failure.message) == ("Function.Exit", "Runtime.ExitError", message)


def test_out_of_memory_is_a_kill_with_its_own_reason() -> None:
    assert failures.explain_exit(9, out_of_memory=True).reason == "Function.OutOfMemory"
    assert failures.explain_exit(1 << 8, out_of_memory=True).reason == "Function.Exit"


def test_a_timeout_names_its_limit_with_two_digits() -> None:
    assert json.loads(failures.time_out(3).encode("id-1")) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "RequestId: id-1 Error: Task timed out after 3.00 seconds",
    }


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (0, None),
        (frames.FAILED, "Function.Error"),
        (frames.FAILED | frames.TOO_LARGE, "Function.ResponseTooLarge"),
        (frames.FAILED | frames.BAD_RESULT, "Function.BadResponse"),
        (frames.FAILED | frames.BAD_EVENT, "Caller.BadRequest"),
    ],
)
def test_a_result_has_the_reason_of_its_flags(flags: int, reason: str | None) -> None:
    assert failures.reason_of_result(flags) == reason


def test_an_initialisation_that_reported_is_passed_on_as_it_is() -> None:
    payload = b'{"errorMessage": "m", "errorType": "T", "requestId": "", "stackTrace": ["s"]}'
    error = failures.parse_init_error(payload)
    assert (error.error_type, error.message, error.stack_trace) == ("T", "m", ("s",))
    assert error.encode("id-1") == (payload, "Function.InitError")


def test_an_initialisation_that_only_ended_is_told_with_the_callers_id() -> None:
    error = failures.init_failure(failures.explain_exit(3 << 8, out_of_memory=False))
    payload, reason = error.encode("id-1")
    assert json.loads(payload)["errorMessage"] == "RequestId: id-1 Error: Runtime exited with error: exit status 3"
    assert reason == "Function.InitError"


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b"\xff"])
def test_a_report_nobody_can_read_is_still_an_error(payload: bytes) -> None:
    assert failures.parse_init_error(payload).error_type == "Runtime.Unknown"
