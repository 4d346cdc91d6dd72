"""`spec.scaling`: Knative's autoscaling settings, per Function (knative.dev/docs/serving/autoscaling)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lambent.api.fields import Fields, InvalidSpecError

MAX_SCALE_LIMIT: Final = 1000
DEFAULT_MAX_SCALE: Final = 100


@dataclass(frozen=True, slots=True)
class Scaling:
    """How many pods a Function has and when that changes."""

    min_scale: int = 0
    """Pods that always run."""
    max_scale: int = DEFAULT_MAX_SCALE
    """Pods there are at most."""
    initial_scale: int = 1
    """Pods that a first revision starts with; 0 leaves the proof that it initialises to the first call."""
    target_utilization: float = 0.7
    """Share of a pod's `concurrency` that the autoscaler aims at, above 0 to 1."""
    scale_to_zero_after_seconds: int = 60
    """Idle time before the last pod goes."""
    stable_window_seconds: int = 60
    """Time over which observed concurrency is averaged."""
    panic_window_seconds: int = 6
    """The shorter time that decides in a burst."""
    panic_threshold: float = 2.0
    """Panic begins when the panic window's desired scale is that many times the ready pods."""
    reserved_concurrency: int | None = None
    provisioned_concurrency: int | None = None


def parse_scaling(scaling: Fields) -> Scaling:
    """`spec.scaling` with its defaults."""
    parsed = Scaling(
        min_scale=scaling.integer("minScale", 0, 0, MAX_SCALE_LIMIT),
        max_scale=scaling.integer("maxScale", DEFAULT_MAX_SCALE, 1, MAX_SCALE_LIMIT),
        initial_scale=scaling.integer("initialScale", 1, 0, MAX_SCALE_LIMIT),
        target_utilization=scaling.number("targetUtilization", 0.7, 0.01, 1.0),
        scale_to_zero_after_seconds=scaling.integer("scaleToZeroAfterSeconds", 60, 1, 86_400),
        stable_window_seconds=scaling.integer("stableWindowSeconds", 60, 6, 3_600),
        panic_window_seconds=scaling.integer("panicWindowSeconds", 6, 1, 3_600),
        panic_threshold=scaling.number("panicThreshold", 2.0, 1.1, 10.0),
        reserved_concurrency=scaling.optional_integer("reservedConcurrency", 0, 1_000_000),
        provisioned_concurrency=scaling.optional_integer("provisionedConcurrency", 0, 1_000_000),
    )
    if parsed.min_scale > parsed.max_scale:
        raise InvalidSpecError(scaling.field("minScale"), parsed.min_scale, f"at most maxScale ({parsed.max_scale})")
    if parsed.initial_scale > parsed.max_scale:
        raise InvalidSpecError(scaling.field("initialScale"), parsed.initial_scale, f"at most maxScale ({parsed.max_scale})")
    if parsed.panic_window_seconds > parsed.stable_window_seconds:
        allowed = f"at most stableWindowSeconds ({parsed.stable_window_seconds})"
        raise InvalidSpecError(scaling.field("panicWindowSeconds"), parsed.panic_window_seconds, allowed)
    return parsed
