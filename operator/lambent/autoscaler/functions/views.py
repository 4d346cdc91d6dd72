"""Objects of the API server cut down to what the autoscaler keeps of them, pure."""

from __future__ import annotations

from typing import Any

from lambent.api.fields import Fields, InvalidSpecError
from lambent.api.functions.function import MAX_CONCURRENCY, MAX_TIMEOUT_SECONDS
from lambent.api.functions.scaling import parse_scaling
from lambent.api.functions.status import parse_status
from lambent.api.group import LABEL_FUNCTION
from lambent.api.refusal import is_out_of_quota
from lambent.autoscaler.functions.observed import DeploymentView, FunctionView
from lambent.autoscaler.statistics import FunctionKey

Json = dict[str, Any]


def view_function(body: Json) -> tuple[FunctionKey, FunctionView | None]:
    """A Function; None where its spec cannot be used (the controller tells the user)."""
    key = FunctionKey(body["metadata"]["namespace"], body["metadata"]["name"])
    status = parse_status(body.get("status"))
    outcome = status.initialization
    decided = outcome is not None and outcome.revision == status.latest_revision
    try:
        spec = Fields("spec", body.get("spec"))
        return key, FunctionView(
            scaling=parse_scaling(spec.object("scaling")),
            concurrency=spec.integer("concurrency", 1, 1, MAX_CONCURRENCY),
            timeout_seconds=spec.integer("timeoutSeconds", 3, 1, MAX_TIMEOUT_SECONDS),
            proving=not status.ready_revision and not decided,
            broken=not status.ready_revision and decided and outcome is not None and not outcome.succeeded,
        )
    except InvalidSpecError:
        return key, None


def view_deployment(body: Json) -> tuple[FunctionKey, DeploymentView]:
    """A Deployment that carries the label of a Function."""
    metadata = body["metadata"]
    # The API server defaults replicas to 1 and leaves readyReplicas out at zero.
    status = body.get("status", {})
    replicas, ready = body.get("spec", {}).get("replicas", 1), status.get("readyReplicas", 0)
    key = FunctionKey(metadata["namespace"], metadata["labels"][LABEL_FUNCTION])
    refused = status.get("replicas", 0) < replicas and any(map(_is_out_of_quota, status.get("conditions") or ()))
    return key, DeploymentView(metadata["name"], replicas, ready, version_of(metadata.get("resourceVersion")), refused)


def _is_out_of_quota(condition: Json) -> bool:
    return (
        condition.get("type") == "ReplicaFailure" and condition.get("status") == "True" and is_out_of_quota(str(condition.get("message")))
    )


def version_of(resource_version: str | None) -> int:
    """A resourceVersion as a number that grows with time (KEP-5504: they are comparable as integers)."""
    return int(resource_version) if resource_version and resource_version.isdigit() else 0
