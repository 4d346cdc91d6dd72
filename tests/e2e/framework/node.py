"""Processes of the node itself, reached from a pod in its process namespace: how a test stops an API server or a node agent."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from tests.e2e.framework.control_plane import ControlPlane
from tests.e2e.framework.kube_api import ApiError, KubeApi, path_of
from tests.e2e.framework.workspace import SYSTEM
from tests.support.waiting import wait_for

WAIT = "import time; time.sleep(3600)"
CONTROL_PLANE = {"node-role.kubernetes.io/control-plane": ""}
FIND = """
import os, signal, time

def find(wanted):
    for name in os.listdir("/proc"):
        try:
            command = open(f"/proc/{name}/cmdline", "rb").read().split(b"\\0")[0]
        except (FileNotFoundError, NotADirectoryError, ProcessLookupError):
            continue
        if name.isdigit() and command.rsplit(b"/", 1)[-1] == wanted:
            yield int(name)

"""
STOP_API_SERVER = (
    FIND
    + """
for pid in find(b"kube-apiserver"):
    os.kill(pid, signal.SIGKILL)
"""
)
HOLD = (
    FIND
    + """
pids = list(find(b"PROGRAM"))
try:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(8)
finally:
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
"""
)
"""Less than the 10 s in which leaders have to renew their leases, and the 40 s after which Kubernetes gives a node up."""


def nodes_ready_since(api: KubeApi) -> str:
    """When the Ready condition of a node last changed."""
    listed = api.call("GET", path_of("Node", None))
    conditions = [condition for node in listed["items"] for condition in node["status"]["conditions"]]
    return max(str(condition["lastTransitionTime"]) for condition in conditions if condition["type"] == "Ready")


def restart_api_server(api: KubeApi, control_plane: ControlPlane) -> None:
    """Kills the API server's process; the kubelet starts it anew. Returns when it answers again and Kubernetes has found back to it."""
    image = control_plane.image()
    name = "e2e-stop-api-server"
    started = _started_at(api)
    _run(api, name, image, STOP_API_SERVER, CONTROL_PLANE)
    wait_for(lambda: control_plane.api_server_answers() and _started_at(api) not in ("", started), "a new API server", 150, interval=0.5)
    api.delete("Pod", SYSTEM, name, grace_seconds=0)
    _wait_until_pods_are_replaced(api, image)


@contextmanager
def node_agent_held(api: KubeApi, control_plane: ControlPlane, node: str) -> Iterator[None]:
    """A node's kubelet stands still for the block, which must end within seconds; it goes on, and answers again, afterwards."""
    with _held(api, control_plane, "kubelet", {"kubernetes.io/hostname": node}, f"/api/v1/nodes/{node}/proxy/healthz"):
        yield


@contextmanager
def api_server_held(api: KubeApi, control_plane: ControlPlane) -> Iterator[None]:
    """The API server stands still for the block, which must end within seconds; it goes on, and answers again, afterwards."""
    with _held(api, control_plane, "kube-apiserver", CONTROL_PLANE, "/readyz"):
        yield


@contextmanager
def _held(api: KubeApi, control_plane: ControlPlane, program: str, node: dict[str, str], health: str) -> Iterator[None]:
    name = f"e2e-hold-{program}"
    answers = partial(api.answers, health, timeout=1)
    _run(api, name, control_plane.image(), HOLD.replace("PROGRAM", program), node)
    wait_for(lambda: not answers(), f"{program} to stand still", 30, interval=0.1)
    yield
    assert not answers(), f"{program} went on before the end of the block"
    wait_for(answers, f"{program} to go on", 30)
    api.delete("Pod", SYSTEM, name, grace_seconds=0)


def _run(api: KubeApi, name: str, image: str, script: str, selector: dict[str, str]) -> None:
    """Run a script as root among the processes of such a node."""
    container = {
        "name": "script",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/opt/lambent/bin/python", "-c", script],
        "securityContext": {"runAsUser": 0, "privileged": True},
    }
    spec = {
        "hostPID": True,
        "restartPolicy": "Never",
        "containers": [container],
        "nodeSelector": selector,
        "tolerations": [{"operator": "Exists"}],
    }
    api.delete("Pod", SYSTEM, name, grace_seconds=0)
    wait_for(lambda: api.get("Pod", SYSTEM, name) is None, "an earlier one to be gone")
    api.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": SYSTEM}, "spec": spec})


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
        pod = wait_for(partial(runs, pod), "Kubernetes to start a pod", 400, interval=0.5)
        api.delete("Pod", SYSTEM, pod, grace_seconds=0)
    wait_for(partial(runs, pod), "Kubernetes to replace a pod", 400, interval=0.5)
    api.delete("Deployment", SYSTEM, name)


def _started_at(api: KubeApi) -> str:
    """The API server's own start time, out of its metrics; empty while it does not answer."""
    try:
        text = api.raw("GET", "/metrics", timeout=10).decode()
    except (ApiError, OSError, http.client.HTTPException):
        return ""
    return next(line for line in text.splitlines() if line.startswith("process_start_time_seconds "))
