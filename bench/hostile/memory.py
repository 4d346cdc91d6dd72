"""Memory of an activator after 100,000 hostile requests, over what it was before."""

from __future__ import annotations

import subprocess
import sys

from bench import functions, kube
from bench.hostile.traffic import FUNCTION
from bench.load import call
from bench.report import Result

MIB = 1024 * 1024
ECHO = "def handler(event, context):\n    return event\n"
WARM_UP = 5_000
"""Requests after which every cache is full and every path was taken."""
AT_ONCE = 10_000


def measure(requests: int) -> list[Result]:
    """One activator; `requests` in parts, so that it is seen how memory goes on."""
    kube.scale_activators(1)
    kube.apply(functions.build_function(FUNCTION, ECHO, concurrency=4, max_scale=1, idle_seconds=600))
    kube.wait_ready(FUNCTION)
    _assault(WARM_UP, seed=0)
    before = _resident_mib()
    sent, part = 0, 0
    while sent < requests:
        part += 1
        sent += _assault(min(AT_ONCE, requests - sent), seed=part)
        print(f"  hostile: {sent:,} requests, {_resident_mib():.1f} MiB (before: {before:.1f})", flush=True)
    after = _resident_mib()
    answered = call(kube.endpoint(), f"{FUNCTION}.{kube.NAMESPACE}")
    kube.kubectl("-n", kube.NAMESPACE, "delete", "functions.lambent.dev", FUNCTION)
    kube.scale_activators(2)
    return [
        Result(f"activator's memory after {requests:,} hostile requests over before", after - before, "MiB", "lower", 10, 1),
        Result("requests of others that failed after them", float(answered.status != 200), "", "lower", 0, 0),
    ]


def _assault(requests: int, seed: int) -> int:
    host, port = kube.endpoint()
    command = [sys.executable, "-m", "bench.hostile.sender", host, str(port), kube.NAMESPACE, str(requests), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900, cwd=kube.ROOT)
    if done.returncode:
        raise kube.BenchError(f"hostile traffic could not be sent: {done.stderr.strip()[-500:]}")
    return int(done.stdout)


def _resident_mib() -> float:
    """Once the last connections are gone."""
    (pod,) = kube.system_pods("activator")
    kube.wait_for("hostile connections to end", lambda: kube.pod_metrics(kube.SYSTEM, pod, 9090)["lambent_http_connections"] < 5)
    return kube.pod_metrics(kube.SYSTEM, pod, 9090)["process_resident_memory_bytes"] / MIB
