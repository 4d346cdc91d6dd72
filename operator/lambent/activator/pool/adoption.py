"""How a pod that has become a function is handed to its Deployment: the patches, and what to make of their outcome. Pure.

A ReplicaSet that wants no pod deletes one that it adopts, so the scale comes first, and the pod only once the ReplicaSet's controller has
acted on it. It makes a pod of its own then, which goes unstarted as soon as it has adopted this one: of two it keeps the one that runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lambent.api.functions.function import FunctionSpec
from lambent.api.functions.shim import build_resources
from lambent.api.group import LABEL_FUNCTION, LABEL_REVISION, LABEL_ROLE, LABEL_RUNTIME, ROLE_FUNCTION
from lambent.api.names import CONTAINER

HASH_LABEL: Final = "pod-template-hash"
REFUSED: Final = ("Deferred", "Infeasible")
Json = Mapping[str, Any]


def find_replica_set(items: list[Any], revision: str) -> Json | None:
    """The ReplicaSet whose pods run that revision; the newest of several."""
    found = [item for item in items if labels_of(item).get(LABEL_REVISION) == revision and HASH_LABEL in labels_of(item)]
    return max(found, key=lambda item: str(item["metadata"].get("creationTimestamp") or ""), default=None)


def wants_pods(replica_set: Json, pods: int) -> bool:
    """Whether it wants that many pods, and its controller has acted on that: it may see a new pod before its own new scale."""
    wanted = int((replica_set.get("spec") or {}).get("replicas") or 0)
    observed = int((replica_set.get("status") or {}).get("observedGeneration") or 0)
    return wanted >= pods and observed >= int(replica_set["metadata"].get("generation") or 0)


def build_claim(replica_set: Json, uid: str) -> dict[str, Any]:
    """The merge patch that makes the pod of that uid one for the ReplicaSet to adopt."""
    template = ((replica_set.get("spec") or {}).get("template") or {}).get("metadata") or {}
    labels = {**(template.get("labels") or {}), HASH_LABEL: labels_of(replica_set)[HASH_LABEL], LABEL_RUNTIME: None}
    return {"metadata": {"uid": uid, "ownerReferences": None, "labels": labels}}


def is_moved(pod: Json, function: str) -> bool:
    """Whether the pod is the function's, as Kubernetes sees it."""
    labels = labels_of(pod)
    return labels.get(LABEL_FUNCTION) == function and labels.get(LABEL_ROLE) == ROLE_FUNCTION


def build_resize(spec: FunctionSpec, cpu_request_percent: int) -> dict[str, Any]:
    """The strategic merge patch of `pods/resize`."""
    return {"spec": {"containers": [{"name": CONTAINER, "resources": build_resources(spec, cpu_request_percent)}]}}


def find_resize_problem(pod: Json) -> str:
    """Why the node has not given the pod what it was resized to (`PodResizePending`); empty where it has, or is about to."""
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "PodResizePending" and condition.get("status") == "True" and condition.get("reason") in REFUSED:
            return f"{condition['reason']}: {condition.get('message') or 'no room on the node'}"
    return ""


def labels_of(body: Json) -> Mapping[str, str]:
    """An object's labels."""
    return (body.get("metadata") or {}).get("labels") or {}
