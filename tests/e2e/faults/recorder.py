"""A pod that handlers tell of each run before they do anything else, by a datagram that it acknowledges."""

from __future__ import annotations

import json
from typing import Any, Final

from tests.e2e.faults.ledger import Run
from tests.e2e.framework.control_plane import ControlPlane
from tests.e2e.framework.kube_api import KubeApi
from tests.e2e.framework.namespaces import ensure_namespace
from tests.e2e.framework.node import CONTROL_PLANE, NODES
from tests.support.waiting import wait_for

NAME: Final = "e2e-recorder"
PORT: Final = 9999
PROGRAM: Final = """
import http.server
import json
import socket
import threading

runs = {}

def listen():
    box = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    box.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    box.bind(("", 9999))
    while True:
        line, sender = box.recvfrom(2048)
        runs[line.decode()] = None
        box.sendto(b"ok", sender)

class Reader(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps([json.loads(line) for line in list(runs)]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

threading.Thread(target=listen, daemon=True).start()
http.server.HTTPServer(("", 8000), Reader).serve_forever()
"""
HANDLER: Final = """
import json
import os
import socket
import time

RECORDER = (os.environ["RECORDER"], 9999)

def record(event, run):
    line = json.dumps([event["id"], run, socket.gethostname()]).encode()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as box:
        box.settimeout(0.5)
        for _ in range(18):  # all of the function's time
            box.sendto(line, RECORDER)
            try:
                return box.recv(16)
            except TimeoutError:
                pass
    raise RuntimeError("the recorder does not answer")

def handler(event, context):
    run = os.urandom(8).hex()
    record(event, run)
    time.sleep(0.05)
    return {"id": event["id"], "run": run}
"""


class Recorder:
    """The pod, on the node of the control plane: it outlives the other nodes."""

    def __init__(self, api: KubeApi, control_plane: ControlPlane) -> None:
        self._api = api
        ensure_namespace(api, NODES, "privileged")
        self.close()
        container = {
            "name": "recorder",
            "image": control_plane.image(),
            "imagePullPolicy": "IfNotPresent",
            "command": ["/opt/lambent/bin/python", "-c", PROGRAM],
        }
        spec = {
            "containers": [container],
            "nodeSelector": CONTROL_PLANE,
            "tolerations": [{"operator": "Exists"}],
            "terminationGracePeriodSeconds": 0,
        }
        api.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": NAME, "namespace": NODES}, "spec": spec})
        self.address: str = wait_for(self._find_address, "the recorder to run", 60)
        wait_for(lambda: api.answers(self._path, timeout=2), "the recorder to answer")

    @property
    def _path(self) -> str:
        return f"/api/v1/namespaces/{NODES}/pods/{NAME}:8000/proxy/"

    def _find_address(self) -> str:
        status = (self._api.get("Pod", NODES, NAME) or {}).get("status", {})
        return str(status.get("podIP", "")) if status.get("phase") == "Running" else ""

    def runs(self, name: str) -> list[Run]:
        """Those of requests whose ids begin so."""
        found: list[Any] = json.loads(self._api.raw("GET", self._path))
        return [Run(*item) for item in found if item[0].startswith(f"{name}-")]

    def close(self) -> None:
        """Take the pod away."""
        self._api.delete("Pod", NODES, NAME, grace_seconds=0)
        wait_for(lambda: self._api.get("Pod", NODES, NAME) is None, "the recorder to be gone")
