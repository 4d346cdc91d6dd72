"""The command: options, set-up, output, and taking everything down again, however it ends."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from bench.kube import ROOT
from bench.report import format_table
from bench.scale.measurement import Measured, Plan, measure
from bench.scale.processes import ProcessError
from bench.scale.programs import find_programs
from bench.scale.simulated_cluster import SimulatedCluster
from bench.scale.summary import document, format_growth, format_requests, format_slopes, results_of, slopes_of
from cluster.errors import ClusterError

OUT = ROOT / "bench" / "out"
QUICK = Plan(functions=1000, active=30, nodes=100, rest=10.0, work=60.0)


def main() -> int:
    """Exit status 1 where a target was missed or the run failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--functions", type=int, help="how many Functions there are in the end (10000)")
    parser.add_argument("--active", type=int, help="how many of them are called (100)")
    parser.add_argument("--nodes", type=int, help="how many nodes kwok plays (300)")
    parser.add_argument("--quick", action="store_true", help="1000 Functions and short stretches, for a first look")
    parser.add_argument("--keep", action="store_true", help="leave the folder with all logs")
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else Plan()
    given = {key: value for key in ("functions", "active", "nodes") if (value := getattr(arguments, key)) is not None}
    plan = Plan(**{**vars(plan), **given})
    if not 10 <= plan.functions <= 100_000 or not 1 <= plan.active <= plan.functions or not 1 <= plan.nodes <= 5000:
        parser.error("--functions is 10 to 100000, --active 1 to --functions, --nodes 1 to 5000")
    try:
        measured = asyncio.run(_run(plan, keep=arguments.keep))
    except (ProcessError, TimeoutError, ClusterError) as error:
        print(f"bench.scale: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("bench.scale: stopped; everything is taken down", file=sys.stderr)
        return 1
    return _report(measured)


async def _run(plan: Plan, *, keep: bool) -> Measured:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:4.0f} s] {text}", flush=True)

    programs = find_programs()
    folder = Path(tempfile.mkdtemp(prefix="lambent-scale-"))
    # Components that write to their own working folder or home do it here.
    cluster = SimulatedCluster(folder, programs, plan.nodes)
    try:
        say(f"a cluster of {plan.nodes} nodes in {folder}")
        await cluster.start()
        return await measure(cluster, plan, say)
    finally:
        for process in reversed(list(cluster.processes.values())):
            with contextlib.suppress(ProcessLookupError):
                process.end(patience=5.0)
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _report(measured: Measured) -> int:
    results, lines = results_of(measured), slopes_of(measured)
    at_work = [format_requests(measured.at_work, "at work")] if measured.at_work else []
    parts = [
        format_table(results),
        format_slopes(lines),
        format_growth(measured),
        format_requests(measured.at_rest[-1], "at rest"),
        *at_work,
    ]
    text = "\n\n".join(parts) + "\n"
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "scale.md").write_text(text)
    (OUT / "scale.json").write_text(json.dumps(document(measured, lines), indent=1) + "\n")
    print(f"\n{text}\nwritten: {os.path.relpath(OUT, ROOT)}/scale.md, scale.json")
    return int(any(result.verdict() == "missed" for result in results))
