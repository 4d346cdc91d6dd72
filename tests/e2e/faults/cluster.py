"""Parts of Kubernetes end or stand still, and a node is drained."""

from __future__ import annotations

from typing import Final

from tests.e2e.faults.arena import LINK, Arena, Fault
from tests.e2e.framework.node import restart_api_server
from tests.e2e.framework.signals import signal_node_agent, stop_api_server

STOPPED_SECONDS: Final = 15.0


def _restart_api_server(arena: Arena) -> None:
    restart_api_server(arena.workspace.api, arena.control_plane)


def _stop_api_server(arena: Arena) -> None:
    stop_api_server(arena.workspace.api, arena.control_plane, STOPPED_SECONDS)


def _kill_node_agent(arena: Arena) -> None:
    signal_node_agent(arena.workspace.api, arena.control_plane, arena.warm_pods()[0]["spec"]["nodeName"])


def _stop_node_agent(arena: Arena) -> None:
    node = arena.warm_pods()[0]["spec"]["nodeName"]
    signal_node_agent(arena.workspace.api, arena.control_plane, node, stop_seconds=STOPPED_SECONDS)


def _drain(arena: Arena) -> None:
    """A node with a pod of the warm function, as its owner would; pods that only ever were there by themselves go too."""
    nodes = {pod["spec"]["nodeName"] for pod in arena.warm_pods()}
    workers = sorted(node for node in nodes if not node.endswith("control-plane"))
    assert workers, f"no pod of the warm function is on a worker: {nodes}"
    kubectl = arena.workspace.api.kubectl
    drained = kubectl("drain", workers[0], "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=150s", timeout=170)
    try:
        assert drained.returncode == 0, drained.stderr
        for pod in arena.warm_pods():
            if pod["spec"].get("nodeName") == workers[0]:
                arena.wait_until_replaced(pod["metadata"]["name"])
    finally:
        kubectl("uncordon", workers[0])


def faults() -> list[Fault]:
    """Nothing on a request's path needs any of them."""
    return [
        Fault("API server restarted", _restart_api_server),
        Fault(f"API server stopped for {STOPPED_SECONDS:g} s", _stop_api_server),
        Fault("kubelet killed", _kill_node_agent),
        Fault(f"kubelet stopped for {STOPPED_SECONDS:g} s", _stop_node_agent),
        Fault("node drained", _drain, LINK, nodes=3),
    ]
