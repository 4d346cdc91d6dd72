"""The pod's log: platform lines and functions' output, in the format asked for, to the pod's stdout and to log tails."""

from __future__ import annotations

import time
from collections.abc import Callable

from lambent_shim.telemetry.lines import Tail, tag_json, tag_text
from lambent_shim.telemetry.platform_lines import PlatformLines, Usage
from lambent_shim.workers.failures import TIMEOUT, Failure, InitError


class PodLog:
    """Writes whole lines through `write`. A tail gets what Lambda's LogResult holds: the lines as they are, without tags."""

    def __init__(self, write: Callable[[bytes], None], platform: PlatformLines, *, as_json: bool) -> None:
        self._write = write
        self._platform = platform
        self._as_json = as_json

    def start(self, request_id: str, tail: Tail | None) -> None:
        """An invocation begins."""
        self._both(self._platform.start(request_id, time.time()), tail)

    def end(self, request_id: str, usage: Usage, tail: Tail | None, status: str, error_type: str) -> None:
        """An invocation has ended."""
        self._both(self._platform.end(request_id, usage, time.time(), status=status, error_type=error_type), tail)

    def failure(self, request_id: str, failure: Failure, tail: Tail | None, *, timed_out: bool) -> None:
        """A process has ended instead of answering."""
        self._both(self._platform.failure(request_id, failure.message, failure.error_type, time.time(), timed_out=timed_out), tail)

    def init_start(self) -> None:
        """An initialisation begins."""
        self._write(self._platform.init_start(time.time()))

    def init_failure(self, error: InitError) -> None:
        """An initialisation has failed; what the runtime itself has logged is not repeated."""
        if error.failure is not None:
            self.note(f"{error.error_type}: {error.message}")

    def init_report(self, duration_ms: float, error: InitError, *, repeated: bool) -> None:
        """How long an initialisation has taken that failed; `repeated` for an invocation."""
        timed_out = error.failure is not None and error.failure.reason == TIMEOUT
        self._write(self._platform.init_report(duration_ms, error.error_type, time.time(), timed_out=timed_out, repeated=repeated))

    def output(self, lines: list[bytes], request_id: str, tail: Tail | None) -> None:
        """Lines of a process."""
        self._write(tag_json(lines, request_id, time.time()) if self._as_json else tag_text(lines, request_id))
        if tail is not None:
            tail.add(b"".join([line + b"\n" for line in lines]))

    def note(self, text: str) -> None:
        """A line of the shim itself."""
        line = text.replace("\n", " ").encode()
        self._write(tag_json([line], "", time.time()) if self._as_json else tag_text([line], ""))

    def _both(self, data: bytes, tail: Tail | None) -> None:
        self._write(data)
        if tail is not None:
            tail.add(data)
