"""What breaks a rule is refused at apply, with field, value and range."""

from typing import Any

import pytest

from tests.e2e.framework.manifests import ECHO, changed, function, http_trigger
from tests.e2e.framework.workspace import Workspace


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"timeoutSeconds": 901}, ["spec.timeoutSeconds", "901", "900"]),
        ({"timeoutSeconds": 0}, ["spec.timeoutSeconds", "0", "1"]),
        ({"memory": "64Mi"}, ["spec.memory", "64Mi", "128Mi", "10Gi"]),
        ({"memory": "11Gi"}, ["spec.memory", "11Gi", "128Mi", "10Gi"]),
        ({"memory": "plenty"}, ["spec.memory", "plenty"]),
        ({"concurrency": 0}, ["spec.concurrency", "0", "1"]),
        ({"handler": "no spaces.please"}, ["spec.handler", "spaces"]),
        ({"runtime": "cobol85"}, ["spec.runtime", "cobol85", "python3"]),
        ({"image": "a:1"}, ["runtime", "image"]),
        ({"code": {"inline": {"../app.py": ""}}}, ["spec.code.inline", ".."]),
        ({"code": {"inline": {"/app.py": ""}}}, ["spec.code.inline", "relative"]),
        ({"code": {}}, ["spec.code", "exactly one"]),
        ({"code": {"inline": {"app.py": ""}, "configMap": {"name": "x"}}}, ["spec.code", "exactly one"]),
        ({"code": None}, ["spec.code"]),
        ({"scaling": {"minScale": 5, "maxScale": 2}}, ["scaling.minScale", "maxScale"]),
        ({"scaling": {"targetUtilization": 1.5}}, ["spec.scaling.targetUtilization", "1.5"]),
        ({"env": [{"name": "AWS_LAMBDA_FUNCTION_NAME", "value": "x"}]}, ["AWS_LAMBDA_FUNCTION_NAME", "reserved"]),
        ({"env": [{"name": "1st", "value": "x"}]}, ["1st"]),
        ({"memroy": "128Mi"}, ["memroy"]),
    ],
    ids=str,
)
def test_a_function_that_breaks_a_rule_is_refused(workspace: Workspace, spec: dict[str, Any], words: list[str]) -> None:
    message = workspace.refused(changed(function("refused", ECHO), **spec))

    assert [word for word in words if word not in message] == [], message


@pytest.mark.parametrize(
    ("http", "words"),
    [
        ({"path": "orders"}, ["spec.http.path", "orders"]),
        ({"path": "/a/{b+}/c"}, ["spec.http.path", "/a/{b+}/c"]),
        ({"path": "/", "methods": ["FETCH"]}, ["spec.http.methods", "FETCH", "GET"]),
        ({"path": "/", "host": "https://x"}, ["spec.http.host", "https://x"]),
        ({"path": "/", "payloadFormat": "3.0"}, ["spec.http.payloadFormat", "3.0", "2.0"]),
    ],
    ids=str,
)
def test_a_trigger_that_breaks_a_rule_is_refused(workspace: Workspace, http: dict[str, Any], words: list[str]) -> None:
    message = workspace.refused(http_trigger("refused", "refused", **http))

    assert [word for word in words if word not in message] == [], message


@pytest.mark.parametrize("field", [{"layers": ["arn:aws:lambda:us-east-1:1:layer:x:1"]}, {"requirements": ["requests"]}], ids=str)
def test_a_field_that_is_not_served_yet_is_not_ignored(workspace: Workspace, field: dict[str, Any]) -> None:
    name = f"later-{next(iter(field))}"
    workspace.apply(function(name, ECHO, **field))

    condition = workspace.wait_condition(name, "False", "FieldNotServed")

    assert f"spec.{next(iter(field))}" in condition["message"]
