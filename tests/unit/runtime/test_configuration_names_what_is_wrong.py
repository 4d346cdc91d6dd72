from __future__ import annotations

import json
from typing import Any

import pytest

from lambent_shim.configuration import Configuration, ConfigurationError, parse_configuration

LEAST = {
    "namespace": "default",
    "function": "hello",
    "handler": "app.handler",
    "activators": ["links.example.:8081"],
    "taskRoot": "/var/task",
}


def parse(**fields: Any) -> Configuration:
    return parse_configuration(json.dumps(LEAST | fields), runtime_dir="/var/runtime", pod="pod-1")


def test_what_is_not_said_has_lambdas_defaults() -> None:
    configuration = parse()
    assert configuration.arn == "arn:aws:lambda:us-east-1:default:function:hello"
    assert (configuration.version, configuration.timeout_seconds, configuration.memory_mib, configuration.concurrency) == (
        "$LATEST",
        3,
        128,
        1,
    )
    assert (configuration.log_format, configuration.application_level, configuration.system_level) == ("Text", "", "INFO")
    assert (configuration.runtime_dir, configuration.pod, configuration.python) == ("/var/runtime", "pod-1", "python3")


def test_json_logs_have_a_level_even_if_none_is_said() -> None:
    assert parse(logging={"format": "JSON", "applicationLevel": None}).application_level == "INFO"


def test_an_image_without_a_runtime_is_pythons() -> None:
    assert parse(runtime="").runtime == "python3.11"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"namespace": ""}, "namespace is '', allowed: a non-empty string"),
        ({"handler": None}, "handler is None"),
        ({"timeoutSeconds": 901}, "timeoutSeconds is 901, allowed: 0.001 to 900"),
        ({"memoryMiB": "128"}, "memoryMiB is '128'"),
        ({"concurrency": 0}, "concurrency is 0, allowed: 1 to 1000"),
        ({"concurrency": True}, "concurrency is True"),
        ({"statusPort": 70000}, "statusPort is 70000, allowed: 0 to 65535"),
        ({"activators": []}, r"activators is \[\], allowed: a list of host:port"),
        ({"activators": ["no-port"]}, "activators holds 'no-port', allowed: host:port"),
        ({"activators": ["host:0"]}, "activators holds 'host:0'"),
        ({"logging": {"format": "XML"}}, "logging.format is 'XML', allowed: Text, JSON"),
        ({"logging": {"applicationLevel": "LOUD"}}, "logging.applicationLevel is 'LOUD'"),
        ({"logging": {"systemLevel": "ERROR"}}, "logging.systemLevel is 'ERROR', allowed: DEBUG, INFO, WARN"),
        ({"logging": "Text"}, "logging is 'Text'"),
        ({"storage": [{"path": "/tmp"}]}, "sizeMiB is 0, allowed: 1 to"),
        ({"storage": "/tmp"}, "storage is '/tmp', allowed: a list of objects with path, sizeMiB and field"),
        ({"memoryFolders": ["cache"]}, r"memoryFolders is \['cache'\], allowed: a list of absolute paths"),
        ({"parentPid": True}, "parentPid is True, allowed: 0 to 4194304"),
    ],
)
def test_a_bad_field_is_named_with_its_value_and_what_is_allowed(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        parse(**fields)


@pytest.mark.parametrize(("text", "message"), [("", "is no JSON"), ("{", "is no JSON"), ("[]", "is list, not an object")])
def test_what_is_no_object_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        parse_configuration(text, runtime_dir="", pod="")
