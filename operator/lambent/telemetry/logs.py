"""Log lines: one JSON object each (timestamp, level, logger, message, fields), or text for people.

Fields are given with `extra`: `logger.info("scaled", extra={"function": "default/hello", "replicas": 3})`.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final, TextIO

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_SECRET_WORDS: Final = ("token", "authorization", "password", "secret", "credential", "private_key", "cookie")
HIDDEN: Final = "(hidden)"


def configure_logging(level: str, log_format: str, stream: TextIO | None = None) -> None:
    """All loggers to one stream (default stdout), at `level` (DEBUG to ERROR), as JSON or TEXT. Calling it again replaces the former."""
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(JsonFormatter() if log_format == "JSON" else TextFormatter())
    root = logging.getLogger()
    for former in root.handlers[:]:
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(level)
    # One line per request or per watch of a library is noise beside our own lines.
    for name in ("aiohttp.access", "asyncio", "urllib3"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(capture=True)


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """What was given with `extra`; values under names that sound of secrets are hidden."""
    fields: dict[str, Any] = {}
    for name, value in vars(record).items():
        if name not in _STANDARD and not name.startswith("_"):
            fields[name] = HIDDEN if any(word in name.lower() for word in _SECRET_WORDS) else value
    return fields


class JsonFormatter(logging.Formatter):
    """One JSON object per line; a traceback is in `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its line feed."""
        line: dict[str, Any] = {
            "timestamp": _timestamp(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **fields_of(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str, separators=(",", ":"))


class TextFormatter(logging.Formatter):
    """`12:00:00.123 INFO autoscaler.app: scaled function=default/hello replicas=3`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, with the lines of a traceback below it."""
        fields = "".join(f" {name}={value}" for name, value in fields_of(record).items())
        line = f"{_timestamp(record)[11:23]} {record.levelname} {record.name.removeprefix('lambent.')}: {record.getMessage()}{fields}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _timestamp(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
