"""Lambent's own processes, as their pods run them: the chart's environment, a mounted service account, the checkout's code."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.kube import ROOT
from bench.scale.processes import Process, ProcessError
from bench.scale.simulated_cluster import SYSTEM, SimulatedCluster, free_ports
from lambent.kube.paths import object_path

ROLES = ("controller", "activator", "autoscaler")
_MOUNT = """
set -e
mount -t tmpfs none /run
mkdir -p /run/secrets/kubernetes.io/serviceaccount /run/secrets/lambent
cp "$MOUNTED/token" "$MOUNTED/ca.crt" /run/secrets/kubernetes.io/serviceaccount/
cp "$MOUNTED/lambent-token" /run/secrets/lambent/token
unset MOUNTED
exec "$@"
"""
"""In a mount namespace of its own, a process finds its token where a pod's does: nothing of the code under measure takes another path."""


class Role:
    """One replica of controller, activator or autoscaler, which can be started again."""

    def __init__(self, name: str, cluster: SimulatedCluster, environment: Mapping[str, str]) -> None:
        self.name = name
        self.process: Process | None = None
        self.status_port = int(environment["LAMBENT_STATUS_PORT"])
        self._cluster = cluster
        self.environment = environment
        self._starts = 0

    async def start(self) -> None:
        """Start it with fresh tokens, under a new pod's name, as a Deployment would."""
        self._starts += 1
        mounted = await self._mount()
        environment = {
            **{key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ},
            "HOME": "/tmp",
            "PYTHONPATH": str(ROOT / "operator"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "MALLOC_ARENA_MAX": "1",
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(self._cluster.port),
            "MOUNTED": str(mounted),
            **self.environment,
            "LAMBENT_POD_NAME": f"lambent-{self.name}-{self._starts}",
        }
        as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        argv = ["unshare", *as_root, "--mount", "sh", "-c", _MOUNT, "sh", sys.executable, "-m", "lambent", self.name]
        self.process = Process(self.name, argv, self._cluster.folder / f"{self.name}.log", environment)
        self._cluster.processes[self.name] = self.process

    async def stop(self, *, number: signal.Signals = signal.SIGTERM) -> float:
        """End it; the seconds it took."""
        assert self.process is not None
        del self._cluster.processes[self.name]
        return await asyncio.to_thread(self.process.end, number=number)

    async def wait_until(self, condition: Callable[[], bool], what: str, seconds: float = 300.0, every: float = 0.05) -> None:
        """Poll `condition`. Raises ProcessError naming `what` where the process ends or the time is over."""
        assert self.process is not None
        deadline = time.monotonic() + seconds
        while not await asyncio.to_thread(condition):
            self.process.check()
            if time.monotonic() > deadline:
                raise ProcessError(f"{self.name}: waited {seconds:g} s until it {what}:\n{self.process.tail()}")
            await asyncio.sleep(every)

    def is_ready(self) -> bool:
        """Whether its readiness probe would pass."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.status_port}/readyz", timeout=5) as answer:
                return int(answer.status) == 200
        except (urllib.error.URLError, OSError):
            return False

    def metrics(self) -> dict[str, float]:
        """Return what its /metrics says: the sum of all samples of each name; empty where it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.status_port}/metrics", timeout=30) as answer:
                return sum_samples(answer.read().decode())
        except (urllib.error.URLError, OSError):
            return {}

    async def _mount(self) -> Path:
        folder = self._cluster.folder / f"mounted-{self.name}"
        folder.mkdir(exist_ok=True)
        account = object_path("v1", "serviceaccounts", SYSTEM, f"lambent-{self.name}", "token")
        async with self._cluster.client("bench") as client:
            for file, audiences in (("token", []), ("lambent-token", ["lambent"])):
                spec: dict[str, Any] = {"expirationSeconds": 86_400}
                if audiences:
                    spec["audiences"] = audiences
                request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
                answer = await client.create(account, request)
                (folder / file).write_text(answer["status"]["token"])
        (folder / "ca.crt").write_bytes(self._cluster.certificate.read_bytes())
        return folder


def build_roles(cluster: SimulatedCluster) -> dict[str, Role]:
    """All three, not started, set up to find each other."""
    http, link, statistics, *status = free_ports(6)
    ports: dict[str, dict[str, object]] = {
        "controller": {},
        "activator": {"LAMBENT_HTTP_PORT": http, "LAMBENT_LINK_PORT": link, "LAMBENT_AUTOSCALER": f"127.0.0.1:{statistics}"},
        "autoscaler": {"LAMBENT_STATISTICS_PORT": statistics},
    }
    environments = chart_environments(cluster.chart())
    return {
        role: Role(
            role,
            cluster,
            {
                **environments[role],
                **{key: str(value) for key, value in ports[role].items()},
                "LAMBENT_STATUS_PORT": str(port),
                "LAMBENT_NAMESPACE": SYSTEM,
                "LAMBENT_SETTLE_SECONDS": "0",
            },
        )
        for role, port in zip(ROLES, status, strict=True)
    }


def chart_environments(objects: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """The plain environment variables of each role's container in the rendered chart."""
    found = {}
    for body in objects:
        if body["kind"] == "Deployment":
            container = body["spec"]["template"]["spec"]["containers"][0]
            found[container["name"]] = {item["name"]: item["value"] for item in container.get("env", []) if "value" in item}
    return found


_SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{.*\})? (\S+)$", re.MULTILINE)


def sum_samples(text: str) -> dict[str, float]:
    """Prometheus' text format: the sum over all labels of each name."""
    sums: dict[str, float] = {}
    for name, value in _SAMPLE.findall(text):
        sums[name] = sums.get(name, 0.0) + float(value)
    return sums
