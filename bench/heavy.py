"""Cold start of a function that imports numpy, by the pool of a runtime that has it imported already."""

from __future__ import annotations

import json
import subprocess

from bench import functions, kube, pool
from bench.report import Result, quantile

RUNTIME = "python3.11-numpy"
IMAGE = "lambent/python3.11-numpy"
CODE = 'import numpy\n\n\ndef handler(event, context):\n    return {"sum": int(numpy.arange(10).sum())}\n'


def measure(runs: int) -> list[Result]:
    """`runs` functions by the pool, and one by its Deployment, which has to import it."""
    _offer_runtime()
    try:
        names = [f"numpy-{number}" for number in range(runs)]
        manifests = [functions.build_function(name, CODE, idle_seconds=1, initial_scale=0, runtime=RUNTIME) for name in names]
        kube.apply(*manifests)
        for name in names:
            kube.wait_ready(name)
        milliseconds = [one.milliseconds for one in pool.call_cold(names, 2, RUNTIME)]
        results = [
            Result("cold start with numpy imported, prepared pool, p50", quantile(milliseconds, 0.5), "ms", "lower", 120, 30),
            Result("cold start with numpy imported, prepared pool, p95", quantile(milliseconds, 0.95), "ms", "lower"),
            *pool.measure_memory(RUNTIME),
        ]
        kube.kubectl("-n", kube.NAMESPACE, "delete", "functions.lambent.dev", *names)
    finally:
        # The chart's own values again.
        subprocess.run(["python3", "-m", "cluster", "install"], check=True, cwd=kube.ROOT, stdout=subprocess.DEVNULL)
    return results


def _offer_runtime() -> None:
    """Put the image onto the cluster and the runtime into the installation."""
    subprocess.run(["python3", "-m", "cluster", "image", f"{IMAGE}:dev", "bench/heavy/Dockerfile"], check=True, cwd=kube.ROOT)
    runtime = json.dumps({"image": IMAGE, "tag": "dev", "pullPolicy": "IfNotPresent", "preload": ["numpy"]})
    values = ["--reuse-values", "--skip-crds", "--set-json", f"runtimes.{RUNTIME.replace('.', chr(92) + '.')}={runtime}"]
    kube.helm("-n", kube.SYSTEM, "upgrade", "lambent", str(kube.ROOT / "charts" / "lambent"), *values, "--wait")
