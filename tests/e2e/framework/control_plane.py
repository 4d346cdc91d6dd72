"""The control plane as tests see and disturb it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.e2e.framework.kube_api import KubeApi
from tests.e2e.framework.workspace import SYSTEM
from tests.support.waiting import wait_for

ROLES = ("controller", "activator", "autoscaler")


class ControlPlane:
    """The pods of lambent-system, by role."""

    def __init__(self, api: KubeApi) -> None:
        self._api = api

    def pods(self, role: str) -> list[dict[str, Any]]:
        """The role's pods that are not on their way out."""
        found = self._api.list("Pod", SYSTEM, f"app.kubernetes.io/component={role}")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def wait_whole(self, role: str | None = None, *, seconds: float = 90) -> None:
        """Until every replica of the role (or of all roles) is ready, and none is left over."""
        for name in ROLES if role is None else (role,):
            wait_for(partial(self._is_whole, name), f"every {name} to be ready", seconds)

    def _is_whole(self, role: str) -> bool:
        deployment = self._api.get("Deployment", SYSTEM, f"lambent-{role}")
        if deployment is None:
            return False
        status, wanted = deployment.get("status", {}), deployment["spec"]["replicas"]
        observed = status.get("observedGeneration") == deployment["metadata"]["generation"]
        counts = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")]
        # The Deployment's counts lag behind: right after a kill they are those of before, and the pod in its place is there already.
        pods = self.pods(role)
        return observed and counts == [wanted] * 4 and len(pods) == wanted and all(map(_is_ready, pods))

    def kill(self, role: str, *, grace_seconds: int | None = None) -> list[str]:
        """Deletes all pods of a role: as a drain would, or at once with `grace_seconds=0`."""
        names = [pod["metadata"]["name"] for pod in self.pods(role)]
        for name in names:
            self._api.delete("Pod", SYSTEM, name, grace_seconds=grace_seconds)
        return names

    def kill_one(self, role: str, *, grace_seconds: int | None = None) -> str:
        """Deletes one pod of a role."""
        name: str = self.pods(role)[0]["metadata"]["name"]
        self._api.delete("Pod", SYSTEM, name, grace_seconds=grace_seconds)
        wait_for(lambda: name not in [pod["metadata"]["name"] for pod in self.pods(role)], f"{name} to be on its way out")
        return name

    def scale(self, role: str, replicas: int) -> None:
        """Sets a role's replicas."""
        self._api.merge("Deployment", SYSTEM, f"lambent-{role}", {"spec": {"replicas": replicas}})

    @contextmanager
    def without(self, role: str) -> Iterator[None]:
        """No pod of a role while the block runs."""
        deployment = self._api.get("Deployment", SYSTEM, f"lambent-{role}")
        assert deployment is not None
        self.scale(role, 0)
        try:
            wait_for(lambda: not self._api.list("Pod", SYSTEM, f"app.kubernetes.io/component={role}"), f"no {role} to be left", 60)
            yield
        finally:
            self.scale(role, deployment["spec"]["replicas"])
            self.wait_whole(role)

    def metrics(self, role: str) -> str:
        """The metrics of every pod of a role, one after the other."""
        return "".join(self.scrape(SYSTEM, pod["metadata"]["name"], 9090) for pod in self.pods(role))

    def count(self, role: str, name: str, **labels: str) -> float:
        """A counter's sum over all pods of a role, of those samples that have these labels."""
        return sum(sample.value for sample in self.samples(role, name, **labels))

    def samples(self, role: str, name: str, **labels: str) -> list[Sample]:
        """Those of all pods of a role that have this name and these labels."""
        found = (sample for family in text_string_to_metric_families(self.metrics(role)) for sample in family.samples)
        return [sample for sample in found if sample.name == name and sample.labels.items() >= labels.items()]

    def scrape(self, namespace: str, pod: str, port: int) -> str:
        """A pod's /metrics through the API server."""
        return self._api.raw("GET", f"/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy/metrics").decode()

    def api_server_answers(self) -> bool:
        """Whether the API server is ready."""
        return self._api.answers("/readyz", timeout=2)

    def image(self) -> str:
        """What its pods run."""
        return str(self.pods("controller")[0]["spec"]["containers"][0]["image"])


def _is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
