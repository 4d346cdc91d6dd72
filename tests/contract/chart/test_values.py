"""values.yaml, its schema and its refusal of what does not exist."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.support.chart import CHART, ChartError, render

SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))


def parts_of(schema: dict[str, Any], where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property of the schema with its dotted path."""
    for name, part in schema.get("properties", {}).items():
        if "$ref" in part:
            part = SCHEMA["definitions"][part["$ref"].rsplit("/", 1)[1]]
        yield f"{where}{name}", part
        yield from parts_of(part, f"{where}{name}.")


def test_every_value_is_described_and_every_described_value_has_a_default() -> None:
    described = {where for where, _ in parts_of(SCHEMA) if not where.startswith(("global", "imagePullSecrets."))}

    def leaves(values: dict[str, Any], where: str = "") -> Iterator[str]:
        for name, value in values.items():
            yield f"{where}{name}"
            if isinstance(value, dict) and where + name != "runtimes" and not (where + name).endswith((".limits", ".requests")):
                yield from leaves(value, f"{where}{name}.")

    assert set(leaves(VALUES)) == described


def test_every_value_says_what_it_means() -> None:
    assert [where for where, part in parts_of(SCHEMA) if len(part.get("description", "")) < 5] == []


def test_every_object_is_closed_or_says_what_its_values_are() -> None:
    objects = [(where, part) for where, part in [("", SCHEMA), *parts_of(SCHEMA)] if part.get("type") == "object" and where != "global"]

    assert [where for where, part in objects if part.get("additionalProperties", True) is True] == []


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("activator.replica=3", "replica"),
        ("activator.replicas=0", "/activator/replicas"),
        ("activator.service.nodePort=70000", "/activator/service/nodePort"),
        ("activator.service.type=Ingress", "/activator/service/type"),
        ("functions.cpuRequestPercent=101", "/functions/cpuRequestPercent"),
        ("log.level=LOUD", "/log/level"),
        ("clusterDomain=-", "/clusterDomain"),
        ("image.pullPolicy=Sometimes", "/image/pullPolicy"),
        ("pools.size=-1", "/pools/size"),
        ("pools.size=11", r"pools.maxSize: 10 is not allowed; use a whole number from pools.size \(11\)"),
        ("pools.maxMemory=1Gi", "maxMemory"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name(setting: str, said: str) -> None:
    with pytest.raises(ChartError, match=said):
        render("--set", setting)
