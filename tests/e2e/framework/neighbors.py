"""Pods that are none of Lambent's, and addresses on nodes: what functions may reach or not, and who may reach them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from tests.e2e.framework.kube_api import KubeApi
from tests.e2e.framework.namespaces import ensure_namespace
from tests.e2e.framework.node import NODES
from tests.support.waiting import wait_for

PORT: Final = 8000
METADATA: Final = "169.254.169.254"
INTERNET: Final = "198.19.32.1"
"""Set aside for tests (RFC 2544), and none of the cluster's own addresses (cluster/versions.py): it stands for the Internet."""
PYTHON: Final = "/opt/lambent/bin/python"
REACH: Final = """
import socket

def reach(address, port):
    try:
        with socket.create_connection((address, port), timeout=3):
            return True
    except socket.gaierror:
        return "no such name"
    except OSError:
        return False
"""
"""Whether a connection comes about; policies refuse it or let it hang."""
PROBE: Final = (
    REACH
    + """
def handler(event, context):
    return {name: reach(*where) for name, where in event.items()}
"""
)
"""A handler that tries each place of its event."""
Places = dict[str, tuple[str, int]]
_SERVE: Final = """
import http.server

http.server.ThreadingHTTPServer(("", 8000), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
_SERVE_ADDRESSES: Final = """
import fcntl, http.server, signal, socket, struct, sys, threading

SET_ADDRESS, SET_NETMASK, SET_FLAGS = 0x8916, 0x891C, 0x8914
control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

def set_address(name, address):
    for request, value in ((SET_ADDRESS, address), (SET_NETMASK, "255.255.255.255")):
        fcntl.ioctl(control, request, struct.pack("16sHH4s8x", name, socket.AF_INET, 0, socket.inet_aton(value)))

def remove(*_):
    for name, _ in named:
        fcntl.ioctl(control, SET_FLAGS, struct.pack("16sH14x", name, 0))
    sys.exit(0)

named = [(b"lo:e2e%d" % number, address) for number, address in enumerate(sys.argv[1:])]
signal.signal(signal.SIGTERM, remove)
for name, address in named:
    set_address(name, address)
    server = http.server.ThreadingHTTPServer((address, 8000), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
open("/tmp/serving", "w").close()
signal.pause()
"""
_RESTRICTED: Final = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


class Neighbor:
    """A pod that serves on PORT and tries what it is told to."""

    def __init__(self, api: KubeApi, namespace: str, name: str) -> None:
        self._api, self.namespace, self.name = api, namespace, name

    @property
    def address(self) -> str:
        """Its address."""
        found = self._api.get("Pod", self.namespace, self.name)
        assert found is not None
        return str(found["status"]["podIP"])

    def reaches(self, places: Places) -> dict[str, Any]:
        """Which places it can connect to."""
        return try_from(self._api, self.namespace, self.name, places)


def start_neighbor(api: KubeApi, image: str, namespace: str, name: str, **labels: str) -> Neighbor:
    """Returns when it runs."""
    container = {
        "name": "serve",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": [PYTHON, "-c", _SERVE],
        "securityContext": _RESTRICTED,
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
    }
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False}
    metadata = {"name": name, "labels": {"app": name, **labels}}
    api.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}, namespace)
    wait_for(lambda: _is_ready(api, namespace, name), f"the pod {namespace}/{name} to serve", 60)
    return Neighbor(api, namespace, name)


def try_from(api: KubeApi, namespace: str, pod: str, places: Places) -> dict[str, Any]:
    """Which places a pod with Python in its image can connect to."""
    script = f"{REACH}\nimport json, sys\nprint(json.dumps({{name: reach(*where) for name, where in json.loads(sys.argv[1]).items()}}))"
    result = api.kubectl("-n", namespace, "exec", pod, "--", PYTHON, "-c", script, json.dumps(places))
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@contextmanager
def node_addresses(api: KubeApi, image: str) -> Iterator[None]:
    """METADATA and INTERNET answer on PORT of every node."""
    ensure_namespace(api, NODES, "privileged")
    name, labels = "e2e-addresses", {"app": "e2e-addresses"}
    container = {
        "name": "serve",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": [PYTHON, "-c", _SERVE_ADDRESSES, METADATA, INTERNET],
        "securityContext": {"runAsUser": 0, "privileged": True},
        "readinessProbe": {"exec": {"command": ["ls", "/tmp/serving"]}, "periodSeconds": 1},
    }
    pod = {"hostNetwork": True, "containers": [container], "tolerations": [{"operator": "Exists"}], "terminationGracePeriodSeconds": 5}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    api.apply({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": name}, "spec": spec}, NODES)

    def all_serve() -> bool:
        status = (api.get("DaemonSet", NODES, name) or {}).get("status", {})
        return bool(0 < status.get("desiredNumberScheduled", 0) == status.get("numberReady", 0))

    try:
        wait_for(all_serve, "every node to serve the addresses", 60)
        yield
    finally:
        api.delete("DaemonSet", NODES, name)
        wait_for(lambda: not api.list("Pod", NODES, "app=e2e-addresses"), "the addresses to be gone", 60)


def _is_ready(api: KubeApi, namespace: str, name: str) -> bool:
    conditions = (api.get("Pod", namespace, name) or {}).get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
