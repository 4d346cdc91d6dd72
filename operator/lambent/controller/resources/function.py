"""The objects of a Function but its code: Deployment, candidate Pod, Service and NetworkPolicy."""

from __future__ import annotations

from typing import Any, Final

from lambent.api import names
from lambent.api.functions.files import CodeFiles
from lambent.api.functions.function import Function
from lambent.api.group import LABEL_FUNCTION, ROLE_CANDIDATE, ROLE_FUNCTION, START_GATE
from lambent.api.invocation import ACCESS_NONE, ACCESS_PUBLIC
from lambent.controller.resources.installation import Installation, RuntimeImage
from lambent.controller.resources.labels import child_metadata, pod_selector
from lambent.controller.resources.pod import build_pod_template
from lambent.controller.resources.pod_network import build_policy_spec
from lambent.controller.resources.pool_index import pool_of

PROGRESS_DEADLINE_SECONDS: Final = 600


def build_deployment(
    function: Function, revision: str, code: CodeFiles | None, runtime: RuntimeImage, installation: Installation
) -> dict[str, Any]:
    """The Deployment of one revision, without `spec.replicas`: those belong to the activator and the autoscaler.

    Pods of a Function that may take a pool's wait behind a gate for an activator to say that they are not made in vain (0007).
    An old pod goes only when a new one is available, and old ReplicaSets are not kept: a revision comes back by its manifest.
    """
    template = build_pod_template(function, revision, ROLE_FUNCTION, code, runtime, installation)
    if pool_of(function, installation) is not None:
        template["spec"]["schedulingGates"] = [{"name": START_GATE}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": child_metadata(function, names.deployment(function.name)),
        "spec": {
            "selector": {"matchLabels": pod_selector(function.name)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}},
            "revisionHistoryLimit": 0,
            "progressDeadlineSeconds": PROGRESS_DEADLINE_SECONDS,
            "template": template,
        },
    }


def build_candidate(
    function: Function, revision: str, code: CodeFiles | None, runtime: RuntimeImage, installation: Installation
) -> dict[str, Any]:
    """The bare Pod that proves a revision before it serves."""
    template = build_pod_template(function, revision, ROLE_CANDIDATE, code, runtime, installation)
    metadata = child_metadata(function, names.candidate_pod(function.name, revision))
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata | {"labels": template["metadata"]["labels"]}, "spec": template["spec"]}


def build_service(function: Function, installation: Installation) -> dict[str, Any]:
    """The function's name inside the cluster: an alias of the activators' Service, so that an idle function costs no endpoint."""
    target = f"{installation.activator_service}.{installation.namespace}.svc.{installation.cluster_domain}"
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": child_metadata(function, names.service(function.name)),
        "spec": {"type": "ExternalName", "externalName": target, "sessionAffinity": "None"},
    }


def build_network_policy(function: Function, installation: Installation) -> dict[str, Any]:
    """Function pods call in and are not called; it holds for a candidate, and for a pod that came from a pool, too."""
    has_account = function.spec.service_account_name is not None
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": child_metadata(function, names.network_policy(function.name)),
        "spec": build_policy_spec({LABEL_FUNCTION: function.name}, installation, calls_api_server=has_account),
    }


def function_url(function: Function, installation: Installation) -> str | None:
    """Where the function answers: under the installation's domain if it has one, else inside the cluster. None where it has no URL."""
    access = function.spec.url.access
    if access == ACCESS_NONE:
        return None
    host = names.function_host(function.name, function.namespace)
    return f"http://{host}.{installation.domain}" if installation.domain and access == ACCESS_PUBLIC else f"http://{host}"
