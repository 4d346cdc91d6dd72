"""Warm calls: latency at 1 connection, throughput at 16 and 64, in turn with bare uvicorn and functions-framework."""

from __future__ import annotations

from bench import functions, kube
from bench.load import Load, run_wrk
from bench.report import Result, quantile

CONNECTIONS = (1, 16, 64)
PEERS = {
    "uvicorn": (["uvicorn", "asgi:app", "--host", "0.0.0.0", "--port", "8000", "--no-access-log", "--log-level", "warning"], 8000),
    "functions-framework": (["functions-framework", "--target", "hello", "--port", "8001"], 8001),
}
Loads = dict[tuple[str, int], list[Load]]


def _start_peers() -> dict[str, tuple[str, int]]:
    for name, (command, port) in PEERS.items():
        kube.apply(*functions.build_peer(name, command, port))
    node = kube.endpoint()[0]
    addresses = {}
    for name in PEERS:
        kube.kubectl("-n", kube.NAMESPACE, "wait", "--for=condition=Ready", f"pod/{name}", "--timeout=120s")
        service = kube.get("service", "-n", kube.NAMESPACE, name)
        addresses[name] = (node, int(service["spec"]["ports"][0]["nodePort"]))
    return addresses


def _activator_cpu_seconds() -> float:
    return sum(kube.pod_metrics(kube.SYSTEM, pod, 9090)["process_cpu_seconds_total"] for pod in kube.system_pods("activator"))


def measure(rounds: int, seconds: int) -> tuple[list[Result], Loads]:
    """`rounds` times each server in turn, so that the machine's mood meets them alike; one activator process."""
    kube.scale_activators(1)
    servers = {name: (address, name) for name, address in _start_peers().items()}
    for concurrency in (1, 4):
        name = f"warm{concurrency}"
        kube.apply(functions.build_function(name, functions.HELLO, concurrency=concurrency, max_scale=1, idle_seconds=600))
        kube.wait_ready(name)
        servers[name] = (kube.endpoint(), f"{name}.{kube.NAMESPACE}")
    loads: Loads = {}
    cpu_microseconds: list[float] = []
    for _ in range(rounds):
        for connections in CONNECTIONS:
            for name, (address, host) in servers.items():
                run_wrk(address, host, connections, 1)
                before = _activator_cpu_seconds()
                load = run_wrk(address, host, connections, seconds)
                if (name, connections) == ("warm4", 64):
                    cpu_microseconds.append((_activator_cpu_seconds() - before) / load.requests * 1e6)
                loads.setdefault((name, connections), []).append(load)
                print(
                    f"  {name} at {connections}: {load.requests_per_second:,.0f}/s, p50 {load.p50_ms:.3f} ms, errors {load.errors}",
                    flush=True,
                )
    kube.scale_activators(2)
    return _results(loads, cpu_microseconds), loads


def _results(loads: Loads, cpu_microseconds: list[float]) -> list[Result]:
    def median(name: str, connections: int, figure: str) -> float:
        return quantile([getattr(load, figure) for load in loads[name, connections]], 0.5)

    def ratio(name: str, other: str, connections: int) -> float:
        pairs = zip(loads[name, connections], loads[other, connections], strict=True)
        return quantile([one.requests_per_second / two.requests_per_second for one, two in pairs], 0.5)

    results = [
        Result(
            "warm p50 at 1 connection over uvicorn's",
            median("warm4", 1, "p50_ms") - median("uvicorn", 1, "p50_ms"),
            "ms",
            "lower",
            0.3,
            0.1,
        ),
        Result("throughput at 64 over uvicorn's, 4 workers", ratio("warm4", "uvicorn", 64), "x", "higher", 0.35, 0.6),
        Result("throughput at 64 over functions-framework's, 4 workers", ratio("warm4", "functions-framework", 64), "x", "higher", 2, 5),
        Result("throughput at 64 over uvicorn's, 1 worker", ratio("warm1", "uvicorn", 64), "x", "higher"),
        Result("activator CPU per request at 64", quantile(cpu_microseconds, 0.5), "µs", "lower", 90, 35),
        Result("errors under warm load", sum(load.errors for runs in loads.values() for load in runs), "", "lower", 0, 0),
    ]
    for name, connections in sorted(loads):
        results.append(Result(f"{name}, requests/s at {connections}", median(name, connections, "requests_per_second"), "/s", "higher"))
        results.append(Result(f"{name}, p50 at {connections}", median(name, connections, "p50_ms"), "ms", "lower"))
    return results
