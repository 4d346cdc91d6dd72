"""Processes of the node itself, reached from a pod in its process namespace: how a test stops an API server or a node agent."""

from __future__ import annotations

import http.client
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.e2e.framework.control_plane import ControlPlane
from tests.e2e.framework.kube_api import ApiError, KubeApi, path_of
from tests.e2e.framework.namespaces import ensure_namespace
from tests.support.waiting import wait_for

NODES = "lambent-e2e-nodes"
"""Gone with the session. Not Lambent's own: users may hold that to the restricted Pod Security level, as its chart's README says."""
WAIT = "import time; time.sleep(3600)"
HOST = "kubernetes.io/hostname"
CONTROL_PLANE = {"node-role.kubernetes.io/control-plane": ""}
FIND = """
import os, signal, time

def look(name, file):
    try:
        return open(f"/proc/{name}/{file}", "rb").read()
    except (FileNotFoundError, NotADirectoryError, ProcessLookupError):
        return b""

def programs(wanted):
    for name in filter(str.isdigit, os.listdir("/proc")):
        if look(name, "cmdline").split(b"\\0")[0].rsplit(b"/", 1)[-1] == wanted:
            yield int(name)

def shims(uid):
    for name in filter(str.isdigit, os.listdir("/proc")):
        # systemd's names of control groups have underscores.
        if b"lambent_shim" in look(name, "cmdline") and uid in look(name, "cgroup").replace(b"_", b"-"):
            yield int(name)

"""
STOP_API_SERVER = (
    FIND
    + """
for pid in programs(b"kube-apiserver"):
    os.kill(pid, signal.SIGKILL)
"""
)
HOLD = (
    FIND
    + """
pids = list(WHOM)
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
    api.delete("Pod", NODES, name, grace_seconds=0)
    _wait_until_pods_are_replaced(api, image)


@dataclass(frozen=True)
class Hold:
    """What is to stand still: an expression of the script's for its processes, the labels of its node, and the path that tells."""

    title: str
    whom: str
    node: dict[str, str]
    health: str


def node_agent_held(api: KubeApi, control_plane: ControlPlane, node: str) -> AbstractContextManager[None]:
    """A node's kubelet stands still for the block, which must end within seconds; it goes on, and answers again, afterwards."""
    return _held(api, control_plane, Hold("kubelet", 'programs(b"kubelet")', {HOST: node}, f"/api/v1/nodes/{node}/proxy/healthz"))


def api_server_held(api: KubeApi, control_plane: ControlPlane) -> AbstractContextManager[None]:
    """The API server stands still for the block, which must end within seconds; it goes on, and answers again, afterwards."""
    return _held(api, control_plane, Hold("kube-apiserver", 'programs(b"kube-apiserver")', CONTROL_PLANE, "/readyz"))


def shims_held(api: KubeApi, control_plane: ControlPlane, pods: Iterable[dict[str, Any]]) -> AbstractContextManager[None]:
    """The shims of functions' or generic pods stand still for the block, which must end within seconds; they go on afterwards."""
    holds = []
    for pod in pods:
        name, namespace, uid = (pod["metadata"][key] for key in ("name", "namespace", "uid"))
        health = f"/api/v1/namespaces/{namespace}/pods/{name}:9001/proxy/healthz"
        holds.append(Hold(name, f"shims({uid.encode()!r})", {HOST: pod["spec"]["nodeName"]}, health))
    return _held(api, control_plane, *holds)


@contextmanager
def _held(api: KubeApi, control_plane: ControlPlane, *holds: Hold) -> Iterator[None]:
    for hold in holds:
        _run(api, f"e2e-hold-{hold.title}", control_plane.image(), HOLD.replace("WHOM", hold.whom), hold.node)

    def answering() -> list[str]:
        return [hold.title for hold in holds if api.answers(hold.health, timeout=1)]

    wait_for(lambda: not answering(), f"{holds} to stand still", 30, interval=0.1)
    yield
    assert not answering(), "it went on before the end of the block"
    wait_for(lambda: len(answering()) == len(holds), f"{holds} to go on", 30)
    for hold in holds:
        api.delete("Pod", NODES, f"e2e-hold-{hold.title}", grace_seconds=0)


def run_to_end(api: KubeApi, name: str, image: str, script: str, selector: dict[str, str]) -> str:
    """Run a script as root among the processes of such a node; what it printed. The API server may be away meanwhile."""
    _run(api, name, image, script, selector)

    def phase() -> str:
        try:
            return str((api.get("Pod", NODES, name) or {}).get("status", {}).get("phase", ""))
        except (ApiError, OSError, http.client.HTTPException):
            return ""

    wait_for(lambda: phase() in ("Succeeded", "Failed"), f"{name} to end", 180)
    output = api.logs(NODES, name)
    assert phase() == "Succeeded", output
    api.delete("Pod", NODES, name, grace_seconds=0)
    return output


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
    ensure_namespace(api, NODES, "privileged")
    api.delete("Pod", NODES, name, grace_seconds=0)
    wait_for(lambda: api.get("Pod", NODES, name) is None, "an earlier one to be gone")
    api.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": NODES}, "spec": spec})


def _wait_until_pods_are_replaced(api: KubeApi, image: str) -> None:
    """Controllers, scheduler and kubelet watch anew each after a back-off of its own, up to a minute later."""
    name, labels = "e2e-heartbeat", {"app": "e2e-heartbeat"}
    container = {"name": "wait", "image": image, "imagePullPolicy": "IfNotPresent", "command": ["/opt/lambent/bin/python", "-c", WAIT]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container], "terminationGracePeriodSeconds": 0}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}

    def runs(before: str) -> str:
        """The running pod's name, if it is not the one before."""
        pods = [pod for pod in api.list("Pod", NODES, "app=e2e-heartbeat") if "deletionTimestamp" not in pod["metadata"]]
        found: str = pods[0]["metadata"]["name"] if pods and pods[0]["status"].get("phase") == "Running" else ""
        return found if found != before else ""

    api.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": NODES}, "spec": spec})
    pod = ""
    for _ in range(2):
        pod = wait_for(partial(runs, pod), "Kubernetes to start a pod", 400, interval=0.5)
        api.delete("Pod", NODES, pod, grace_seconds=0)
    wait_for(partial(runs, pod), "Kubernetes to replace a pod", 400, interval=0.5)
    api.delete("Deployment", NODES, name)


def _started_at(api: KubeApi) -> str:
    """The API server's own start time, out of its metrics; empty while it does not answer."""
    try:
        text = api.raw("GET", "/metrics", timeout=10).decode()
    except (ApiError, OSError, http.client.HTTPException):
        return ""
    return next(line for line in text.splitlines() if line.startswith("process_start_time_seconds "))
