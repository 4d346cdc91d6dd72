"""A Function's manifest as data: DESIGN's example, every default, and what is read of status."""

from __future__ import annotations

from typing import Any

from lambent.api.conditions import Condition, merge_conditions, parse_condition
from lambent.api.functions.function import Function, FunctionSpec, parse_function
from lambent.api.functions.pod import EnvVar
from lambent.api.functions.scaling import Scaling
from lambent.api.invocation import AsyncInvocation, Cors, Logging, Url
from lambent.api.quantity import MIB
from lambent.api.triggers.trigger import Http, Trigger, parse_trigger


def a_function(**spec: Any) -> Function:
    code = {"inline": {"app.py": "x"}}
    return parse_function({"metadata": {"name": "hello"}, "spec": {"runtime": "python3.11", "code": code, **spec}})


def test_what_is_left_out_has_lambdas_defaults() -> None:
    function = a_function()

    assert (function.namespace, function.uid, function.generation, function.deleting) == ("default", "", 0, False)
    spec = function.spec
    assert spec == FunctionSpec(runtime="python3.11", code=spec.code)
    assert (spec.handler, spec.memory_mib, spec.timeout_seconds, spec.concurrency) == ("lambda_function.lambda_handler", 128, 3, 1)
    assert spec.scaling == Scaling()
    assert spec.logging == Logging("Text", "", "")


def test_every_field_is_read() -> None:
    spec = a_function(
        handler="app.handler",
        memory="1Gi",
        timeoutSeconds=900,
        concurrency=10,
        env=[{"name": "A", "value": "b"}, {"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
        scaling={"minScale": 1, "maxScale": 5, "initialScale": 2, "targetUtilization": 0.5, "reservedConcurrency": 0},
        url={"auth": "AWS_IAM", "cors": {"allowOrigins": ["*"], "maxAgeSeconds": 60}},
        logging={"format": "JSON", "applicationLevel": "DEBUG"},
        cpu={"limit": "1500m", "request": "0.1"},
        imagePullSecrets=[{"name": "registry"}],
        **{"async": {"maxRetries": 0, "onFailure": {"destination": "arn:x"}}},
    ).spec

    assert spec.memory_bytes == 1024 * MIB
    assert spec.env == (EnvVar("A", "b"), EnvVar("S", "", {"secretKeyRef": {"name": "s", "key": "k"}}))
    assert (spec.scaling.target_utilization, spec.scaling.reserved_concurrency, spec.scaling.provisioned_concurrency) == (0.5, 0, None)
    assert spec.url == Url("AWS_IAM", "BUFFERED", cors=Cors(allow_origins=("*",), max_age_seconds=60))
    assert spec.logging == Logging("JSON", "DEBUG", "INFO")
    assert spec.asynchronous == AsyncInvocation(max_retries=0, on_failure="arn:x")
    assert (spec.cpu_limit_millis, spec.cpu_request_millis, spec.image_pull_secrets) == (1500, 100, ("registry",))


def test_status_is_never_a_reason_to_stop() -> None:
    body: dict[str, Any] = {"metadata": {"name": "hello"}, "spec": {"runtime": "python3.11", "code": {"inline": {"a.py": ""}}}}
    for status in (None, {}, {"conditions": None, "replicas": "x", "initialization": {"revision": ""}}):
        parsed = parse_function({**body, "status": status}).status
        assert (parsed.conditions, parsed.replicas, parsed.initialization) == ((), 0, None)


def test_status_says_what_was_written() -> None:
    body = {
        "metadata": {"name": "hello", "namespace": "team", "uid": "u", "generation": 4, "deletionTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"image": "team/hello:1"},
        "status": {
            "observedGeneration": 4,
            "latestRevision": "b",
            "readyRevision": "a",
            "replicas": 2,
            "conditions": [{"type": "Ready", "status": "True", "reason": "Ready", "observedGeneration": 4}],
            "initialization": {"revision": "b", "outcome": "Failed", "durationMs": 3, "errorType": "E", "stackTrace": ["x"]},
        },
    }
    function = parse_function(body)

    assert function.deleting
    assert function.status.ready_revision == "a"
    ready = function.status.condition("Ready")
    assert ready is not None
    assert ready.is_true
    initialization = function.status.initialization
    assert initialization is not None
    assert (initialization.succeeded, initialization.stack_trace, initialization.duration_ms) == (False, ("x",), 3.0)
    assert initialization.to_dict()["errorType"] == "E"


def a_trigger(http: dict[str, Any]) -> Trigger:
    return parse_trigger({"metadata": {"name": "t"}, "spec": {"function": {"name": "hello"}, "http": http}})


def test_a_triggers_route_is_read() -> None:
    everything = a_trigger({"host": "API.example.com", "path": "/orders/{id}/{rest+}", "methods": ["GET", "POST"], "payloadFormat": "1.0"})

    assert everything.spec.http == Http("api.example.com", "/orders/{id}/{rest+}", ("GET", "POST"), "1.0")
    assert a_trigger({}).spec.http == Http(None, "/", (), "2.0")
    assert a_trigger({"methods": ["ANY"]}).spec.http == Http()
    assert everything.spec.enabled


def test_a_condition_keeps_its_time_while_its_status_stays() -> None:
    stored = [parse_condition({"type": "Ready", "status": "False", "reason": "A", "lastTransitionTime": "then"})]

    (same,) = merge_conditions(stored, [Condition("Ready", "False", "B", "new words", 2)], "now")
    (changed,) = merge_conditions(stored, [Condition("Ready", "True", "Ready")], "now")
    (first,) = merge_conditions([], [Condition("Ready", "True", "Ready")], "now")

    assert (same.last_transition_time, same.reason, same.message) == ("then", "B", "new words")
    assert changed.last_transition_time == first.last_transition_time == "now"
    assert same.to_dict()["observedGeneration"] == 2
