"""Logging as AWS's runtime sets it up: a handler on the root logger, Text or JSON, and the sink all the runtime's own lines go to.

Formats: Lambda developer guide, "Log and monitor Python functions" and "Using Lambda advanced logging controls with Python".
"""

from __future__ import annotations

import contextvars
import json
import logging
import os
import sys
import time
import traceback
from typing import Any, Self, TextIO

from lambent_runtime.errors import format_error_lines
from lambent_runtime.marshal import to_json

request_id: contextvars.ContextVar[str | None] = contextvars.ContextVar("aws_request_id", default=None)
tenant_id: contextvars.ContextVar[str | None] = contextvars.ContextVar("tenant_id", default=None)

_TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
_TEXT_FORMAT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
_STANDARD_FIELDS = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {
    "aws_request_id",
    "tenant_id",
    "exc_text",
    "stack_info",
    "taskName",
}
_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode


class Sink:
    """Where the runtime's own lines go: the output pipe, by a descriptor that the handler does not know."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def log(self, message: str, frame_type: bytes | None = None) -> None:  # noqa: ARG002 - awslambdaric's signature
        """Write one record; it ends its line, as each is an event of its own on Lambda (telemetry log descriptor)."""
        write_all(self.descriptor, encode_record(message))

    def log_error(self, lines: list[str]) -> None:
        """Write an error as one record of several lines."""
        self.log("\n".join(lines))


def encode_record(message: str) -> bytes:
    """A record's bytes, with the end of its line."""
    return (message if message.endswith("\n") else message + "\n").encode("utf-8", "backslashreplace")


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it; nothing is left to do when the pipe is gone."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except OSError:
            return


class LambdaLoggerHandler(logging.Handler):
    """The root logger's handler; `log_sink` is where AWS's own has it, which libraries look for."""

    def __init__(self, log_sink: Sink) -> None:
        super().__init__()
        self.log_sink = log_sink

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        self.log_sink.log(self.format(record))


class LambdaLoggerFilter(logging.Filter):
    """Adds the invocation to each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Set `aws_request_id` and `tenant_id`; every record passes."""
        record.aws_request_id = current_request_id() or ""
        record.tenant_id = tenant_id.get()
        return True


_serving: list[str | None] = [None]


def current_request_id() -> str | None:
    """The invocation this code runs for: by context for coroutines, else the one the process serves (threads have no context)."""
    return request_id.get() or _serving[0]


def serve_request(identifier: str | None) -> None:
    """Name the one invocation this process serves."""
    _serving[0] = identifier


class JsonFormatter(logging.Formatter):
    """One JSON object per record."""

    def __init__(self) -> None:
        super().__init__(datefmt=_TIME_FORMAT)

    def format(self, record: logging.LogRecord) -> str:
        """The record's line."""
        record.levelno = min(50, max(0, record.levelno)) // 10 * 10
        record.levelname = logging.getLevelName(record.levelno)
        failure = record.exc_info or None
        fields: dict[str, Any] = {
            "timestamp": self.formatTime(record, self.datefmt),
            "level": record.levelname,
            "message": record.msg if isinstance(record.msg, dict) and not record.args else record.getMessage(),
            "logger": record.name,
            "stackTrace": traceback.format_tb(failure[2]) if failure else None,
            "errorType": failure[0].__name__ if failure and failure[0] else None,
            "errorMessage": str(failure[1]) if failure else None,
            "requestId": getattr(record, "aws_request_id", None),
            "location": f"{record.pathname}:{record.funcName}:{record.lineno}" if failure else None,
        }
        if getattr(record, "tenant_id", None) is not None:
            fields["tenantId"] = record.tenant_id  # type: ignore[attr-defined]
        for key, value in record.__dict__.items():
            if key not in _STANDARD_FIELDS and key not in fields:
                fields[key] = value
        return _encode({key: value for key, value in fields.items() if value is not None}) + "\n"


class Logs:
    """The process's logging: the sink, and how an error is written to it."""

    def __init__(self, sink: Sink, *, as_json: bool) -> None:
        self.sink = sink
        self._as_json = as_json

    def log_error(self, error: dict[str, Any]) -> None:
        """Write a failed invocation's or initialisation's error."""
        if self._as_json:
            stamp = time.strftime(_TIME_FORMAT, time.gmtime())
            self.sink.log_error([to_json({"timestamp": stamp, "level": "ERROR", **error})])
        else:
            self.sink.log_error(format_error_lines(error))


def set_up_logging(sink: Sink, environ: Any = os.environ) -> Logs:
    """Configure the root logger by AWS_LAMBDA_LOG_FORMAT and AWS_LAMBDA_LOG_LEVEL, as AWS does before the handler is imported."""
    as_json = (environ.get("AWS_LAMBDA_LOG_FORMAT") or "").upper() == "JSON"
    level = environ.get("AWS_LAMBDA_LOG_LEVEL") or ""
    level = {"TRACE": "DEBUG"}.get(level, level).upper()
    logging.Formatter.converter = time.gmtime
    handler = LambdaLoggerHandler(sink)
    handler.setFormatter(JsonFormatter() if as_json else logging.Formatter(_TEXT_FORMAT, "%Y-%m-%dT%H:%M:%S"))
    handler.addFilter(LambdaLoggerFilter())
    root = logging.getLogger()
    root.addHandler(handler)
    if level in logging.getLevelNamesMapping():
        root.setLevel(level)
    return Logs(sink, as_json=as_json)


class Unbuffered:
    """A text stream whose every write reaches the descriptor, so that nothing is lost when the process is killed."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> None:
        """Write and flush."""
        self.stream.write(text)
        self.stream.flush()

    def writelines(self, lines: list[str]) -> None:
        """Write and flush."""
        self.stream.writelines(lines)
        self.stream.flush()


def unbuffer_standard_streams() -> None:
    """As awslambdaric does."""
    sys.stdout = Unbuffered(sys.stdout)
    sys.stderr = Unbuffered(sys.stderr)
