"""crds/ and lambent.api say the same: every field of the schema is read, every field read is in the schema, and defaults are equal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields as dataclass_fields
from typing import Any

import pytest

from lambent.api import conditions, invocation
from lambent.api.functions import code, function, pod, scaling
from lambent.api.functions.function import parse_function
from lambent.api.functions.status import FunctionStatus, Initialization
from lambent.api.triggers import grants, route_path, trigger
from lambent.api.triggers.grants import parse_grant
from lambent.api.triggers.served import find_unserved_fields, find_unserved_trigger_fields
from lambent.api.triggers.trigger import parse_trigger
from tests.support.schemas import Schema, fields, schema, version, walk, with_defaults

AS_KUBERNETES_HAS_THEM = (
    "spec.env[].valueFrom.",
    "spec.volumes[].configMap.",
    "spec.volumes[].secret.",
    "spec.volumes[].persistentVolumeClaim.",
    "spec.volumes[].emptyDir.",
    "spec.schedule.",
    "spec.batch.",
    "spec.retry.",
)
"""Passed on as written, to the pod's spec or to the version that will serve them."""


class Recorder(dict[str, Any]):
    """An object of a manifest that notes which of its fields are asked for."""

    def __init__(self, values: dict[str, Any], path: str, asked: set[str]) -> None:
        super().__init__({key: record(value, f"{path}.{key}".lstrip("."), asked) for key, value in values.items()})
        self.path = path
        self.asked = asked

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(f"{self.path}.{key}".lstrip("."))
        return super().get(key, default)


def record(value: Any, path: str, asked: set[str]) -> Any:
    if isinstance(value, dict):
        return Recorder(value, path, asked)
    if isinstance(value, list):
        return [record(item, f"{path}[]", asked) for item in value]
    return value


def asked_of(parse: Callable[[Any], Any], bodies: Iterator[dict[str, Any]]) -> set[str]:
    asked: set[str] = set()
    for body in bodies:
        parse(record(body, "", asked))
    return {path for path in asked if path.startswith("spec.")}


DESTINATION = {"destination": "arn:aws:sqs:us-east-1:1:q"}
EVERYTHING: dict[str, Any] = {
    "handler": "a.b",
    "requirements": ["x"],
    "layers": ["x"],
    "memory": "256Mi",
    "timeoutSeconds": 4,
    "concurrency": 2,
    "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}, {"name": "B", "value": "x"}],
    "scaling": {"minScale": 1},
    "async": {"onSuccess": DESTINATION, "onFailure": DESTINATION, "deadLetter": DESTINATION},
    "url": {"cors": {"allowOrigins": ["*"]}},
    "logging": {"format": "JSON"},
    "initialization": {"sharing": "never"},
    "imagePullSecrets": [{"name": "x"}],
    "serviceAccountName": "x",
    "runtimeClassName": "x",
    "nodeSelector": {"a": "b"},
    "tolerations": [{"key": "x"}],
    "volumes": [{"name": "x", "mountPath": "/mnt/x", "emptyDir": {}}],
    "cpu": {"limit": "1", "request": "100m"},
}
SOURCES: list[dict[str, Any]] = [
    {"inline": {"a.py": ""}},
    {"configMap": {"name": "x", "items": [{"key": "a", "path": "a.py"}]}},
    {"archive": {"url": "https://x", "sha256": "0" * 64}},
    {"oci": {"image": "x"}},
    {"git": {"url": "x"}},
]


def functions() -> Iterator[dict[str, Any]]:
    for source in SOURCES:
        yield {"metadata": {"name": "hello"}, "spec": {"runtime": "python3.11", "code": source, **EVERYTHING}}
    yield {"metadata": {"name": "hello"}, "spec": {"image": "x", **EVERYTHING}}


def triggers() -> Iterator[dict[str, Any]]:
    more = {"filter": [{"a": 1}], "batch": {"size": 1}, "retry": {"maxAttempts": 1}, "deadLetter": DESTINATION, "parallelism": 1}
    for source in trigger.SOURCES:
        body: dict[str, Any] = {"methods": ["GET"]} if source == "http" else {"x": 1}
        yield {"metadata": {"name": "t"}, "spec": {"function": {"name": "hello"}, source: body, **more}}


def described(plural: str) -> set[str]:
    everything = fields(schema(plural))
    return {path for path in everything if path.startswith("spec.") and not path.startswith(AS_KUBERNETES_HAS_THEM)}


def test_every_field_of_a_function_is_read_and_no_other() -> None:
    asked = {path for path in asked_of(parse_function, functions()) if not path.startswith(("spec.nodeSelector.", "spec.code.inline."))}

    assert asked == described("functions")


def test_every_field_of_a_trigger_is_read_and_no_other() -> None:
    assert asked_of(parse_trigger, triggers()) == described("triggers")


