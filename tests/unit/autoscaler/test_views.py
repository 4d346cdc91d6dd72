"""Of Functions and Deployments the autoscaler keeps little, and nothing it cannot use stops it."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.api.functions.scaling import Scaling
from lambent.autoscaler.functions.observed import DeploymentView, FunctionView
from lambent.autoscaler.functions.views import view_deployment, view_function
from lambent.autoscaler.statistics import FunctionKey

KEY = FunctionKey("default", "hello")


def a_function(spec: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "default", "name": "hello"}, "spec": spec or {}, "status": status}


def test_a_function_is_cut_down_to_its_scaling() -> None:
    spec = {"concurrency": 4, "timeoutSeconds": 30, "scaling": {"minScale": 1, "maxScale": 9}, "code": {"inline": {"a.py": "x"}}}
    view = FunctionView(Scaling(min_scale=1, max_scale=9), concurrency=4, timeout_seconds=30, proving=False, broken=False)
    assert view_function(a_function(spec, readyRevision="r1", latestRevision="r1")) == (KEY, view)


@pytest.mark.parametrize(
    ("status", "proving", "broken"),
    [
        ({}, True, False),
        ({"latestRevision": "r1"}, True, False),
        ({"latestRevision": "r1", "initialization": {"revision": "r1", "outcome": "Failed"}}, False, True),
        ({"latestRevision": "r1", "initialization": {"revision": "r1", "outcome": "Succeeded"}}, False, False),
        ({"latestRevision": "r2", "initialization": {"revision": "r1", "outcome": "Failed"}}, True, False),
        ({"latestRevision": "r2", "readyRevision": "r1", "initialization": {"revision": "r2", "outcome": "Failed"}}, False, False),
        ({"latestRevision": "r2", "readyRevision": "r1"}, False, False),
    ],
)
def test_a_first_revision_is_being_proved_until_its_outcome_is_known(status: dict[str, Any], *, proving: bool, broken: bool) -> None:
    _, view = view_function(a_function(**status))
    assert view is not None
    assert (view.proving, view.broken) == (proving, broken)


@pytest.mark.parametrize("spec", [{"scaling": {"minScale": -1}}, {"scaling": "x"}, {"concurrency": 0}, {"timeoutSeconds": "3"}])
def test_a_function_that_cannot_be_used_has_no_view(spec: dict[str, Any]) -> None:
    assert view_function(a_function(spec)) == (KEY, None)


def test_a_deployment_is_its_functions() -> None:
    metadata = {"namespace": "default", "name": "hello-x", "resourceVersion": "42", "labels": {"lambent.dev/function": "hello"}}
    body = {"metadata": metadata, "spec": {"replicas": 3}, "status": {"readyReplicas": 2}}
    assert view_deployment(body) == (KEY, DeploymentView("hello-x", 3, 2, 42))
    assert view_deployment({"metadata": metadata, "spec": {"replicas": 0}, "status": {}})[1] == DeploymentView("hello-x", 0, 0, 42)
