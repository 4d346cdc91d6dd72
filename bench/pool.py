"""Cold start by a pod of the warm pool: a function at zero, a generic pod that waits, and the first answer."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from bench import functions, kube
from bench.cold_start import list_parts
from bench.load import Call, call
from bench.report import Result, quantile

POOL = "lambent.dev/role=pool"
MIB = 1024 * 1024
QUIET_SECONDS = 1.0
"""After the pool has its pods, for its newest one's start to be over."""


def waiting_pods(runtime: str = "python3.11") -> list[dict[str, Any]]:
    """Generic pods that are ready."""
    return [pod for pod in _generic_pods(runtime) if _is_ready(pod)]


def _generic_pods(runtime: str) -> list[dict[str, Any]]:
    pods: list[dict[str, Any]] = kube.get("pods", "-n", kube.NAMESPACE, "-l", f"{POOL},lambent.dev/runtime={runtime}")["items"]
    return pods


def _is_ready(pod: dict[str, Any]) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", ()))


def _is_gated(pod: dict[str, Any]) -> bool:
    return bool(pod["spec"].get("schedulingGates"))


def wait_for_pool(pods: int, runtime: str = "python3.11") -> None:
    """Wait until so many generic pods wait, and no other is on its way up or down: an earlier measurement may have let the pool grow."""

    def quiet() -> bool:
        found = [pod for pod in _generic_pods(runtime) if not _is_gated(pod)]
        return len(found) >= pods and all(_is_ready(pod) and "deletionTimestamp" not in pod["metadata"] for pod in found)

    def still_quiet() -> bool:
        # One that was just taken looks like the others until it is handed over.
        if not quiet():
            return False
        time.sleep(QUIET_SECONDS)
        return quiet()

    kube.wait_for(f"{pods} pods to wait in the pool of {runtime}", still_quiet, every=0.25)


def call_cold(names: Iterable[str], pods: int, runtime: str = "python3.11") -> list[Call]:
    """The first call of each function, with at least so many generic pods that wait."""
    address = kube.endpoint()
    calls = []
    for name in names:
        wait_for_pool(pods, runtime)
        one = call(address, f"{name}.{kube.NAMESPACE}")
        if one.status != 200:
            raise kube.BenchError(f"the first call of {name} answered {one.status}: {one.body[:300]!r}")
        if "start-become" not in one.parts:
            raise kube.BenchError(f"{name} was not started by a pod of the pool: {one.parts}")
        calls.append(one)
        print(f"  cold start by the pool, {name}: {one.milliseconds:.1f} ms {one.parts}", flush=True)
    return calls


def measure(runs: int) -> tuple[list[Result], list[Call]]:
    """`runs` functions, each called once from zero."""
    names = [f"pool-{number}" for number in range(runs)]
    manifests = [functions.build_function(name, functions.HELLO, idle_seconds=1, initial_scale=0) for name in names]
    kube.apply(*manifests)
    for name in names:
        kube.wait_ready(name)
    calls = call_cold(names, 1)
    milliseconds = [one.milliseconds for one in calls]
    results = [
        Result("cold start by a pool pod, first answer, p50", quantile(milliseconds, 0.5), "ms", "lower", 30, 8),
        Result("cold start by a pool pod, first answer, p95", quantile(milliseconds, 0.95), "ms", "lower", 60, 15),
        *measure_memory(),
    ]
    results += list_parts("cold start by a pool pod", calls)
    kube.kubectl("-n", kube.NAMESPACE, "delete", "functions.lambent.dev", *names)
    return results, calls


def measure_memory(runtime: str = "python3.11") -> list[Result]:
    """What an idle pool pod has for itself: its anonymous memory, as its node reports it."""
    sizes: list[float] = []

    def reported() -> bool:
        # Looked up each time: the pool gives pods away and makes new ones, also between two reports of a node.
        pods = {pod["metadata"]["name"]: pod["spec"]["nodeName"] for pod in waiting_pods(runtime)}
        reports = [report for node in set(pods.values()) for report in kube.get_summary(node)["pods"]]
        sizes[:] = [each["memory"].get("rssBytes", 0) / MIB for each in reports if each["podRef"]["name"] in pods]
        return any(sizes)

    kube.wait_for(f"a node to report the memory of a pod of {runtime}'s pool", reported, every=1)
    targets = (40.0, 25.0) if runtime == "python3.11" else (None, None)
    return [Result(f"memory: idle pool pod of {runtime} (anonymous)", max(sizes), "MiB", "lower", *targets)]