def test_defaults_of_the_schema_are_those_of_the_types() -> None:
    minimal: dict[str, Any] = {"metadata": {"name": "hello"}, "spec": {"runtime": "python3.11", "code": {"inline": {"a.py": ""}}}}
    sections: list[dict[str, Any]] = [
        {},
        {"scaling": {}},
        {"async": {}},
        {"url": {"cors": {}}},
        {"logging": {}},
        {"logging": {"format": "JSON"}},
    ]
    for section in sections:
        body = {**minimal, "spec": {**minimal["spec"], **section}}
        assert parse_function(with_defaults(body, schema("functions"))).spec == parse_function(body).spec

    for http in ({}, {"path": "/x"}):
        body = {"metadata": {"name": "t"}, "spec": {"function": {"name": "hello"}, "http": http}}
        assert parse_trigger(with_defaults(body, schema("triggers"))) == parse_trigger(body)


def node(plural: str, path: str) -> Schema:
    return dict(walk(schema(plural)))[path]


@pytest.mark.parametrize(
    ("path", "low", "high"),
    [
        ("spec.timeoutSeconds", 1, function.MAX_TIMEOUT_SECONDS),
        ("spec.concurrency", 1, function.MAX_CONCURRENCY),
        ("spec.scaling.minScale", 0, scaling.MAX_SCALE_LIMIT),
        ("spec.scaling.maxScale", 1, scaling.MAX_SCALE_LIMIT),
        ("spec.scaling.initialScale", 0, scaling.MAX_SCALE_LIMIT),
        ("spec.scaling.targetUtilization", 0.01, 1.0),
        ("spec.scaling.scaleToZeroAfterSeconds", 1, 86_400),
        ("spec.scaling.stableWindowSeconds", 6, 3_600),
        ("spec.scaling.panicWindowSeconds", 1, 3_600),
        ("spec.scaling.panicThreshold", 1.1, 10),
        ("spec.async.maxRetries", 0, 2),
        ("spec.async.maxEventAgeSeconds", 60, 21_600),
    ],
)
def test_ranges_are_equal(path: str, low: float, high: float) -> None:
    """Both ends are taken by schema and types, and a step beyond by neither."""
    found = node("functions", path)
    assert (found["minimum"], found["maximum"]) == (low, high)
    step = 1 if found["type"] == "integer" else 0.005
    *parents, last = path.split(".")[1:]

    def parse(value: float) -> None:
        room = {"scaling": {"maxScale": 1000, "stableWindowSeconds": 3600}, "async": {}}
        if last == "maxScale":
            room["scaling"] = {"initialScale": 0}
        if last == "stableWindowSeconds":
            room["scaling"] = {"panicWindowSeconds": 1}
        section: dict[str, Any] = {last: value}
        for parent in reversed(parents):
            section = {parent: {**room.get(parent, {}), **section}}
        parse_function({"metadata": {"name": "hello"}, "spec": {"runtime": "python3.11", "code": {"inline": {"a.py": ""}}, **section}})

    parse(low)
    parse(high)
    for beyond in (low - step, high + step):
        with pytest.raises(function.InvalidSpecError):
            parse(beyond)


@pytest.mark.parametrize(
    ("plural", "path", "values"),
    [
        ("functions", "spec.url.auth", invocation.AUTH_TYPES),
        ("functions", "spec.url.invokeMode", invocation.INVOKE_MODES),
        ("functions", "spec.url.access", invocation.ACCESSES),
        ("functions", "spec.logging.format", invocation.LOG_FORMATS),
        ("functions", "spec.logging.applicationLevel", invocation.APPLICATION_LEVELS),
        ("functions", "spec.logging.systemLevel", invocation.SYSTEM_LEVELS),
        ("functions", "spec.initialization.sharing", function.SHARING),
        ("triggers", "spec.http.methods[]", trigger.METHODS),
        ("triggers", "spec.http.payloadFormat", trigger.PAYLOAD_FORMATS),
    ],
)
def test_enumerations_are_equal(plural: str, path: str, values: tuple[str, ...]) -> None:
    assert tuple(node(plural, path)["enum"]) == values


def rules(plural: str, path: str) -> str:
    return " ".join(rule["rule"] for rule in node(plural, path)["x-kubernetes-validations"])


def test_lists_inside_rules_are_those_of_the_types() -> None:
    reserved = rules("functions", "spec.env[].name")
    for name in (*pod.RESERVED_ENV_NAMES, *pod.RESERVED_ENV_PREFIXES, pod.EXEC_WRAPPER):
        assert f"'{name}'" in reserved
    assert reserved.count("'") // 2 == 2 + len(pod.RESERVED_ENV_NAMES) + len(pod.RESERVED_ENV_PREFIXES), "and no other"
    for path in pod.RESERVED_MOUNT_PATHS[1:]:
        assert f"'{path}/'" in rules("functions", "spec.volumes[].mountPath")
    for source in code.SOURCES:
        assert f"has(self.{source})" in rules("functions", "spec.code")
    for source in pod.VALUE_SOURCES:
        assert f"has(self.{source})" in rules("functions", "spec.env[].valueFrom")
    for source in pod.VOLUME_SOURCES:
        assert f"has(self.{source})" in rules("functions", "spec.volumes[]")
    for source in trigger.SOURCES:
        assert f"has(self.{source})" in rules("triggers", "spec")
    assert rules("triggers", "spec").count("has(") == len(trigger.SOURCES)


