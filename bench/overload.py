"""Goodput where far more callers come than can be served: requests answered well per second, over those at capacity."""

from __future__ import annotations

from bench import functions, kube
from bench.load import Load, run_wrk
from bench.report import Result, quantile

NAME = "overload"
SLOTS, MILLISECONDS = 10, 20
HANDLER = f'import time\n\n\ndef handler(event, context):\n    time.sleep({MILLISECONDS / 1000})\n    return {{"hello": "world"}}\n'
AT_CAPACITY, OVER_IT = 40, 3_500
"""Connections: enough that no slot is ever free, and more than a queue (1,000) takes."""


def measure(rounds: int, seconds: int) -> list[Result]:
    """In turn, `rounds` times; one activator."""
    kube.scale_activators(1)
    kube.apply(functions.build_function(NAME, HANDLER, concurrency=SLOTS, max_scale=1, idle_seconds=600))
    kube.wait_ready(NAME)
    host = f"{NAME}.{kube.NAMESPACE}"
    ratios, capacities = [], []
    for _ in range(rounds):
        run_wrk(kube.endpoint(), host, AT_CAPACITY, 2)
        capacity = _goodput(run_wrk(kube.endpoint(), host, AT_CAPACITY, seconds), seconds)
        run_wrk(kube.endpoint(), host, OVER_IT, 2)
        over = run_wrk(kube.endpoint(), host, OVER_IT, seconds)
        print(f"  overload: {capacity:,.0f}/s at capacity, {_goodput(over, seconds):,.0f}/s over it, {over.errors:,} refused", flush=True)
        ratios.append(_goodput(over, seconds) / capacity)
        capacities.append(capacity)
    kube.kubectl("-n", kube.NAMESPACE, "delete", "functions.lambent.dev", NAME)
    kube.scale_activators(2)
    return [
        Result(f"goodput at {OVER_IT:,} connections over goodput at capacity", quantile(ratios, 0.5), "x", "higher", 0.9, 0.97),
        Result(f"goodput at capacity, {SLOTS} slots of {MILLISECONDS} ms", quantile(capacities, 0.5), "/s", "higher"),
    ]


def _goodput(load: Load, seconds: int) -> float:
    return (load.requests - load.refused) / seconds
