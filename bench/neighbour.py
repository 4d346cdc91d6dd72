"""What a function's callers see of another one's burst from zero: the 95th percentile of their latency, quiet and beside it."""

from __future__ import annotations

import http.client
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from bench import functions, kube, pool
from bench.load import call
from bench.report import Result, quantile

STEADY, BURSTING = "steady", "bursting"
REQUESTS = 100
PAUSE_SECONDS = 0.01
"""Between two requests of the steady caller: about a hundred each second."""
SECONDS = 8.0


def measure(rounds: int) -> list[Result]:
    """The steady caller alone, then beside a burst of REQUESTS to a function at zero; `rounds` times."""
    kube.apply(build_steady(), functions.build_function(BURSTING, functions.HELLO, max_scale=20, idle_seconds=2, initial_scale=0))
    kube.wait_ready(STEADY)
    kube.wait_ready(BURSTING)
    quiet: list[float] = []
    beside: list[float] = []
    for _ in range(rounds):
        kube.wait_for_zero(BURSTING)
        pool.wait_for_pool(2)
        quiet += call_steadily(SECONDS, lambda: None)
        with start_load("bench.neighbour") as burst:
            beside += call_steadily(SECONDS, partial(_burst, burst))
    ratio = quantile(beside, 0.95) / quantile(quiet, 0.95)
    print(f"  neighbour: p95 {quantile(quiet, 0.95):.2f} ms quiet, {quantile(beside, 0.95):.2f} ms beside a burst", flush=True)
    kube.kubectl("-n", kube.NAMESPACE, "delete", "functions.lambent.dev", STEADY, BURSTING)
    return [
        Result(f"another function's p95 beside a burst of {REQUESTS} from zero, over its quiet p95", ratio, "×", "lower", 1.5, 1.1),
        Result("the same function's p95, quiet", quantile(quiet, 0.95), "ms", "lower"),
    ]


def build_steady() -> dict[str, Any]:
    """The function of the steady caller, with the CPU reserved that the chart reserves for it; the test cluster reserves a tenth of it."""
    return functions.build_function(STEADY, functions.HELLO, cpu_request="72m")


def start_load(module: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a load generator in a process of its own and return it once it is ready. Raises BenchError where it ends before.

    In the steady caller's process a hundred threads would make it wait for the interpreter, not for the answer; and the start of a load
    generator is no function's cold start, so it is up before anything is measured.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=kube.ROOT,
    )
    assert process.stdout is not None
    if process.stdout.readline().strip() != "ready":
        raise kube.BenchError(f"{module} did not come up: {process.communicate()[1].strip()}")
    return process


def _burst(process: subprocess.Popen[str]) -> None:
    _, errors = process.communicate("go\n")
    if process.returncode:
        raise kube.BenchError(errors.strip())


def send_burst() -> None:
    """All at once. Raises BenchError where one fails."""
    address = kube.endpoint()
    with ThreadPoolExecutor(REQUESTS) as threads:
        calls = list(threads.map(lambda _: call(address, f"{BURSTING}.{kube.NAMESPACE}"), range(REQUESTS)))
    failed = [one for one in calls if one.status != 200]
    if failed:
        raise kube.BenchError(f"{len(failed)} of a burst's requests failed: {failed[0].status} {failed[0].body[:200]!r}")


def call_steadily(seconds: float, beside: Callable[[], None]) -> list[float]:
    """Latencies (ms) over one kept connection, while `beside` runs in another thread from the first second on. Raises what it raises."""
    connection = http.client.HTTPConnection(*kube.endpoint(), timeout=30)
    latencies = []
    with ThreadPoolExecutor(1) as threads:
        other = threads.submit(_after, 1.0, beside)
        ends = time.perf_counter() + seconds
        while time.perf_counter() < ends:
            began = time.perf_counter()
            connection.request("GET", "/", headers={"Host": f"{STEADY}.{kube.NAMESPACE}"})
            connection.getresponse().read()
            latencies.append((time.perf_counter() - began) * 1e3)
            time.sleep(PAUSE_SECONDS)
        other.result()
    connection.close()
    return latencies


def _after(seconds: float, act: Callable[[], None]) -> None:
    time.sleep(seconds)
    act()


if __name__ == "__main__":
    print("ready", flush=True)
    sys.stdin.readline()
    send_burst()