def test_limits_inside_rules_are_those_of_the_types() -> None:
    assert f"<= {code.MAX_INLINE_CHARACTERS}" in rules("functions", "spec.code.inline")
    assert code.MAX_INLINE_CHARACTERS <= code.MAX_CODE_BYTES
    assert f"<= {code.MAX_PATH_LENGTH}" in rules("functions", "spec.code.inline")
    assert "quantity('128Mi')" in rules("functions", "spec.memory")
    assert "quantity('10Gi')" in rules("functions", "spec.memory")
    assert (function.MIN_MEMORY, function.MAX_MEMORY) == (128 * 2**20, 10 * 2**30)


def test_bounds_of_routes_and_grants_are_those_of_the_types() -> None:
    assert node("triggers", "spec.http.path")["maxLength"] == route_path.MAX_PATH_LENGTH
    # The text before the first slash is no segment.
    assert f"split('/').size() <= {route_path.MAX_SEGMENTS + 1}" in rules("triggers", "spec.http.path")
    assert node("hostgrants", "spec.hosts")["maxItems"] == grants.MAX_HOSTS
    assert node("hostgrants", "spec.namespaces")["maxItems"] == grants.MAX_NAMESPACES


def test_every_field_of_a_host_grant_is_read_and_no_other() -> None:
    bodies: list[dict[str, Any]] = [{"metadata": {"name": "g"}, "spec": {"hosts": ["*"], "namespaces": ["a"]}}]

    assert asked_of(parse_grant, iter(bodies)) == described("hostgrants")


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def test_status_is_what_the_types_hold() -> None:
    status = set(node("functions", "status")["properties"])
    assert status == {camel(item.name) for item in dataclass_fields(FunctionStatus)}
    initialization = set(node("functions", "status.initialization")["properties"])
    assert initialization == {camel(item.name) for item in dataclass_fields(Initialization)}
    for plural in ("functions", "triggers"):
        condition = set(node(plural, "status.conditions[]")["properties"])
        assert condition == {camel(item.name) for item in dataclass_fields(conditions.Condition)}


LATER = "erved by a later version"


@pytest.mark.parametrize("path", sorted(path for path, found in walk(schema("functions")) if LATER in found.get("description", "")))
def test_a_functions_field_that_is_said_to_come_later_is_refused_by_name(path: str) -> None:
    values: dict[str, Any] = {
        "spec.url.auth": {"url": {"auth": "AWS_IAM"}},
        "spec.url.invokeMode": {"url": {"invokeMode": "RESPONSE_STREAM"}},
        "spec.scaling.reservedConcurrency": {"scaling": {"reservedConcurrency": 1}},
        "spec.scaling.provisionedConcurrency": {"scaling": {"provisionedConcurrency": 1}},
        **{f"spec.code.{name}": {"code": source} for source in SOURCES for name in source},
        **{f"spec.{name}": {name: EVERYTHING[name]} for name in ("requirements", "layers", "async")},
    }
    spec = {"runtime": "python3.11", "code": {"inline": {"a.py": ""}}, **values[path]}

    (named,) = find_unserved_fields(parse_function({"metadata": {"name": "hello"}, "spec": spec}).spec)

    assert named.startswith(path)


def test_nothing_else_is_refused() -> None:
    later = {path for path, found in walk(schema("functions")) if LATER in found.get("description", "")}
    spec = {key: value for key, value in EVERYTHING.items() if f"spec.{key}" not in later}

    assert find_unserved_fields(parse_function({"metadata": {"name": "hello"}, "spec": {**spec, "image": "x"}}).spec) == ()


def test_every_trigger_field_that_is_said_to_come_later_is_refused() -> None:
    later = {path for path, found in walk(schema("triggers")) if LATER in found.get("description", "")}
    refused = {field for body in triggers() for field in find_unserved_trigger_fields(parse_trigger(body).spec)}

    assert later - {"spec.function.alias"} == refused


@pytest.mark.parametrize("plural", ["functions", "triggers"])
def test_columns_and_subresources_point_at_fields_that_are_there(plural: str) -> None:
    known = fields(schema(plural)) | {"metadata.creationTimestamp"}
    for column in version(plural)["additionalPrinterColumns"]:
        path = column["jsonPath"].lstrip(".").replace('[?(@.type=="Ready")]', "[]")
        assert path in known, column
    for path in version(plural)["subresources"].get("scale", {}).values():
        assert path.lstrip(".") in known
