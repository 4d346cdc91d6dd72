"""The functions that are measured, as manifests."""

from __future__ import annotations

from typing import Any

HELLO = 'def handler(event, context):\n    return {"hello": "world"}\n'
SLEEPER = 'import time\n\n\ndef handler(event, context):\n    time.sleep(1)\n    return {"slept": 1}\n'


def build_function(
    name: str,
    code: str,
    *,
    concurrency: int = 1,
    max_scale: int = 20,
    idle_seconds: int = 60,
    initial_scale: int = 1,
    runtime: str = "python3.11",
    pooled: bool = True,
    cpu_request: str = "",
) -> dict[str, Any]:
    """A Function of one file `app.py`; one that is not `pooled` has an environment that a generic pod could not be given."""
    own = {} if pooled else {"env": [{"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]}
    return {
        "apiVersion": "lambent.dev/v1alpha1",
        "kind": "Function",
        "metadata": {"name": name},
        "spec": {
            "runtime": runtime,
            "handler": "app.handler",
            "code": {"inline": {"app.py": code}},
            "concurrency": concurrency,
            "timeoutSeconds": 3,
            "scaling": {"minScale": 0, "maxScale": max_scale, "scaleToZeroAfterSeconds": idle_seconds, "initialScale": initial_scale},
            **({"cpu": {"request": cpu_request}} if cpu_request else {}),
            **own,
        },
    }


def build_peer(name: str, command: list[str], port: int) -> list[dict[str, Any]]:
    """A pod of the peers' image and a NodePort to it, so that it is reached over the same hop as the activator."""
    labels = {"bench.lambent.dev/peer": name}
    container: dict[str, Any] = {"name": "server", "image": "lambent/bench-peers:dev", "imagePullPolicy": "Never", "command": command}
    container |= {"ports": [{"containerPort": port}], "readinessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 1}}
    return [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": {"containers": [container]}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {"type": "NodePort", "selector": labels, "ports": [{"port": port}]},
        },
    ]
