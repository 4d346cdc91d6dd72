"""The pod of a Function's revision: one container with shim and runtime, locked down to Pod Security "restricted".

Every default of the API server is written out, so that a live object can be compared with a built one field by field.
"""

from __future__ import annotations

import json
from typing import Any, Final

from lambent.api.functions.files import CodeFiles
from lambent.api.functions.function import MIN_STORAGE, Function
from lambent.api.functions.pod import Volume
from lambent.api.functions.shim import SHIM_VARIABLE, build_resources, function_fields
from lambent.api.group import TOKEN_AUDIENCE
from lambent.api.names import CONTAINER, code_config_map
from lambent.controller.resources.code import code_volume_items
from lambent.controller.resources.installation import Installation, RuntimeImage
from lambent.controller.resources.labels import pod_labels
from lambent.controller.resources.scratch import scratch_fields, size_volume, tmp_size_limit

STATUS_PORT: Final = 9001
TASK_ROOT: Final = "/var/task"
TOKEN_FOLDER: Final = "/var/run/secrets/lambent"  # noqa: S105 - a folder, not a secret
USER_ID: Final = 65532
DRAIN_SECONDS: Final = 15
"""Time beyond a running invocation's timeout in which a pod may end."""


def build_pod_template(
    function: Function, revision: str, role: str, code: CodeFiles | None, runtime: RuntimeImage, installation: Installation
) -> dict[str, Any]:
    """Labels and spec of a pod; `code` None where the image holds it."""
    spec = function.spec
    configuration = shim_configuration(function, revision, installation)
    env = [*(variable.to_dict() for variable in spec.env), shim_variable(configuration)]
    container = build_container(
        runtime,
        env,
        build_resources(spec, installation.cpu_request_percent, boost_millis=installation.init_boost_millis),
        _build_mounts(function, code),
    )
    pod = build_pod(container, _build_volumes(function, code), spec.timeout_seconds)
    pod["automountServiceAccountToken"] = spec.service_account_name is not None
    if spec.service_account_name is not None:
        # The API server writes the older name beside the newer one.
        pod |= {"serviceAccountName": spec.service_account_name, "serviceAccount": spec.service_account_name}
    if spec.runtime_class_name is not None:
        pod["runtimeClassName"] = spec.runtime_class_name
    if spec.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in spec.image_pull_secrets]
    if spec.node_selector:
        pod["nodeSelector"] = dict(spec.node_selector)
    if spec.tolerations:
        pod["tolerations"] = [toleration.to_dict() for toleration in spec.tolerations]
    return {"metadata": {"labels": pod_labels(function, revision, role, code.short_digest if code else "")}, "spec": pod}


def build_pod(container: dict[str, Any], volumes: list[dict[str, Any]], timeout_seconds: int) -> dict[str, Any]:
    """What the spec of every pod with a shim has, without an API token; `timeout_seconds` is the longest invocation's."""
    return {
        "containers": [container],
        "volumes": volumes,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Always",
        "dnsPolicy": "ClusterFirst",
        "schedulerName": "default-scheduler",
        "terminationGracePeriodSeconds": timeout_seconds + DRAIN_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER_ID,
            "runAsGroup": USER_ID,
            "fsGroup": USER_ID,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def shim_variable(configuration: dict[str, Any]) -> dict[str, str]:
    """The variable that the shim reads."""
    return {"name": SHIM_VARIABLE, "value": json.dumps(configuration, separators=(",", ":"))}


def shim_configuration(function: Function, revision: str, installation: Installation) -> dict[str, Any]:
    """What the shim reads from LAMBENT_SHIM (docs/runtime-contract.md)."""
    return function_fields(function, revision, installation.region) | dial_fields(installation) | scratch_fields(function.spec)


def dial_fields(installation: Installation) -> dict[str, Any]:
    """The fields that are the same in every pod: whom to dial, and where things are."""
    # The dot at the end keeps the resolver from trying the pod's five search domains first, on the path of a cold start.
    host = f"{installation.links_service}.{installation.namespace}.svc.{installation.cluster_domain}."
    return {
        "activators": [f"{host}:{installation.links_port}"],
        "tokenFile": f"{TOKEN_FOLDER}/token",
        "taskRoot": TASK_ROOT,
        "statusPort": STATUS_PORT,
    }


def build_container(
    runtime: RuntimeImage, env: list[dict[str, Any]], resources: dict[str, Any], mounts: list[dict[str, Any]]
) -> dict[str, Any]:
    """The container of every pod with a shim."""
    return {
        "name": CONTAINER,
        "image": runtime.image,
        "imagePullPolicy": runtime.pull_policy,
        "env": env,
        "ports": [{"name": "status", "containerPort": STATUS_PORT, "protocol": "TCP"}],
        "resources": resources,
        "volumeMounts": mounts,
        "readinessProbe": _build_probe("/readyz", period=1, failures=1),
        "livenessProbe": _build_probe("/healthz", period=10, failures=3) | {"initialDelaySeconds": 10},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _build_probe(path: str, period: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": STATUS_PORT, "scheme": "HTTP"},
        "periodSeconds": period,
        "timeoutSeconds": 5,
        "successThreshold": 1,
        "failureThreshold": failures,
    }


def build_platform_mounts() -> list[dict[str, Any]]:
    """Where every container with a shim has its token and may write."""
    return [
        {"name": "lambent-tmp", "mountPath": "/tmp"},  # noqa: S108 - Lambda's writable folder
        {"name": "lambent-token", "mountPath": TOKEN_FOLDER, "readOnly": True},
    ]


def build_platform_volumes(storage_bytes: int = MIN_STORAGE) -> list[dict[str, Any]]:
    """The volumes of `build_platform_mounts`, with so much room in /tmp."""
    token = {"serviceAccountToken": {"audience": TOKEN_AUDIENCE, "expirationSeconds": 3600, "path": "token"}}
    return [
        {"name": "lambent-tmp", "emptyDir": {"sizeLimit": tmp_size_limit(storage_bytes)}},
        {"name": "lambent-token", "projected": {"defaultMode": 0o440, "sources": [token]}},
    ]


def _build_mounts(function: Function, code: CodeFiles | None) -> list[dict[str, Any]]:
    mounts = build_platform_mounts()
    if code is not None:
        mounts.append({"name": "lambent-code", "mountPath": TASK_ROOT, "readOnly": True})
    for volume in function.spec.volumes:
        mount: dict[str, Any] = {"name": _volume_name(volume), "mountPath": volume.mount_path}
        mounts.append(mount | {"readOnly": True} if volume.read_only else mount)
    return mounts


def _build_volumes(function: Function, code: CodeFiles | None) -> list[dict[str, Any]]:
    volumes = build_platform_volumes(function.spec.ephemeral_storage_bytes)
    if code is not None:
        name = code_config_map(function.name, code.short_digest)
        volumes.append({"name": "lambent-code", "configMap": {"name": name, "defaultMode": 0o444, "items": code_volume_items(code)}})
    memory = function.spec.memory_bytes
    volumes.extend({"name": _volume_name(volume), **size_volume(volume.source, memory)} for volume in function.spec.volumes)
    return volumes


def _volume_name(volume: Volume) -> str:
    # A prefix keeps users' names apart from the platform's.
    return f"user-{volume.name}"
