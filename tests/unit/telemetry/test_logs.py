"""A log line is one JSON object, with its fields, and without secrets."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from lambent.telemetry.logs import configure_logging


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before
    logging.captureWarnings(capture=False)


def logged(log_format: str = "JSON", level: str = "INFO") -> io.StringIO:
    stream = io.StringIO()
    configure_logging(level, log_format, stream)
    return stream


def test_a_line_holds_time_level_logger_message_and_fields() -> None:
    stream = logged()
    logging.getLogger("lambent.autoscaler.app").info("scaled to %d", 3, extra={"function": "default/hello", "replicas": 3})
    line = json.loads(stream.getvalue())
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "INFO",
        "logger": "lambent.autoscaler.app",
        "message": "scaled to 3",
        "function": "default/hello",
        "replicas": 3,
    }


def test_a_message_of_several_lines_is_one_line() -> None:
    stream = logged()
    logging.getLogger("lambent").warning("a\nb \u2028 ü")
    assert stream.getvalue().count("\n") == 1
    assert json.loads(stream.getvalue())["message"] == "a\nb \u2028 ü"


def test_a_traceback_is_in_the_line() -> None:
    stream = logged()
    try:
        int("no")
    except ValueError:
        logging.getLogger("lambent").exception("failed")
    assert "ValueError: invalid literal" in json.loads(stream.getvalue())["exception"]


@pytest.mark.parametrize("name", ["token", "Authorization", "db_password", "client_secret", "cookie"])
@pytest.mark.parametrize("log_format", ["JSON", "TEXT"])
def test_a_field_that_sounds_of_a_secret_is_hidden(name: str, log_format: str) -> None:
    stream = logged(log_format)
    logging.getLogger("lambent").info("hello", extra={name: "hunter2"})
    assert "hunter2" not in stream.getvalue()
    assert "(hidden)" in stream.getvalue()


def test_what_is_below_the_level_is_left_out_and_configuring_again_replaces() -> None:
    first = logged(level="WARNING")
    logging.getLogger("lambent").info("quiet")
    second = logged()
    logging.getLogger("lambent").info("once")
    assert first.getvalue() == ""
    assert second.getvalue().count("once") == 1


def test_text_is_for_people() -> None:
    stream = logged("TEXT")
    logging.getLogger("lambent.autoscaler.app").info("scaled", extra={"replicas": 3})
    assert stream.getvalue().endswith(" INFO autoscaler.app: scaled replicas=3\n")


def test_a_field_that_is_no_json_is_written_as_text() -> None:
    stream = logged()
    logging.getLogger("lambent").info("x", extra={"path": ValueError("odd")})
    assert json.loads(stream.getvalue())["path"] == "odd"
