"""A namespace of a test module's own, and what its tests do in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.e2e.framework.kube_api import ApiError, KubeApi
from tests.e2e.framework.load import Load
from tests.support.http_client import HttpClient, Response
from tests.support.waiting import wait_for

SYSTEM: Final = "lambent-system"
CONNECTIONS_IN_A_ROW: Final = 20
"""With two activators, of which one is gone, all of so many reach the other by chance once in a million times."""


class Workspace:
    """A namespace held to the restricted Pod Security level, with calls into it through the activators."""

    def __init__(self, api: KubeApi, http: HttpClient, namespace: str, checkout: Path) -> None:
        self.api, self.http, self.namespace, self.checkout = api, http, namespace, checkout

    # What users do

    def apply(self, *manifests: dict[str, Any]) -> None:
        """Applies each manifest in this namespace."""
        for manifest in manifests:
            self.api.apply(manifest, self.namespace)

    def refused(self, manifest: dict[str, Any]) -> str:
        """The message with which the API server refuses a manifest; fails if it takes it."""
        try:
            self.api.apply(manifest, self.namespace, dry_run=True)
        except ApiError as error:
            return error.message
        raise AssertionError(f"the API server took {manifest['spec']}")

    def deploy(self, *manifests: dict[str, Any], seconds: float = 60) -> None:
        """Applies, and waits until every Function among them is ready in its new form."""
        self.apply(*manifests)
        for manifest in manifests:
            if manifest["kind"] == "Function":
                self.wait_ready(manifest["metadata"]["name"], seconds=seconds)

    def invoke(self, name: str, event: object = None, *, tail: bool = False, timeout: float = 60) -> Response:
        """Lambda's Invoke."""
        return self.http.invoke(self.namespace, name, event, tail=tail, timeout=timeout)

    def visit(self, name: str, path: str = "/", method: str = "GET", body: bytes = b"", **headers: str) -> Response:
        """A request to the function's URL, told by the Host header."""
        return self.http.request(method, path, body, {"Host": f"{name}.{self.namespace}", **headers})

    def result(self, name: str, event: object = None, *, timeout: float = 60) -> Any:
        """What the handler returned; fails where it did not."""
        response = self.invoke(name, event, timeout=timeout)
        assert response.status == 200, response
        assert response.function_error is None, response
        return response.json

    @contextlib.contextmanager
    def load(self, name: str, event: object = None, clients: int = 4, warm: int = 10) -> Iterator[Load]:
        """Calls without pause around the block; the block begins when `warm` calls went well and ends after as many more."""
        with Load(lambda: self.invoke(name, event, timeout=30), clients) as load:
            wait_for(lambda: load.answered() >= warm, f"{warm} calls of {name} to go well", 30)
            yield load
            reached = load.answered()
            wait_for(lambda: load.answered() >= reached + warm, f"{warm} more calls of {name} to go well", 30)

    def wait_reachable(self) -> None:
        """Wait until all of many connections reach an activator: a node learns late which are gone, and refuses their share."""
        wait_for(self._is_reachable, "every connection to reach an activator", 30)

    def _is_reachable(self) -> bool:
        try:
            return all(self.visit("nobody").status == 404 for _ in range(CONNECTIONS_IN_A_ROW))
        except OSError:
            return False

    def delete(self, kind: str, name: str) -> None:
        """Deletes, as `kubectl delete --wait=false`."""
        self.api.delete(kind, self.namespace, name)

    # What is there

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """An object of this namespace, or None."""
        return self.api.get(kind, self.namespace, name)

    def function(self, name: str) -> dict[str, Any]:
        """The Function as it stands."""
        found = self.get("Function", name)
        assert found is not None, f"no function {name}"
        return found

    def deployment(self, name: str) -> dict[str, Any]:
        """The function's Deployment as it stands."""
        found = self.get("Deployment", name)
        assert found is not None, f"no deployment {name}"
        return found

    def scale(self, name: str) -> int:
        """Pods that the function's Deployment is asked for."""
        replicas: int = self.deployment(name)["spec"]["replicas"]
        return replicas

    def pods(self, name: str, *, ending: bool = True) -> list[dict[str, Any]]:
        """The function's pods; without those that are on their way out, if `ending` is False."""
        found = self.api.list("Pod", self.namespace, f"lambent.dev/function={name}")
        return [pod for pod in found if ending or "deletionTimestamp" not in pod["metadata"]]

    def condition(self, name: str, kind: str = "Ready") -> dict[str, Any]:
        """A condition of the Function, for its present generation; empty where the controller has not said yet."""
        body = self.function(name)
        for condition in body.get("status", {}).get("conditions", []):
            if condition["type"] == kind and condition.get("observedGeneration") == body["metadata"]["generation"]:
                found: dict[str, Any] = condition
                return found
        return {}

    def events(self, name: str) -> list[dict[str, Any]]:
        """Events about the Function."""
        return [
            event
            for event in self.api.list("Event", self.namespace)
            if event["involvedObject"].get("kind") == "Function" and event["involvedObject"].get("name") == name
        ]

    def logs(self, name: str) -> str:
        """The logs of the function's pods, one after the other."""
        return "".join(self.api.logs(self.namespace, pod["metadata"]["name"]) for pod in self.pods(name))

    # What is waited for

    def wait_ready(self, name: str, *, seconds: float = 60) -> dict[str, Any]:
        """The Ready condition once it is True for the present generation."""
        return self.wait_condition(name, "True", seconds=seconds)

    def wait_condition(self, name: str, status: str, reason: str | None = None, *, seconds: float = 60) -> dict[str, Any]:
        """The Ready condition once it has that status (and reason) for the present generation."""

        def reached() -> dict[str, Any]:
            condition = self.condition(name)
            assert condition.get("status") == status, condition
            assert reason is None or condition.get("reason") == reason, condition
            return condition

        return wait_for(reached, f"Ready={status} {reason or ''} of {name}", seconds)

    def wait_for_zero(self, name: str, *, seconds: float = 60) -> None:
        """Until no pod of the function is left, not even one on its way out: that one may still answer."""
        wait_for(lambda: self.scale(name) == 0 and not self.pods(name), f"{name} to be at zero", seconds)

    def wait_gone(self, kind: str, name: str, *, seconds: float = 60) -> None:
        """Until there is no such object."""
        wait_for(lambda: self.get(kind, name) is None, f"{kind} {name} to be gone", seconds)

    def wait_for_pods(self, name: str, count: int, *, seconds: float = 60) -> None:
        """Until that many pods run."""

        def running() -> bool:
            pods = self.pods(name, ending=False)
            return len(pods) == count and all(pod["status"].get("phase") == "Running" for pod in pods)

        wait_for(running, f"{count} running pods of {name}", seconds)
