"""Results: a list of figures, its table, and the JSON that other tools read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Result:
    """One figure. `least` must be reached, `aim` is what we are after; None where there is no target."""

    name: str
    value: float
    unit: str
    better: Literal["lower", "higher"]
    least: float | None = None
    aim: float | None = None

    def verdict(self) -> str:
        """`aim`, `least`, `missed`, or nothing where there is no target."""
        if self.least is None:
            return ""
        sign = 1 if self.better == "lower" else -1
        if self.aim is not None and sign * self.value <= sign * self.aim:
            return "aim"
        return "least" if sign * self.value <= sign * self.least else "missed"


def quantile(values: list[float], share: float) -> float:
    """The smallest of the values that at least `share` (0 to 1) of them do not exceed: the nearest rank."""
    ordered = sorted(values)
    # A share times a count may be a hair above a whole number.
    return ordered[max(0, ceil(share * len(ordered) - 1e-9) - 1)]


def format_figure(value: float | None) -> str:
    """Three significant digits, no exponent."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def format_table(results: list[Result]) -> str:
    """A Markdown table."""
    rows = ["| what | measured | at least | aim | reached |", "| --- | --- | --- | --- | --- |"]
    for result in results:
        cells = [result.name, f"{format_figure(result.value)} {result.unit}", format_figure(result.least), format_figure(result.aim)]
        rows.append(f"| {' | '.join([*cells, result.verdict()])} |")
    return "\n".join(rows)


def write_results(results: list[Result], folder: Path) -> None:
    """bench/out/results.json and table.md."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")
    (folder / "table.md").write_text(format_table(results) + "\n")
