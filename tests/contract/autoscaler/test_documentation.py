"""docs/scaling.md names settings, defaults and metrics that exist."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import CollectorRegistry

from lambent.api.functions.scaling import Scaling
from lambent.settings.autoscaler import AutoscalerSettings
from lambent.telemetry.autoscaler_metrics import AutoscalerMetrics

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "scaling.md").read_text(encoding="utf-8")


def snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def test_every_variable_in_the_table_has_its_default() -> None:
    settings = {described.key: described.default for described in AutoscalerSettings().describe()}
    rows = re.findall(r"^\| ((?:`LAMBENT_\w+`(?:, )?)+) \| ([^|]+) \|", TEXT, re.MULTILINE)
    found = {
        key: default for keys, defaults in rows for key, default in zip(re.findall(r"LAMBENT_\w+", keys), defaults.split(", "), strict=True)
    }
    assert len(found) >= 8
    assert {key: float(default) for key, default in found.items()} == {key: float(settings[key]) for key in found}


def test_the_example_shows_the_defaults() -> None:
    block = TEXT.split("```yaml")[1].split("```")[0]
    shown = dict(re.findall(r"^  (\w+): +([\d.]+)", block, re.MULTILINE))
    assert len(shown) == 8
    assert {name: float(value) for name, value in shown.items()} == {name: float(getattr(Scaling(), snake(name))) for name in shown}


def test_every_metric_that_is_named_is_there_and_the_other_way_round() -> None:
    registry = CollectorRegistry()
    AutoscalerMetrics(registry)
    there = {metric.name + ("_total" if metric.type == "counter" else "") for metric in registry.collect()}
    named = set(re.findall(r"`(lambent_\w+)`", TEXT))
    assert named == there
