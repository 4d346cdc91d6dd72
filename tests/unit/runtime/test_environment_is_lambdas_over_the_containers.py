from __future__ import annotations

from lambent_shim.environment import build_environment, name_log_stream
from tests.unit.runtime.test_configuration_names_what_is_wrong import parse

STREAM = name_log_stream("2026/11/21", "$LATEST", "0" * 32)


def test_reserved_names_are_lambdas_whatever_the_container_says() -> None:
    environment = build_environment(parse(), {"AWS_LAMBDA_FUNCTION_NAME": "mine", "_HANDLER": "x.y", "STAGE": "dev"}, log_stream=STREAM)
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "hello"
    assert environment["_HANDLER"] == "app.handler"
    assert environment["STAGE"] == "dev"
    assert environment["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.11"
    assert environment["AWS_LAMBDA_LOG_STREAM_NAME"] == "2026/11/21/[$LATEST]" + "0" * 32


def test_the_others_are_defaults() -> None:
    environment = build_environment(
        parse(), {"TZ": "Europe/Vienna", "AWS_REGION": "eu-central-1", "LANG": "de_AT.UTF-8"}, log_stream=STREAM
    )
    assert (environment["TZ"], environment["AWS_REGION"], environment["LANG"]) == ("Europe/Vienna", "eu-central-1", "de_AT.UTF-8")
    assert environment["AWS_DEFAULT_REGION"] == "us-east-1"


def test_nothing_of_the_shims_gets_through() -> None:
    environment = build_environment(parse(), {"LAMBENT_SHIM": "{}", "LAMBENT_OTHER": "1"}, log_stream=STREAM)
    assert not [name for name in environment if name.startswith("LAMBENT")]


def test_search_paths_are_lengthened_not_replaced() -> None:
    environment = build_environment(parse(layersDir="/opt"), {"PATH": "/bin", "PYTHONPATH": "/mine"}, log_stream=STREAM)
    assert environment["PATH"] == "/bin:/opt/bin"
    assert environment["PYTHONPATH"] == "/mine:/var/runtime"
    assert environment["LD_LIBRARY_PATH"] == "/var/task:/var/task/lib:/opt/lib"


def test_a_home_that_cannot_be_written_is_tmp() -> None:
    assert build_environment(parse(), {"HOME": "/"}, log_stream=STREAM)["HOME"] == "/tmp"
    assert build_environment(parse(), {"HOME": "/home/me"}, log_stream=STREAM)["HOME"] == "/home/me"


def test_the_application_level_is_told_only_where_there_is_one() -> None:
    assert "AWS_LAMBDA_LOG_LEVEL" not in build_environment(parse(), {}, log_stream=STREAM)
    environment = build_environment(parse(logging={"format": "JSON", "applicationLevel": "WARN"}), {}, log_stream=STREAM)
    assert (environment["AWS_LAMBDA_LOG_FORMAT"], environment["AWS_LAMBDA_LOG_LEVEL"]) == ("JSON", "WARN")
