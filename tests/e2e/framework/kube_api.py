"""The cluster's API over one `kubectl proxy`, which knows every way to sign in; answers are plain objects.

Paths are spelled by `path_of`, so that tests name kinds as people do.
"""

from __future__ import annotations

import contextlib
import copy
import http.client
import json
import subprocess
from typing import Any, Final
from urllib.parse import urlencode

KINDS: Final = {
    "Function": ("/apis/lambent.dev/v1alpha1", "functions"),
    "Trigger": ("/apis/lambent.dev/v1alpha1", "triggers"),
    "HostGrant": ("/apis/lambent.dev/v1alpha1", "hostgrants"),
    "Deployment": ("/apis/apps/v1", "deployments"),
    "DaemonSet": ("/apis/apps/v1", "daemonsets"),
    "ReplicaSet": ("/apis/apps/v1", "replicasets"),
    "Service": ("/api/v1", "services"),
    "ConfigMap": ("/api/v1", "configmaps"),
    "Secret": ("/api/v1", "secrets"),
    "Pod": ("/api/v1", "pods"),
    "Event": ("/api/v1", "events"),
    "Namespace": ("/api/v1", "namespaces"),
    "Node": ("/api/v1", "nodes"),
    "ResourceQuota": ("/api/v1", "resourcequotas"),
    "LimitRange": ("/api/v1", "limitranges"),
    "RuntimeClass": ("/apis/node.k8s.io/v1", "runtimeclasses"),
    "Role": ("/apis/rbac.authorization.k8s.io/v1", "roles"),
    "RoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "rolebindings"),
    "ServiceAccount": ("/api/v1", "serviceaccounts"),
    "NetworkPolicy": ("/apis/networking.k8s.io/v1", "networkpolicies"),
    "Lease": ("/apis/coordination.k8s.io/v1", "leases"),
}
FIELD_MANAGER: Final = "lambent-e2e"


