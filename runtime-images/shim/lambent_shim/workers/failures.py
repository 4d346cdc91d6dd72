"""What a caller gets when a process of the function ends instead of answering, in AWS's words. Pure.

Shapes as AWS Lambda answers them today: `Sandbox.Timedout`, `Runtime.ExitError`; reasons: docs/runtime-contract.md, "Who failed".
"""

from __future__ import annotations

import json
import os
import signal
from typing import Any, Final, NamedTuple

from lambent_shim.workers import frames

ERROR: Final = "Function.Error"
TIMEOUT: Final = "Function.Timeout"
OUT_OF_MEMORY: Final = "Function.OutOfMemory"
STORAGE_FULL: Final = "Function.StorageFull"
EXIT: Final = "Function.Exit"
TOO_MANY_PROCESSES: Final = "too many processes"
"""Why a worker was ended; its invocation fails with EXIT."""
INIT_ERROR: Final = "Function.InitError"
RESPONSE_TOO_LARGE: Final = "Function.ResponseTooLarge"
BAD_RESPONSE: Final = "Function.BadResponse"
BAD_REQUEST: Final = "Caller.BadRequest"
TOO_LARGE: Final = "Caller.TooLarge"

EXIT_ERROR: Final = "Runtime.ExitError"
TIMED_OUT: Final = "Sandbox.Timedout"

# Go's names of signals, which AWS's messages are made of (os.ProcessState.String).
_SIGNALS: Final = {
    signal.SIGABRT: "aborted",
    signal.SIGALRM: "alarm clock",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "floating point exception",
    signal.SIGHUP: "hangup",
    signal.SIGILL: "illegal instruction",
    signal.SIGINT: "interrupt",
    signal.SIGKILL: "killed",
    signal.SIGPIPE: "broken pipe",
    signal.SIGQUIT: "quit",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGSYS: "bad system call",
    signal.SIGTERM: "terminated",
    signal.SIGTRAP: "trace/breakpoint trap",
    signal.SIGUSR1: "user defined signal 1",
    signal.SIGUSR2: "user defined signal 2",
    signal.SIGXCPU: "CPU time limit exceeded",
    signal.SIGXFSZ: "file size limit exceeded",
}

KILLED: Final = int(signal.SIGKILL)
"""A wait status: ended by SIGKILL."""


class Failure(NamedTuple):
    """One failed invocation or initialisation, by what the platform saw."""

    reason: str
    error_type: str
    message: str
    """Without the `RequestId: … ` that an answer puts before it."""

    def encode(self, request_id: str) -> bytes:
        """The error's JSON for the caller."""
        fields = {"errorType": self.error_type, "errorMessage": f"RequestId: {request_id} Error: {self.message}"}
        return json.dumps(fields, separators=(",", ":")).encode()


def explain_exit(status: int, *, out_of_memory: bool) -> Failure:
    """The failure of a process by its wait status (os.waitpid)."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        name = _SIGNALS.get(number, f"signal {number}")  # type: ignore[call-overload]
        reason = OUT_OF_MEMORY if out_of_memory and number == signal.SIGKILL else EXIT
        return Failure(reason, EXIT_ERROR, f"Runtime exited with error: signal: {name}")
    code = os.waitstatus_to_exitcode(status)
    if code == 0:
        return Failure(EXIT, EXIT_ERROR, "Runtime exited without providing a reason")
    return Failure(EXIT, EXIT_ERROR, f"Runtime exited with error: exit status {code}")


def too_many_processes(count: int, most: int) -> Failure:
    """The failure of an invocation that has started so many processes, where so many are allowed."""
    return Failure(EXIT, EXIT_ERROR, f"Runtime exited with error: signal: killed: {count} processes run, {most} are allowed")


def storage_full(what: str) -> Failure:
    """The failure of an invocation whose process was ended for what it has written; `what` names folder, field and amounts."""
    return Failure(STORAGE_FULL, EXIT_ERROR, f"Runtime exited with error: signal: killed: {what}")


def time_out(limit_seconds: float) -> Failure:
    """The failure of an invocation that ran past the function's timeout."""
    return Failure(TIMEOUT, TIMED_OUT, f"Task timed out after {limit_seconds:.2f} seconds")


class InitError(NamedTuple):
    """Why an initialisation failed, for INIT and for the callers."""

    error_type: str
    message: str
    stack_trace: tuple[str, ...]
    payload: bytes | None
    """The runtime's own error JSON; None where the process ended without one."""
    failure: Failure | None
    """How the process ended, where it told nothing itself."""
    traceback: tuple[str, ...] = ()
    """Where in the user's code an import failed, for people; the callers' error has none, as on Lambda."""

    def encode(self, request_id: str) -> tuple[bytes, str]:
        """(error's JSON, reason) for one caller."""
        if self.failure is not None:
            return self.failure.encode(request_id), self.failure.reason if self.failure.reason != EXIT else INIT_ERROR
        return self.payload or b"{}", INIT_ERROR


def parse_init_error(payload: bytes, meta: bytes = b"") -> InitError:
    """The error that the bootstrap reported."""
    try:
        fields: Any = json.loads(payload)
        told: Any = json.loads(meta or b"{}")
        stack_trace, traceback = tuple(map(str, fields["stackTrace"])), tuple(map(str, told.get("traceback", ())))
        return InitError(str(fields["errorType"]), str(fields["errorMessage"]), stack_trace, payload, None, traceback)
    except (ValueError, KeyError, TypeError):
        return init_failure(Failure(INIT_ERROR, "Runtime.Unknown", "initialisation failed and reported no readable error"))


def init_failure(failure: Failure) -> InitError:
    """An initialisation whose process ended."""
    return InitError(failure.error_type, failure.message, (), None, failure)


def reason_of_result(flags: int) -> str | None:
    """The reason of a RESULT frame's flags; None for success."""
    if not flags & frames.FAILED:
        return None
    if flags & frames.TOO_LARGE:
        return RESPONSE_TOO_LARGE
    if flags & frames.BAD_RESULT:
        return BAD_RESPONSE
    if flags & frames.BAD_EVENT:
        return BAD_REQUEST
    return ERROR
