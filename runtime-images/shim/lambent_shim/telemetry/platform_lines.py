"""The platform's own log lines: INIT_START, START, END and REPORT, or their JSON. Pure.

Formats: Lambda developer guide, "Log and monitor Python functions"; JSON: "Lambda Telemetry API event schema reference".
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any, NamedTuple

_LEVELS = {"DEBUG": 0, "INFO": 1, "WARN": 2}


class Usage(NamedTuple):
    """What an invocation took."""

    duration_ms: float
    memory_size_mib: int
    max_memory_used_mib: int
    init_ms: float | None
    """Only for the first invocation of an environment."""

    @property
    def billed_ms(self) -> int:
        """Whole milliseconds, rounded up."""
        return math.ceil(self.duration_ms) or 1


class PlatformLines:
    """Writes the platform's lines in one format."""

    def __init__(self, *, as_json: bool, system_level: str, version: str, runtime: str) -> None:
        self._as_json = as_json
        self._level = _LEVELS[system_level]
        self._version = version
        self._runtime = runtime

    def start(self, request_id: str, now: float) -> bytes:
        """The line that begins an invocation; `now` is seconds since the epoch."""
        if not self._as_json:
            return f"START RequestId: {request_id} Version: {self._version}\n".encode()
        return self._event("INFO", "platform.start", {"requestId": request_id, "version": self._version}, now)

    def end(self, request_id: str, usage: Usage, now: float, *, status: str = "success", error_type: str = "") -> bytes:
        """The lines that end it; status is success, error, timeout or failure, as Lambda's REPORT has it."""
        if not self._as_json:
            return f"END RequestId: {request_id}\n{_format_report(request_id, usage, status, error_type)}\n".encode()
        failed = {"errorType": error_type} if error_type else {}
        level = "INFO" if status == "success" else "WARN"
        done = {"requestId": request_id, "status": status, **failed, "metrics": {"durationMs": round(usage.duration_ms, 3)}}
        metrics: dict[str, Any] = {
            "durationMs": round(usage.duration_ms, 3),
            "billedDurationMs": usage.billed_ms,
            "memorySizeMB": usage.memory_size_mib,
            "maxMemoryUsedMB": usage.max_memory_used_mib,
        }
        if usage.init_ms is not None:
            metrics["initDurationMs"] = round(usage.init_ms, 3)
        report = {"requestId": request_id, "metrics": metrics, "status": status, **failed}
        done_level = "DEBUG" if status == "success" else "WARN"
        return self._event(done_level, "platform.runtimeDone", done, now) + self._event(level, "platform.report", report, now)

    def init_start(self, now: float) -> bytes:
        """The line that begins an initialisation."""
        if not self._as_json:
            return f"INIT_START Runtime Version: {self._runtime}\n".encode()
        fields = {"initializationType": "on-demand", "phase": "init", "runtimeVersion": self._runtime, "functionVersion": self._version}
        return self._event("INFO", "platform.initStart", fields, now)

    def init_report(self, duration_ms: float, error_type: str, now: float, *, timed_out: bool, repeated: bool) -> bytes:
        """The line of an initialisation that failed: as such, or `repeated` for an invocation."""
        status, phase = "timeout" if timed_out else "error", "invoke" if repeated else "init"
        if not self._as_json:
            line = f"INIT_REPORT Init Duration: {duration_ms:.2f} ms\tPhase: {phase}\tStatus: {status}"
            return (line if timed_out else f"{line}\tError Type: {error_type}").encode() + b"\n"
        fields = {"initializationType": "on-demand", "phase": phase, "status": status, "metrics": {"durationMs": round(duration_ms, 3)}}
        return self._event("INFO", "platform.initReport", fields if timed_out else fields | {"errorType": error_type}, now)

    def failure(self, request_id: str, message: str, error_type: str, now: float, *, timed_out: bool) -> bytes:
        """What Lambda logs of a process that ended; nothing in JSON, where the report says it."""
        if self._as_json:
            return b""
        if timed_out:
            return f"{format_time(now)} {request_id} {message}\n\n".encode()
        return f"RequestId: {request_id} Error: {message}\n{error_type}\n".encode()

    def _event(self, level: str, kind: str, record: dict[str, Any], now: float) -> bytes:
        if _LEVELS[level] < self._level:
            return b""
        return json.dumps({"time": format_time(now), "type": kind, "record": record}, separators=(",", ":")).encode() + b"\n"


def _format_report(request_id: str, usage: Usage, status: str, error_type: str) -> str:
    line = (
        f"REPORT RequestId: {request_id}\tDuration: {usage.duration_ms:.2f} ms\tBilled Duration: {usage.billed_ms} ms\t"
        f"Memory Size: {usage.memory_size_mib} MB\tMax Memory Used: {usage.max_memory_used_mib} MB\t"
    )
    if usage.init_ms is not None:
        line += f"Init Duration: {usage.init_ms:.2f} ms\t"
    if status == "timeout":
        line += "Status: timeout"
    elif status == "failure":
        line += f"Status: error\tError Type: {error_type}"
    return line


def format_time(now: float) -> str:
    """`2026-11-21T12:00:00.000Z` of seconds since the epoch."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{int(now * 1000) % 1000:03d}Z"
