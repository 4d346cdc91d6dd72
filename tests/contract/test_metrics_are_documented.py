"""docs/operations.md names every metric there is, and none that there is not."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [*(ROOT / "operator/lambent").rglob("*.py"), *(ROOT / "runtime-images/shim").rglob("*.py")]
MADE = re.compile(r'(Counter|Gauge|Histogram)(?:MetricFamily)?\(\s*f?"(lambent_[a-z_]+(?:\{name\})?)"')
SHIM_GAUGES = re.compile(r'^            \("([a-z_]+)", "[^"]+", [a-z]', re.MULTILINE)


def made() -> set[str]:
    names = set()
    for source in SOURCES:
        text = source.read_text()
        for kind, name in MADE.findall(text):
            if name.endswith("{name}"):
                names |= {name.removesuffix("{name}") + each for each in SHIM_GAUGES.findall(text)}
            else:
                names.add(name if kind != "Counter" or name.endswith("_total") else name + "_total")
    return names


def test_every_metric_is_documented_and_every_documented_one_is_made() -> None:
    documented = set(re.findall(r"`(lambent_[a-z_]+)`", (ROOT / "docs/operations.md").read_text()))

    assert len(made()) > 25
    assert documented == made()