class ApiError(Exception):
    """An answer of the API server that is not success: `code` and its `message`."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def path_of(kind: str, namespace: str | None, name: str | None = None, sub: str | None = None) -> str:
    """The path of an object (or of a kind's list) in a namespace."""
    prefix, plural = KINDS[kind]
    scope = "" if kind == "Namespace" or namespace is None else f"/namespaces/{namespace}"
    return "/".join(part for part in (f"{prefix}{scope}/{plural}", name, sub) if part)


class KubeApi:
    """REST calls; each on a connection of its own, so that threads may share it."""

    def __init__(self, kubectl: str, kubeconfig: str) -> None:
        self._kubectl, self._kubeconfig = kubectl, kubeconfig
        self._proxy = subprocess.Popen(
            [kubectl, "--kubeconfig", kubeconfig, "proxy", "--port=0", "--keepalive=30s"], stdout=subprocess.PIPE, text=True
        )
        assert self._proxy.stdout is not None
        line = self._proxy.stdout.readline()
        if not line.startswith("Starting to serve on "):
            raise RuntimeError(f"kubectl proxy did not start: {line!r}")
        self._address = line.split()[-1]
        self._headers: dict[str, str] = {}

    def close(self) -> None:
        """Ends the proxy."""
        self._proxy.terminate()
        self._proxy.wait()
        if self._proxy.stdout is not None:
            self._proxy.stdout.close()

    def impersonating(self, user: str) -> KubeApi:
        """The same cluster as that user, or service account, sees it; closed with this one."""
        other = copy.copy(self)
        other._headers = {"Impersonate-User": user}
        return other

    def raw(self, method: str, path: str, body: object = None, content_type: str = "application/json", timeout: float = 30) -> bytes:
        """The body of an answer; raises `ApiError` where it is not 2xx."""
        connection = http.client.HTTPConnection(self._address, timeout=timeout)
        with contextlib.closing(connection):
            data = None if body is None else json.dumps(body).encode()
            headers = {**self._headers, **({"Content-Type": content_type} if data is not None else {})}
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            answer = response.read()
        if response.status >= 300:
            try:
                message = json.loads(answer).get("message", answer.decode())
            except ValueError:
                message = answer.decode(errors="replace")
            raise ApiError(response.status, message)
        return answer

    def answers(self, path: str, timeout: float) -> bool:
        """Whether a health check's path says that all is well within so many seconds."""
        try:
            self.raw("GET", path, timeout=timeout)
        except (ApiError, OSError, http.client.HTTPException):
            return False
        return True

    def call(self, method: str, path: str, body: object = None, content_type: str = "application/json") -> dict[str, Any]:
        """The object in an answer."""
        answer: dict[str, Any] = json.loads(self.raw(method, path, body, content_type))
        return answer

    def get(self, kind: str, namespace: str | None, name: str) -> dict[str, Any] | None:
        """An object, or None where there is none."""
        try:
            return self.call("GET", path_of(kind, namespace, name))
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def list(self, kind: str, namespace: str | None, selector: str = "") -> list[dict[str, Any]]:
        """The objects of a kind, all or those with the labels."""
        query = f"?{urlencode({'labelSelector': selector})}" if selector else ""
        items: list[dict[str, Any]] = self.call("GET", path_of(kind, namespace) + query)["items"]
        return items

    def version(self, kind: str, namespace: str | None) -> str:
        """The resourceVersion of a kind's list now, for `changes`."""
        found: str = self.call("GET", path_of(kind, namespace))["metadata"]["resourceVersion"]
        return found

    def changes(self, kind: str, namespace: str | None, since: str, selector: str = "", *, seconds: int = 2) -> list[dict[str, Any]]:
        """Every state that objects with the labels have had since that resourceVersion, the last one before a deletion too; takes
        `seconds`."""
        query = {"watch": "true", "resourceVersion": since, "timeoutSeconds": str(seconds), "labelSelector": selector}
        lines = self.raw("GET", f"{path_of(kind, namespace)}?{urlencode(query)}").splitlines()
        events = [json.loads(line) for line in lines]
        assert all(event["type"] in ("ADDED", "MODIFIED", "DELETED") for event in events), events
        return [event["object"] for event in events]

    def apply(self, manifest: dict[str, Any], namespace: str | None = None, *, dry_run: bool = False) -> dict[str, Any]:
        """Server-side apply, as `kubectl apply --server-side --force-conflicts` does it, with strict field validation."""
        metadata = manifest["metadata"]
        namespace = metadata.get("namespace", namespace)
        query = {"fieldManager": FIELD_MANAGER, "force": "true", "fieldValidation": "Strict", **({"dryRun": "All"} if dry_run else {})}
        path = path_of(manifest["kind"], namespace, metadata["name"])
        return self.call("PATCH", f"{path}?{urlencode(query)}", manifest, "application/apply-patch+yaml")

    def merge(self, kind: str, namespace: str | None, name: str, patch: dict[str, Any], sub: str | None = None) -> dict[str, Any]:
        """A JSON merge patch, as by hand with `kubectl patch --type merge` or `kubectl edit`."""
        return self.call("PATCH", path_of(kind, namespace, name, sub), patch, "application/merge-patch+json")

    def delete(self, kind: str, namespace: str | None, name: str, *, grace_seconds: int | None = None) -> None:
        """Deletes an object, in the background as kubectl does; nothing happens where it is gone."""
        body = {"propagationPolicy": "Background", **({} if grace_seconds is None else {"gracePeriodSeconds": grace_seconds})}
        try:
            self.call("DELETE", path_of(kind, namespace, name), body)
        except ApiError as error:
            if error.code != 404:
                raise

    def logs(self, namespace: str, pod: str, *, tail: int | None = None, previous: bool = False) -> str:
        """A pod's log, or why there is none."""
        query = {**({"tailLines": tail} if tail is not None else {}), **({"previous": "true"} if previous else {})}
        try:
            return self.raw("GET", f"{path_of('Pod', namespace, pod, 'log')}?{urlencode(query)}").decode(errors="replace")
        except ApiError as error:
            return f"(no log: {error.message})"

    def kubectl(self, *arguments: str, stdin: str | None = None, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """The real kubectl, for what only it does."""
        command = [self._kubectl, "--kubeconfig", self._kubeconfig, *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
