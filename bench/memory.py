"""Memory: resident size of every process of the control plane, and of a function's pod."""

from __future__ import annotations

from bench import kube
from bench.report import Result

MIB = 1024 * 1024


def measure(moment: str) -> list[Result]:
    """`moment` is `at rest` or `loaded`; only the first has a target."""
    results = []
    total = 0.0
    for component in ("controller", "activator", "autoscaler"):
        for number, pod in enumerate(kube.system_pods(component), start=1):
            resident = kube.pod_metrics(kube.SYSTEM, pod, 9090)["process_resident_memory_bytes"] / MIB
            total += resident
            results.append(Result(f"memory {moment}: {component} {number}", resident, "MiB", "lower"))
    target = (350.0, 220.0) if moment == "at rest" else (None, None)
    return [*results, Result(f"memory {moment}: control plane, all processes", total, "MiB", "lower", *target)]


def measure_pod(name: str) -> list[Result]:
    """Working set of one pod of a warm function, as its node reports it."""
    pods = kube.function_pods(name)
    if not pods:
        return []
    node = pods[0]["spec"]["nodeName"]
    summary = kube.get_summary(node)
    sizes = [pod["memory"]["workingSetBytes"] / MIB for pod in summary["pods"] if pod["podRef"]["name"] == pods[0]["metadata"]["name"]]
    return [Result(f"memory: pod of {name} (working set)", sizes[0], "MiB", "lower")] if sizes else []
