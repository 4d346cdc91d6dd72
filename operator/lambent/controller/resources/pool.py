"""The objects of a pool: a Deployment of generic pods, and the NetworkPolicy that shuts them (docs/decisions/0007-the-warm-pool.md).

A pool belongs to a namespace and a runtime, to no single Function: its objects have no owner, and the controller removes them.
"""

from __future__ import annotations

from typing import Any, Final

from lambent.api import names
from lambent.api.functions.function import MAX_TIMEOUT_SECONDS
from lambent.api.functions.shim import SHIM_MEMORY_BYTES, format_cpu
from lambent.api.group import LABEL_ORIGIN, LABEL_ROLE, LABEL_RUNTIME, ORIGIN_POOL, REFILL_GATE, ROLE_POOL
from lambent.api.quantity import format_bytes
from lambent.controller.resources.installation import Installation, Pools, RuntimeImage
from lambent.controller.resources.labels import LABEL_MANAGED_BY, MANAGED_BY
from lambent.controller.resources.pod import (
    TASK_ROOT,
    build_container,
    build_platform_mounts,
    build_platform_volumes,
    build_pod,
    dial_fields,
    shim_variable,
)
from lambent.controller.resources.pod_network import build_policy_spec
from lambent.controller.resources.scratch import scratch_fields

CODE_FOLDER: Final = "/var/lib/lambent/task"
"""Where the shim writes a function's code. At the task root the same volume is mounted so that nobody can write, as on Lambda."""
TASK_SIZE: Final = "256Mi"
"""Room for a function's code: Lambda's limit is 250 MB unzipped."""
NO_DEADLINE: Final = 2**31 - 1
"""What a Deployment takes for no deadline at all: pods behind a gate make no progress, and that is no failure."""


def pool_selector(runtime: str) -> dict[str, str]:
    """Which pods are a pool's: one that has been handed to a function is none of them."""
    return {LABEL_ROLE: ROLE_POOL, LABEL_RUNTIME: runtime}


def build_pool_deployment(namespace: str, runtime: str, image: RuntimeImage, installation: Installation) -> dict[str, Any]:
    """The Deployment, without `spec.replicas`: those belong to the autoscaler."""
    pod = build_pod(_build_container(namespace, runtime, image, installation), _build_volumes(), MAX_TIMEOUT_SECONDS)
    # Lifted by the autoscaler, when starting a pod takes no CPU from anybody who waits.
    pod["schedulingGates"] = [{"name": REFILL_GATE}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(namespace, runtime),
        "spec": {
            "selector": {"matchLabels": pool_selector(runtime)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}},
            "revisionHistoryLimit": 0,
            "progressDeadlineSeconds": NO_DEADLINE,
            "template": {"metadata": {"labels": _labels(runtime) | {LABEL_ORIGIN: ORIGIN_POOL}}, "spec": pod},
        },
    }


def build_pool_network_policy(namespace: str, runtime: str, installation: Installation) -> dict[str, Any]:
    """Generic pods call in and are not called, as functions' are; once handed over, their function's policy holds."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata(namespace, runtime),
        "spec": build_policy_spec(pool_selector(runtime), installation),
    }


def pool_configuration(namespace: str, runtime: str, image: RuntimeImage, installation: Installation) -> dict[str, Any]:
    """What the shim of a generic pod reads from LAMBENT_SHIM (docs/runtime-contract.md); its function comes over the link."""
    told: dict[str, Any] = {"pool": True, "namespace": namespace, "runtime": runtime, "region": installation.region}
    told |= {"preload": list(image.preload), "codeDir": CODE_FOLDER}
    return told | dial_fields(installation) | scratch_fields()


def _build_container(namespace: str, runtime: str, image: RuntimeImage, installation: Installation) -> dict[str, Any]:
    env = [shim_variable(pool_configuration(namespace, runtime, image, installation))]
    mounts: list[dict[str, Any]] = [*build_platform_mounts(), {"name": "lambent-code", "mountPath": CODE_FOLDER}]
    mounts.append({"name": "lambent-code", "mountPath": TASK_ROOT, "readOnly": True})
    return build_container(image, env, _build_resources(installation.pools), mounts)


def _build_resources(pools: Pools) -> dict[str, Any]:
    """Requests of a pod that waits; the limit is that of the largest function, which may use its memory before it is resized."""
    requests = {"cpu": format_cpu(pools.cpu_request_millis), "memory": format_bytes(pools.memory_request_bytes)}
    return {"requests": requests, "limits": {"memory": format_bytes(pools.max_memory_bytes + SHIM_MEMORY_BYTES)}}


def _build_volumes() -> list[dict[str, Any]]:
    return [*build_platform_volumes(), {"name": "lambent-code", "emptyDir": {"sizeLimit": TASK_SIZE}}]


def _metadata(namespace: str, runtime: str) -> dict[str, Any]:
    return {"name": names.pool(runtime), "namespace": namespace, "labels": _labels(runtime), "ownerReferences": []}


def _labels(runtime: str) -> dict[str, str]:
    return {
        **pool_selector(runtime),
        "app.kubernetes.io/name": names.pool(runtime),
        "app.kubernetes.io/instance": names.pool(runtime),
        "app.kubernetes.io/component": "pool",
        LABEL_MANAGED_BY: MANAGED_BY,
        "app.kubernetes.io/part-of": "lambent",
    }
