"""Processes of the node itself, reached from a pod in its process namespace: how a test stops an API server."""

from __future__ import annotations

import http.client
from functools import partial

from tests.e2e.framework.control_plane import ControlPlane
from tests.e2e.framework.kube_api import ApiError, KubeApi, path_of
from tests.e2e.framework.workspace import SYSTEM
from tests.support.waiting import wait_for

WAIT = "import time; time.sleep(3600)"
STOP_API_SERVER = """
import os, signal
for name in os.listdir("/proc"):
    try:
        command = open(f"/proc/{name}/cmdline", "rb").read().split(b"\\0")[0]
    except (FileNotFoundError, NotADirectoryError, ProcessLookupError):
        continue
    if name.isdigit() and command.rsplit(b"/", 1)[-1] == b"kube-apiserver":
        print("stopping", name, flush=True)
        os.kill(int(name), signal.SIGKILL)
"""


def nodes_ready_since(api: KubeApi) -> str:
    """When the Ready condition of a node last changed."""
    listed = api.call("GET", path_of("Node", None))
    conditions = [condition for node in listed["items"] for condition in node["status"]["conditions"]]
    return max(str(condition["lastTransitionTime"]) for condition in conditions if condition["type"] == "Ready")


def restart_api_server(api: KubeApi, control_plane: ControlPlane) -> None:
    """Kills the API server's process; the kubelet starts it anew. Returns when it answers again and Kubernetes has found back to it."""
    image: str = control_plane.pods("controller")[0]["spec"]["containers"][0]["image"]
    name = "e2e-stop-api-server"
    started = _started_at(api)
    container = {
        "name": "stop",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/opt/lambent/bin/python", "-c", STOP_API_SERVER],
        "securityContext": {"runAsUser": 0, "privileged": True},
    }
    spec = {
        "hostPID": True,
        "restartPolicy": "Never",
        "containers": [container],
        "nodeSelector": {"node-role.kubernetes.io/control-plane": ""},
        "tolerations": [{"operator": "Exists"}],
    }
    api.delete("Pod", SYSTEM, name, grace_seconds=0)
    wait_for(lambda: api.get("Pod", SYSTEM, name) is None, "an earlier one to be gone")
    api.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": SYSTEM}, "spec": spec})
    wait_for(lambda: control_plane.api_server_answers() and _started_at(api) not in ("", started), "a new API server", 150, interval=0.5)
    api.delete("Pod", SYSTEM, name, grace_seconds=0)
    _wait_until_pods_are_replaced(api, image)


def _wait_until_pods_are_replaced(api: KubeApi, image: str) -> None:
    """Controllers, scheduler and kubelet watch anew each after a back-off of its own, up to a minute later."""
    name, labels = "e2e-heartbeat", {"app": "e2e-heartbeat"}
    container = {"name": "wait", "image": image, "imagePullPolicy": "IfNotPresent", "command": ["/opt/lambent/bin/python", "-c", WAIT]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container], "terminationGracePeriodSeconds": 0}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}

    def runs(before: str) -> str:
        """The running pod's name, if it is not the one before."""
        pods = [pod for pod in api.list("Pod", SYSTEM, "app=e2e-heartbeat") if "deletionTimestamp" not in pod["metadata"]]
        found: str = pods[0]["metadata"]["name"] if pods and pods[0]["status"].get("phase") == "Running" else ""
        return found if found != before else ""

    api.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": SYSTEM}, "spec": spec})
    pod = ""
    for _ in range(2):
        pod = wait_for(partial(runs, pod), "Kubernetes to start a pod", 150, interval=0.5)
        api.delete("Pod", SYSTEM, pod, grace_seconds=0)
    wait_for(partial(runs, pod), "Kubernetes to replace a pod", 150, interval=0.5)
    api.delete("Deployment", SYSTEM, name)


def _started_at(api: KubeApi) -> str:
    """The API server's own start time, out of its metrics; empty while it does not answer."""
    try:
        text = api.raw("GET", "/metrics", timeout=10).decode()
    except (ApiError, OSError, http.client.HTTPException):
        return ""
    return next(line for line in text.splitlines() if line.startswith("process_start_time_seconds "))
