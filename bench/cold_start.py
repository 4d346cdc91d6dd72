"""Cold start by the Deployment: from zero pods to the first answer, and where the time went."""

from __future__ import annotations

from bench import functions, kube
from bench.load import Call, call
from bench.report import Result, quantile

NAME = "cold"


def measure(runs: int) -> tuple[list[Result], list[Call]]:
    """`runs` calls, each after the last pod has gone."""
    address = kube.endpoint()
    host = f"{NAME}.{kube.NAMESPACE}"
    kube.apply(functions.build_function(NAME, functions.HELLO, idle_seconds=1, pooled=False))
    kube.wait_ready(NAME)
    calls: list[Call] = []
    for number in range(runs):
        kube.wait_for_zero(NAME)
        one = call(address, host)
        if one.status != 200:
            raise kube.BenchError(f"cold start {number + 1} answered {one.status}: {one.body[:300]!r}")
        calls.append(one)
        print(f"  cold start {number + 1}/{runs}: {one.milliseconds:.0f} ms {one.parts}", flush=True)
    seconds = [one.milliseconds / 1e3 for one in calls]
    results = [
        Result("cold start, first answer, p50", quantile(seconds, 0.5), "s", "lower", 0.9, 0.65),
        Result("cold start, first answer, p95", quantile(seconds, 0.95), "s", "lower", 1.5, 0.9),
    ]
    results += list_parts("cold start", calls)
    kube.kubectl("-n", kube.NAMESPACE, "delete", "functions.lambent.dev", NAME)
    return results, calls


def list_parts(title: str, calls: list[Call]) -> list[Result]:
    """The median of each part that any of the calls told."""
    return [
        Result(f"{title}, part: {part}, p50", quantile([one.parts.get(part, 0.0) for one in calls], 0.5), "ms", "lower")
        for part in sorted({part for one in calls for part in one.parts})
    ]
