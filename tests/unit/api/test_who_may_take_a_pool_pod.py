"""A Function may take a pool's pod where its own pod would be just like it."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.api.functions.function import parse_function_spec
from lambent.api.functions.pool import why_not_pooled
from lambent.api.quantity import GIB


def why_not(*, max_memory_bytes: int = GIB, **spec: Any) -> str:
    body = {"runtime": "python3.11", "code": {"inline": {"app.py": ""}}, **spec}
    return why_not_pooled(parse_function_spec(body), max_memory_bytes=max_memory_bytes)


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"code": {"configMap": {"name": "code"}}},
        {"memory": "1Gi", "timeoutSeconds": 900, "concurrency": 1000},
        {"env": [{"name": "A", "value": "$(B)"}]},
        {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]},
        {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}, "fieldRef": None}}]},
        {"scaling": {"minScale": 3, "maxScale": 7}, "logging": {"format": "JSON"}},
    ],
)
def test_what_a_generic_pod_can_become_may_take_one(spec: dict[str, Any]) -> None:
    assert why_not(**spec) == ""


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"runtime": None, "image": "team/fn:1"}, "spec.image"),
        ({"imagePullSecrets": [{"name": "registry"}]}, "spec.imagePullSecrets"),
        ({"serviceAccountName": "reader"}, "spec.serviceAccountName"),
        ({"runtimeClassName": "gvisor"}, "spec.runtimeClassName"),
        ({"nodeSelector": {"zone": "a"}}, "spec.nodeSelector"),
        ({"tolerations": [{"operator": "Exists"}]}, "spec.tolerations"),
        ({"volumes": [{"name": "data", "mountPath": "/mnt", "emptyDir": {}}]}, "spec.volumes"),
        ({"layers": ["numpy"]}, "spec.layers"),
        ({"requirements": ["numpy"]}, "spec.requirements"),
        ({"cpu": {"limit": "500m"}}, "spec.cpu.limit"),
        ({"memory": "1025Mi"}, "spec.memory"),
        ({"code": {"oci": {"image": "team/code:1"}}}, "spec.code"),
        ({"env": [{"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]}, "spec.env (NODE)"),
        ({"env": [{"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}]}, "spec.env (CPU)"),
    ],
)
def test_what_needs_a_pod_of_its_own_is_named(spec: dict[str, Any], field: str) -> None:
    assert why_not(**spec).startswith(f"{field}: ")
