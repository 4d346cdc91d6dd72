"""A burst from zero: many one-second requests at once, one at a time per pod."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from bench import functions, kube, pool
from bench.load import call
from bench.report import Result

NAME = "burst"


def measure(requests: int, pods: int, least_seconds: float, aim_seconds: float) -> list[Result]:
    """All `requests` are sent together at zero pods; total time until the last answer, and errors."""
    address = kube.endpoint()
    kube.apply(functions.build_function(NAME, functions.SLEEPER, max_scale=pods, idle_seconds=2))
    kube.wait_ready(NAME)
    kube.wait_for_zero(NAME)
    pool.wait_for_pool(2)
    started = time.perf_counter()
    with ThreadPoolExecutor(requests) as threads:
        calls = list(threads.map(lambda _: call(address, f"{NAME}.{kube.NAMESPACE}", 120), range(requests)))
    total = time.perf_counter() - started
    errors = [one for one in calls if one.status != 200]
    for one in errors[:3]:
        print(f"  burst error {one.status}: {one.body[:200]!r}")
    print(f"  burst: {total:.2f} s, {len(errors)} errors", flush=True)
    kube.kubectl("-n", kube.NAMESPACE, "delete", "functions.lambent.dev", NAME)
    return [
        Result(f"burst of {requests} × 1 s from zero, {pods} pods: total", total, "s", "lower", least_seconds, aim_seconds),
        Result(f"burst of {requests} × 1 s from zero, {pods} pods: errors", len(errors), "", "lower", 0, 0),
    ]
