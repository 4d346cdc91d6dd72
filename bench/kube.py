"""kubectl and the cluster's addresses for the benchmarks."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".cluster"
NAMESPACE = "lambent-bench"
SYSTEM = "lambent-system"


class BenchError(RuntimeError):
    """A measurement could not be taken; the message says what to do."""


def _environment() -> dict[str, str]:
    return os.environ | {"KUBECONFIG": str(STATE / "kubeconfig"), "PATH": f"{STATE / 'bin'}:{os.environ['PATH']}"}


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    """Run kubectl against the cluster of `make up`; its standard output."""
    done = subprocess.run(
        ["kubectl", *arguments], input=stdin, capture_output=True, text=True, env=_environment(), check=False, timeout=180
    )
    if done.returncode:
        raise BenchError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def helm(*arguments: str) -> None:
    """Run helm against the cluster of `make up`."""
    done = subprocess.run(["helm", *arguments], capture_output=True, text=True, env=_environment(), check=False, timeout=300)
    if done.returncode:
        raise BenchError(f"helm {' '.join(arguments)}: {done.stderr.strip()}")


def get(*arguments: str) -> dict[str, Any]:
    """`kubectl get … -o json`, parsed."""
    parsed: dict[str, Any] = json.loads(kubectl("get", *arguments, "-o", "json"))
    return parsed


def ensure_namespace() -> None:
    """Make the benchmarks' namespace, after the end of one that an earlier run has left."""
    if "Terminating" in kubectl("get", "namespace", NAMESPACE, "--ignore-not-found", "-o", "jsonpath={.status.phase}"):
        kubectl("wait", "namespace", NAMESPACE, "--for=delete", "--timeout=120s")
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}))


def apply(*objects: Mapping[str, Any]) -> None:
    """Apply objects to the benchmarks' namespace."""
    kubectl("-n", NAMESPACE, "apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))


def endpoint() -> tuple[str, int]:
    """Host and port of the activator, as `make up` wrote them."""
    try:
        url = urlsplit((STATE / "endpoint").read_text().strip())
    except FileNotFoundError:
        raise BenchError(".cluster/endpoint is missing: run `make up` first") from None
    return url.hostname or "", url.port or 80


def wait_for(what: str, condition: Callable[[], bool], seconds: float = 120, every: float = 0.1) -> None:
    """Poll until `condition` holds; BenchError naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise BenchError(f"waited {seconds:.0f} s for {what}")
        time.sleep(every)


def function_pods(name: str) -> list[dict[str, Any]]:
    """Pods of a function, also those that are being deleted."""
    items: list[dict[str, Any]] = get("pods", "-n", NAMESPACE, "-l", f"lambent.dev/function={name}")["items"]
    return items


def wait_ready(name: str) -> None:
    """Wait for a Function's condition Ready."""
    kubectl("-n", NAMESPACE, "wait", "--for=condition=Ready", f"functions.lambent.dev/{name}", "--timeout=120s")


def wait_for_zero(name: str) -> None:
    """Wait until no pod of the function is left at all, so that the next call is a true start from zero."""
    wait_for(f"{name} to have no pod", lambda: not function_pods(name), every=0.25)


def pod_metrics(namespace: str, pod: str, port: int) -> dict[str, float]:
    """Samples without labels of a pod's /metrics, read through the API server."""
    text = kubectl("get", "--raw", f"/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy/metrics")
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#") and "{" not in line)
    return {name: float(value) for name, value in lines}


def pod_samples(namespace: str, pod: str, port: int, name: str) -> list[tuple[str, float]]:
    """Labels, as written, and values of one metric of a pod's /metrics, read through the API server."""
    text = kubectl("get", "--raw", f"/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy/metrics")
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if line.startswith(name + "{"))
    return [(labels, float(value)) for labels, value in lines]


def system_pods(component: str) -> list[str]:
    """Names of the running pods of a part of the control plane (`controller`, `activator`, `autoscaler`)."""
    pods = get("pods", "-n", SYSTEM, "-l", f"app.kubernetes.io/component={component}")["items"]
    return [pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"] and pod["status"]["phase"] == "Running"]


def scale_activators(replicas: int) -> None:
    """Set the number of activators and wait for it."""
    kubectl("-n", SYSTEM, "scale", "deployment/lambent-activator", f"--replicas={replicas}")
    wait_for(f"{replicas} activators", lambda: len(system_pods("activator")) == replicas)
    kubectl("-n", SYSTEM, "rollout", "status", "deployment/lambent-activator", "--timeout=120s")


def get_summary(node: str) -> dict[str, Any]:
    """The kubelet's statistics of a node and its pods."""
    parsed: dict[str, Any] = json.loads(kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/stats/summary"))
    return parsed
