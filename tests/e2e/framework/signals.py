"""Processes of pods and of the node that end or stand still, and pods that lose the network, with the times at which they did."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.e2e.framework.control_plane import ControlPlane
from tests.e2e.framework.kube_api import KubeApi
from tests.e2e.framework.node import CONTROL_PLANE, FIND, HOST, run_to_end
from tests.support.waiting import wait_for

SIGNAL = (
    FIND
    + """
def members(uid):
    for name in filter(str.isdigit, os.listdir("/proc")):
        if b"lambent" in look(name, "cmdline") and uid in look(name, "cgroup").replace(b"_", b"-"):
            yield int(name)

def send(number):
    begin = time.time()
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass
    print(begin, time.time(), flush=True)

pids = list(WHOM)
assert pids, "there is no such process"
if SECONDS:
    send(signal.SIGSTOP)
    time.sleep(SECONDS)
    send(signal.SIGCONT)
else:
    send(signal.SIGKILL)
"""
)
CUT = """
import ctypes, os, subprocess, time

libc = ctypes.CDLL(None, use_errno=True)
for namespace in [os.open(f"/proc/1/ns/{kind}", os.O_RDONLY) for kind in ("net", "mnt")]:
    assert libc.setns(namespace, 0) == 0, os.strerror(ctypes.get_errno())

def change(how):
    begin = time.time()
    for side in ("-s", "-d"):
        subprocess.run(["iptables", "-w", how, "FORWARD", side, ADDRESS, "-p", "tcp", "-j", "DROP"], check=True)
    print(begin, time.time(), flush=True)

change("-I")
try:
    time.sleep(SECONDS)
finally:
    change("-D")
"""


Span = tuple[float, float]
"""When something began to be done and when it was done, seconds since the epoch: on a busy node some tenths of a second apart."""


def signal_pods(api: KubeApi, control_plane: ControlPlane, pods: Iterable[dict[str, Any]], *, stop_seconds: float = 0.0) -> list[Span]:
    """Kill Lambent's processes in these pods, or have them stand still for so many seconds; returns when each signal was sent."""
    by_node: dict[str, list[bytes]] = {}
    for pod in pods:
        by_node.setdefault(pod["spec"]["nodeName"], []).append(str(pod["metadata"]["uid"]).encode())
    image = control_plane.image()

    def strike(node: str) -> list[Span]:
        script = SIGNAL.replace("WHOM", f"(pid for uid in {by_node[node]!r} for pid in members(uid))").replace("SECONDS", str(stop_seconds))
        return _times(run_to_end(api, f"e2e-signal-{node}"[:63], image, script, {HOST: node}))

    with ThreadPoolExecutor(max(1, len(by_node))) as nodes:
        return [span for spans in nodes.map(strike, by_node) for span in spans]


def cut_network(api: KubeApi, control_plane: ControlPlane, pod: dict[str, Any], seconds: float) -> list[Span]:
    """Drop what goes over TCP between a pod and other pods, for so long; returns when that began and when it ended. Probes still come."""
    script = CUT.replace("ADDRESS", repr(pod["status"]["podIP"])).replace("SECONDS", str(seconds))
    return _times(run_to_end(api, "e2e-cut", control_plane.image(), script, {HOST: pod["spec"]["nodeName"]}))


def stop_api_server(api: KubeApi, control_plane: ControlPlane, seconds: float) -> None:
    """Have the API server stand still for so long; returns when it answers again."""
    script = SIGNAL.replace("WHOM", 'programs(b"kube-apiserver")').replace("SECONDS", str(seconds))
    run_to_end(api, "e2e-stop", control_plane.image(), script, CONTROL_PLANE)
    wait_for(control_plane.api_server_answers, "the API server to answer", 60)


def signal_node_agent(api: KubeApi, control_plane: ControlPlane, node: str, *, stop_seconds: float = 0.0) -> None:
    """Kill a node's kubelet, or have it stand still for so many seconds; returns when it answers again."""
    script = SIGNAL.replace("WHOM", 'programs(b"kubelet")').replace("SECONDS", str(stop_seconds))
    run_to_end(api, "e2e-stop", control_plane.image(), script, {HOST: node})
    wait_for(lambda: api.answers(f"/api/v1/nodes/{node}/proxy/healthz", timeout=2), f"the kubelet of {node} to answer", 60)


def _times(output: str) -> list[Span]:
    return [(float(begin), float(end)) for begin, end in (line.split() for line in output.splitlines())]
