"""Goodput where far more callers come than can be served: requests answered well per second, over those at capacity."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from bench import functions, kube
from bench.load import run_wrk, wait_for_free_ports
from bench.report import Result, quantile

NAME = "overload"
SLOTS, MILLISECONDS = 10, 20
HANDLER = f'import time\n\n\ndef handler(event, context):\n    time.sleep({MILLISECONDS / 1000})\n    return {{"hello": "world"}}\n'
AT_CAPACITY, OVER_IT = 40, 3_500
"""Connections: enough that no slot is ever free, and more than a queue (1,000) takes."""


SETTLE_SECONDS = 3.0
"""After which all connections are there and answers come steadily."""


def measure(rounds: int, seconds: int) -> list[Result]:
    """In turn, `rounds` times; one activator, whose own count of answers is taken while all connections are open."""
    kube.scale_activators(1)
    kube.apply(functions.build_function(NAME, HANDLER, concurrency=SLOTS, max_scale=1, idle_seconds=600))
    kube.wait_ready(NAME)
    ratios, capacities = [], []
    for _ in range(rounds):
        capacity = _goodput(AT_CAPACITY, seconds)
        over = _goodput(OVER_IT, seconds)
        print(f"  overload: {capacity:,.0f}/s at capacity, {over:,.0f}/s over it", flush=True)
        ratios.append(over / capacity)
        capacities.append(capacity)
    kube.kubectl("-n", kube.NAMESPACE, "delete", "functions.lambent.dev", NAME)
    kube.scale_activators(2)
    return [
        Result(f"goodput at {OVER_IT:,} connections over goodput at capacity", quantile(ratios, 0.5), "x", "higher", 0.9, 0.97),
        Result(f"goodput at capacity, {SLOTS} slots of {MILLISECONDS} ms", quantile(capacities, 0.5), "/s", "higher"),
    ]


def _goodput(connections: int, seconds: int) -> float:
    """Invocations answered well per second while so many connections are open."""
    wait_for_free_ports(connections)
    with ThreadPoolExecutor(1) as threads:
        load = threads.submit(run_wrk, kube.endpoint(), f"{NAME}.{kube.NAMESPACE}", connections, int(SETTLE_SECONDS) + seconds + 2)
        time.sleep(SETTLE_SECONDS)
        before, began = _answered(), time.monotonic()
        time.sleep(seconds)
        after, ended = _answered(), time.monotonic()
        load.result()
    return (after - before) / (ended - began)


def _answered() -> float:
    """The activator's count of successful invocations of the function."""
    (pod,) = kube.system_pods("activator")
    samples = kube.pod_samples(kube.SYSTEM, pod, 9090, "lambent_invocations_total")
    return sum(value for labels, value in samples if f'function="{NAME}"' in labels and 'outcome="success"' in labels)
