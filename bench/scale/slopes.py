"""Straight lines through measured points. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """`base` at nothing, and `slope` more for each."""

    base: float
    slope: float

    def at(self, count: float) -> float:
        """The value at `count`, also outside what was measured."""
        return self.base + self.slope * count

    def reaches(self, limit: float) -> float:
        """Where the line comes to `limit`; infinite where it never does."""
        return (limit - self.base) / self.slope if self.slope > 0 else float("inf")


def fit(points: Sequence[tuple[float, float]]) -> Line:
    """Least squares through (count, value) pairs. ValueError unless two counts differ."""
    mean_count = sum(count for count, _ in points) / len(points) if points else 0.0
    mean_value = sum(value for _, value in points) / len(points) if points else 0.0
    spread = sum((count - mean_count) ** 2 for count, _ in points)
    if not spread:
        raise ValueError(f"a line needs points at two counts at least, not {[count for count, _ in points]}")
    slope = sum((count - mean_count) * (value - mean_value) for count, value in points) / spread
    return Line(mean_value - slope * mean_count, slope)
