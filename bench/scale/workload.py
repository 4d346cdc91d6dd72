"""A synthetic workload in the shape of Azure Functions in July 2019. Pure.

Source: Shahrad et al., "Serverless in the Wild", USENIX ATC 2020: 45 % of applications are invoked at most once an hour on average, 81 %
at most once a minute, and the few above that make 99.6 % of all invocations; timers trigger 16 % of functions; the mean duration of
functions is log-normal with a log mean of -0.38 and a deviation of 2.36, in seconds.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

DAY = 86_400.0
RATES: Sequence[tuple[float, float]] = (
    (0.00, 0.1),
    (0.10, 1.0),
    (0.45, 24.0),
    (0.81, 1_440.0),
    (0.95, 20_000.0),
    (0.99, 300_000.0),
    (1.00, 10_000_000.0),
)
"""(share of functions, invocations a day that at most so many have): eight orders of magnitude, straight lines between in the logarithm."""
TIMER_SHARE = 0.16
TIMER_MINUTES = (1, 5, 15, 30, 60)
DURATION_LOG_MEAN, DURATION_LOG_DEVIATION = -0.38, 2.36
SHORTEST_SECONDS, LONGEST_SECONDS = 0.001, 10.0
BUSIEST_PER_SECOND = 10.0
MOST_AT_ONCE = 4.0
"""Of one function, on average: two cores stand for the whole cluster, so what hundreds of nodes could carry is cut to this."""


@dataclass(frozen=True)
class Shape:
    """How one function is called."""

    number: int
    per_day: float
    timer: bool
    seconds: float
    """How long an invocation takes."""


@dataclass(frozen=True, order=True)
class Call:
    """One invocation: when, in seconds from the start, of which function, and how long its handler takes."""

    at: float
    number: int
    seconds: float


def rate_at(share: float) -> float:
    """Invocations a day of the function below which `share` (0 to 1) of all functions lie."""
    index = max(1, bisect_left([point[0] for point in RATES], share))
    (low, slowest), (high, fastest) = RATES[index - 1], RATES[index]
    part = (share - low) / (high - low)
    return math.exp(math.log(slowest) + part * (math.log(fastest) - math.log(slowest)))


def draw_shapes(count: int, seed: int = 2019) -> list[Shape]:
    """`count` functions, evenly over the distribution of rates, so that a small sample has its tails too."""
    dice = random.Random(seed)
    shapes = []
    for number in range(count):
        per_day = min(rate_at((number + 0.5) / count), BUSIEST_PER_SECOND * DAY)
        seconds = dice.lognormvariate(DURATION_LOG_MEAN, DURATION_LOG_DEVIATION)
        seconds = min(max(seconds, SHORTEST_SECONDS), LONGEST_SECONDS, MOST_AT_ONCE * DAY / per_day)
        shapes.append(Shape(number, per_day, dice.random() < TIMER_SHARE, seconds))
    return shapes


def draw_calls(shapes: Sequence[Shape], seconds: float, seed: int = 2019) -> list[Call]:
    """What is called in a window of `seconds` that begins at a full hour, in order of time.

    Timers fire at full minutes, all of the same minute together; everything else is a Poisson process. A function is active, so one that
    its rate would leave silent is called once.
    """
    dice = random.Random(seed)
    calls: list[Call] = []
    for shape in shapes:
        times = _timer_times(shape, seconds) if shape.timer else _poisson_times(shape, seconds, dice)
        calls += [Call(at, shape.number, shape.seconds) for at in times or [dice.uniform(0.0, seconds)]]
    return sorted(calls)


def _timer_times(shape: Shape, seconds: float) -> list[float]:
    wanted = DAY / shape.per_day / 60.0
    minutes = next((each for each in TIMER_MINUTES if each >= wanted), TIMER_MINUTES[-1])
    return [at * 60.0 for at in range(0, math.ceil(seconds / 60.0), minutes)]


def _poisson_times(shape: Shape, seconds: float, dice: random.Random) -> list[float]:
    times = []
    at = dice.expovariate(shape.per_day / DAY)
    while at < seconds:
        times.append(at)
        at += dice.expovariate(shape.per_day / DAY)
    return times
