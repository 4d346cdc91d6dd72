"""`make bench`: measure everything on the cluster of `make up`, print the table, write bench/out/."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from bench import burst, cold_start, heavy, kube, memory, neighbour, overload, plot, pool, tenant, warm
from bench.hostile import memory as hostile
from bench.load import Call, ensure_wrk
from bench.report import Result, format_table, write_results
from cluster import settings, times

OUT = kube.ROOT / "bench" / "out"
MEASURES = ("memory", "pool", "heavy", "cold", "burst", "neighbour", "tenant", "overload", "hostile", "warm", "up")


def _up_times() -> list[Result]:
    """How long `make up` took, as it recorded itself."""
    known = times.read(settings.read(os.environ, kube.ROOT))
    results = []
    if known.built_seconds is not None:
        results.append(Result("make up, all built", known.built_seconds, "s", "lower", 75, 45))
    if known.from_nothing_seconds is not None:
        results.append(Result("make up, from nothing", known.from_nothing_seconds / 60, "min", "lower", 15, 9))
    return results


def main() -> int:
    """Run the measures asked for; 1 if a target was missed."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", choices=MEASURES, action="append", help="measure only this (may be given several times)")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs, for a first look")
    arguments = parser.parse_args()
    wanted = arguments.only or MEASURES
    ensure_wrk()
    subprocess.run(["python3", "-m", "cluster", "image", "lambent/bench-peers:dev", "bench/peers/Dockerfile"], check=True, cwd=kube.ROOT)
    kube.ensure_namespace()
    results: list[Result] = []
    calls: list[Call] = []
    pooled: list[Call] = []
    loads: warm.Loads = {}
    try:
        if "memory" in wanted:
            results += memory.measure("at rest")
        if "pool" in wanted:
            figures, pooled = pool.measure(6 if arguments.quick else 20)
            results += figures
        if "heavy" in wanted:
            results += heavy.measure(3 if arguments.quick else 8)
        if "cold" in wanted:
            figures, calls = cold_start.measure(5 if arguments.quick else 20)
            results += figures
        if "burst" in wanted:
            results += burst.measure(50, 20, 10, 5) + burst.measure(200, 40, 12, 8)
        if "neighbour" in wanted:
            results += neighbour.measure(1 if arguments.quick else 3)
        if "tenant" in wanted:
            results += tenant.measure(1 if arguments.quick else 3)
        if "overload" in wanted:
            results += overload.measure(*((1, 3) if arguments.quick else (3, 6)))
        if "hostile" in wanted:
            results += hostile.measure(10_000 if arguments.quick else 100_000)
        if "warm" in wanted:
            figures, loads = warm.measure(*((1, 3) if arguments.quick else (3, 6)))
            results += figures + memory.measure("loaded") + memory.measure_pod("warm1") + memory.measure_pod("warm4")
        if "up" in wanted:
            results += _up_times()
    finally:
        kube.kubectl("delete", "namespace", kube.NAMESPACE, "--wait=false")
    write_results(results, OUT)
    plot.draw(pooled, calls, loads, OUT / "bench.png")
    print(format_table(results))
    print(f"\nwritten: {OUT.relative_to(kube.ROOT)}/results.json, table.md, bench.png")
    return int(any(result.verdict() == "missed" for result in results))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except kube.BenchError as error:
        sys.exit(f"bench: {error}")
