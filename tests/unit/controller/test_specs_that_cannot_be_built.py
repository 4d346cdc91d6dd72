"""A manifest that cannot be built is told, naming field and value; what served before serves on, and a fixed one recovers by itself."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.api.fields import InvalidSpecError
from lambent.api.functions.files import collect_files, config_map_files
from lambent.api.functions.function import parse_function, parse_function_spec
from lambent.api.triggers.served import find_unserved_fields, find_unserved_trigger_fields
from lambent.api.triggers.trigger import parse_trigger
from lambent.controller.function.decision import decide, decide_invalid
from lambent.controller.writes.problem import Problem
from tests.support.controller_world import INSTALLATION, START, World, a_manifest, observed_with


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"requirements": ["requests"]}, "spec.requirements"),
        ({"layers": ["arn:aws:lambda:us-east-1:1:layer:x:1"]}, "spec.layers"),
        ({"async": {"maxRetries": 1}}, "spec.async"),
        ({"url": {"auth": "AWS_IAM"}}, "spec.url.auth (AWS_IAM)"),
        ({"url": {"invokeMode": "RESPONSE_STREAM"}}, "spec.url.invokeMode (RESPONSE_STREAM)"),
        ({"scaling": {"reservedConcurrency": 0}}, "spec.scaling.reservedConcurrency"),
        ({"scaling": {"provisionedConcurrency": 1}}, "spec.scaling.provisionedConcurrency"),
        ({"runtime": "nodejs20"}, "spec.runtime (nodejs20)"),
        ({"runtime": "provided"}, "spec.runtime (provided)"),
        ({"code": {"archive": {"url": "https://x/y.zip", "sha256": "0" * 64}}}, "spec.code.archive"),
        ({"code": {"oci": {"image": "x"}}}, "spec.code.oci"),
        ({"code": {"git": {"url": "x"}}}, "spec.code.git"),
    ],
)
def test_a_field_that_is_not_served_is_named(spec: dict[str, Any], field: str) -> None:
    world = World(a_manifest(**spec))

    world.settle()

    assert world.condition("Ready") == ("False", "FieldNotServed")
    assert field in world.message()
    assert world.objects == {}


def test_what_is_served_is_not_named() -> None:
    spec = {"runtime": "python3.11", "code": {"inline": {"a.py": ""}}, "url": {"auth": "NONE"}, "scaling": {"minScale": 1}}

    assert find_unserved_fields(parse_function_spec(spec)) == ()


def test_a_runtime_that_is_not_installed_is_told_with_those_that_are() -> None:
    world = World(a_manifest(runtime="python3.12"))

    world.settle()

    assert world.condition("Ready") == ("False", "RuntimeUnavailable")
    assert "python3.12" in world.message()
    assert "python3.11" in world.message()


def test_what_serves_is_left_alone_and_a_fixed_manifest_recovers() -> None:
    world = World().serving_world()
    revision = world.status["readyRevision"]
    before = len(world.history)

    world.edit(layers=["x"])
    world.settle()

    assert world.condition("Ready") == ("False", "FieldNotServed")
    assert f"revision {revision} serves on" in world.message()
    assert world.status["readyRevision"] == revision
    assert world.history[before:] == []

    world.edit(layers=[])
    world.settle()
    assert world.condition("Ready") == ("True", "Ready")


def test_code_that_is_not_there_is_told_and_looked_for_again() -> None:
    world = World(a_manifest(code={"configMap": {"name": "gone"}}))
    observed = observed_with(world, code=None, code_problem=Problem("CodeNotFound", "no ConfigMap 'gone'"))

    plan = decide(START, observed, INSTALLATION)

    assert plan.status is not None
    reasons = {item["type"]: (item["status"], item["reason"]) for item in plan.status["conditions"]}
    assert reasons["Ready"] == reasons["CodeReady"] == ("False", "CodeNotFound")
    assert [notice.reason for notice in plan.notices] == ["CodeNotFound"]
    assert plan.requeue_seconds is not None


def test_a_spec_that_cannot_be_read_changes_nothing_but_ready() -> None:
    stored = {"readyRevision": "a", "conditions": [{"type": "Active", "status": "True", "reason": "Running"}]}

    plan = decide_invalid(START, 4, stored, "spec.memory: 'x' is not allowed; use a quantity from 128Mi to 10Gi")

    assert plan.writes == ()
    assert plan.status is not None
    assert set(plan.status) == {"observedGeneration", "conditions"}
    assert {item["type"]: item["reason"] for item in plan.status["conditions"]} == {"Ready": "InvalidSpec", "Active": "Running"}
    again = decide_invalid(START, 4, {**stored, **plan.status}, "spec.memory: 'x' is not allowed; use a quantity from 128Mi to 10Gi")
    assert (again.status, again.notices) == (None, ())


@pytest.mark.parametrize("kind", ["Deployment", "Service", "NetworkPolicy"])
def test_an_object_of_somebody_else_is_not_taken_over(kind: str) -> None:
    world = World()
    world.objects[kind, "hello"] = {"kind": kind, "metadata": {"name": "hello", "uid": "theirs", "labels": {}}, "spec": {"replicas": 1}}

    world.settle()

    assert world.condition("Ready") == ("False", "NameConflict")
    assert f"there is a {kind} hello" in world.message()
    assert list(world.objects) == [(kind, "hello")]


def test_objects_of_a_function_of_this_name_that_was_deleted_are_waited_for() -> None:
    world = World()
    owner = {"kind": "Function", "name": "hello", "uid": "older", "controller": True}
    world.objects["Service", "hello"] = {"kind": "Service", "metadata": {"name": "hello", "uid": "x", "ownerReferences": [owner]}}

    plan = world.step()

    assert plan.writes == ()
    assert plan.requeue_seconds == 1.0
    assert world.condition("Ready") == ("Unknown", "Deploying")
    del world.objects["Service", "hello"]
    world.settle()
    assert ("Service", "hello") in world.objects


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({}, "spec.runtime"),
        ({"image": "x"}, "spec.runtime"),
        ({"code": None}, "spec.code"),
        ({"code": {"inline": {"a.py": ""}, "git": {"url": "x"}}}, "spec.code"),
        ({"code": {"inline": {}}}, "spec.code.inline"),
        ({"code": {"inline": {"../a.py": ""}}}, "spec.code.inline"),
        ({"code": {"inline": {"/a.py": ""}}}, "spec.code.inline"),
        ({"code": {"inline": {"a//b.py": ""}}}, "spec.code.inline"),
        ({"code": {"inline": {"a.py": "x" * 1_000_001}}}, "spec.code.inline"),
        ({"memory": "64Mi"}, "spec.memory"),
        ({"memory": "11Gi"}, "spec.memory"),
        ({"memory": "much"}, "spec.memory"),
        ({"timeoutSeconds": 0}, "spec.timeoutSeconds"),
        ({"timeoutSeconds": 901}, "spec.timeoutSeconds"),
        ({"timeoutSeconds": True}, "spec.timeoutSeconds"),
        ({"concurrency": 0}, "spec.concurrency"),
        ({"handler": "a b"}, "spec.handler"),
        ({"env": [{"name": "_HANDLER", "value": "x"}]}, "spec.env[0].name"),
        ({"env": [{"name": "AWS_LAMBDA_X", "value": "x"}]}, "spec.env[0].name"),
        ({"env": [{"name": "1A", "value": "x"}]}, "spec.env[0].name"),
        ({"env": [{"name": "A"}, {"name": "A"}]}, "spec.env[1].name"),
        ({"env": [{"name": "A", "value": "x", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}]}, "spec.env[0].valueFrom"),
        ({"scaling": {"minScale": 3, "maxScale": 2}}, "spec.scaling.minScale"),
        ({"scaling": {"initialScale": 3, "maxScale": 2}}, "spec.scaling.initialScale"),
        ({"scaling": {"panicWindowSeconds": 61}}, "spec.scaling.panicWindowSeconds"),
        ({"scaling": {"targetUtilization": 1.5}}, "spec.scaling.targetUtilization"),
        ({"cpu": {"limit": "0"}}, "spec.cpu.limit"),
        ({"cpu": {"request": "much"}}, "spec.cpu.request"),
        ({"cpu": {"request": "501m", "limit": "0.5"}}, "spec.cpu.request"),
        ({"volumes": [{"name": "a", "mountPath": "/tmp", "emptyDir": {}}]}, "spec.volumes[0].mountPath"),
        ({"volumes": [{"name": "a", "mountPath": "/x"}]}, "spec.volumes[0]"),
        ({"logging": {"format": "XML"}}, "spec.logging.format"),
        ({"tolerations": [{"operator": "Maybe"}]}, "spec.tolerations[0].operator"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_what_could(spec: dict[str, Any], field: str) -> None:
    body: dict[str, Any] = {"code": {"inline": {"a.py": ""}}, **({"runtime": "python3.11"} if spec else {}), **spec}

    with pytest.raises(InvalidSpecError) as caught:
        parse_function_spec(body)

    assert caught.value.field == field
    assert caught.value.allowed in str(caught.value)


def test_unknown_fields_of_stored_objects_are_no_reason_to_stop() -> None:
    body = a_manifest()
    body["spec"]["retired"] = {"x": 1}

    assert parse_function(body).spec.handler == "app.handler"


def test_a_file_and_a_folder_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidSpecError, match="a is a file already"):
        collect_files({"a": b"", "a/b.py": b""})


def test_a_config_maps_keys_become_files_as_items_say() -> None:
    spec = parse_function_spec(
        {"runtime": "python3.11", "code": {"configMap": {"name": "c", "items": [{"key": "app", "path": "pkg/app.py"}]}}}
    )
    assert spec.code is not None
    assert spec.code.config_map is not None

    code = config_map_files(spec.code.config_map, {"data": {"app": "x"}, "binaryData": {"other": "AAE="}})

    assert code.files == {"pkg/app.py": b"x"}
    with pytest.raises(KeyError, match="app"):
        config_map_files(spec.code.config_map, {"binaryData": {"other": "AAE="}})


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"http": {}, "sqs": {}}, "spec"),
        ({}, "spec"),
        ({"http": {"methods": ["get"]}}, "spec.http.methods[0]"),
        ({"http": {"path": "orders"}}, "spec.http.path"),
        ({"http": {"path": "/a{id}"}}, "spec.http.path"),
        ({"http": {"path": "/{id}/{id}"}}, "spec.http.path"),
        ({"http": {"path": "/{rest+}/x"}}, "spec.http.path"),
        ({"http": {"payloadFormat": "3.0"}}, "spec.http.payloadFormat"),
        ({"http": {}, "parallelism": 0}, "spec.parallelism"),
        ({"http": {}, "function": {}}, "spec.function.name"),
    ],
)
def test_a_trigger_that_cannot_be_used_is_named(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        parse_trigger({"metadata": {"name": "t"}, "spec": {"function": {"name": "hello"}, **spec}})

    assert caught.value.field == field


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"schedule": {"expression": "rate(1 minute)"}}, "spec.schedule"),
        ({"sqs": {"queue": "x"}}, "spec.sqs"),
        ({"http": {}, "filter": [{"body": {}}]}, "spec.filter"),
        ({"http": {}, "batch": {"size": 2}}, "spec.batch"),
        ({"http": {}, "retry": {"maxAttempts": 2}}, "spec.retry"),
        ({"http": {}, "deadLetter": {"destination": "x"}}, "spec.deadLetter"),
        ({"http": {}, "parallelism": 2}, "spec.parallelism"),
        ({"http": {}, "function": {"name": "hello", "alias": "live"}}, "spec.function.alias"),
    ],
)
def test_a_triggers_field_that_is_not_served_is_named(spec: dict[str, Any], field: str) -> None:
    trigger = parse_trigger({"metadata": {"name": "t"}, "spec": {"function": {"name": "hello"}, **spec}})

    assert find_unserved_trigger_fields(trigger.spec) == (field,)
