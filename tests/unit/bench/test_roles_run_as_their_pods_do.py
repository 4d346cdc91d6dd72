from __future__ import annotations

import pytest

from bench.scale.functions import build_function, is_ready, name_of
from bench.scale.roles import chart_environments, sum_samples
from lambent.api.functions.function import parse_function


def test_environments_are_those_of_the_charts_containers() -> None:
    plain, other = {"name": "LAMBENT_REGION", "value": "us-east-1"}, {"name": "LAMBENT_POD_NAME", "valueFrom": {"fieldRef": {}}}
    containers = [{"name": "controller", "env": [plain, other]}]
    deployment = {"kind": "Deployment", "spec": {"template": {"spec": {"containers": containers}}}}
    assert chart_environments([{"kind": "Service"}, deployment]) == {"controller": {"LAMBENT_REGION": "us-east-1"}}


def test_samples_of_one_name_are_added_up() -> None:
    text = '# HELP a_total nothing\na_total{kind="x"} 2\na_total{kind="y"} 3.5\nb 1e+06\n'
    assert sum_samples(text) == {"a_total": 5.5, "b": 1e6}


@pytest.mark.parametrize("number", [0, 99, 100, 9_999])
def test_the_simulations_functions_are_functions(number: int) -> None:
    function = parse_function(build_function(number))
    assert (function.namespace, function.name) == (name_of(number).namespace, name_of(number).name)
    assert function.spec.scaling.initial_scale == 0


@pytest.mark.parametrize(
    ("status", "generation", "ready"),
    [("True", 2, True), ("True", 1, False), ("Unknown", 2, False), (None, 2, False)],
)
def test_ready_counts_for_the_generation_that_it_is_of(status: str | None, generation: int, ready: bool) -> None:
    conditions = [] if status is None else [{"type": "Ready", "status": status, "observedGeneration": generation}]
    assert is_ready({"metadata": {"generation": 2}, "status": {"conditions": conditions}}) is ready
