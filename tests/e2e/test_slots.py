"""`concurrency` is a hard limit, whoever sends."""

import re

from tests.e2e.framework.control_plane import ControlPlane
from tests.e2e.framework.manifests import function
from tests.e2e.framework.workspace import Workspace
from tests.support.waiting import wait_for

EXCLUSIVE = """
import os
import time

def handler(event, context):
    try:
        lock = os.open("/tmp/busy", os.O_CREAT | os.O_EXCL)
    except FileExistsError:
        return "overlapped"
    time.sleep(0.02)
    os.close(lock)
    os.unlink("/tmp/busy")
    return "alone"
"""


def invocations_by_activator(control_plane: ControlPlane, namespace: str) -> dict[str, float]:
    """How many invocations of a namespace each activator has answered."""
    counts = {}
    for pod in control_plane.pods("activator"):
        name = pod["metadata"]["name"]
        text = control_plane.scrape("lambent-system", name, 9090)
        lines = [line for line in text.splitlines() if line.startswith("lambent_invocations_total{") and f'namespace="{namespace}"' in line]
        counts[name] = sum(float(re.split(r"\s+", line)[-1]) for line in lines)
    return counts


def test_two_activators_never_run_two_at_once_in_a_pod_of_one_slot(workspace: Workspace, control_plane: ControlPlane) -> None:
    control_plane.wait_whole("activator")
    workspace.deploy(function("exclusive", EXCLUSIVE, scaling={"minScale": 1, "maxScale": 1}))
    workspace.wait_for_pods("exclusive", 1)

    with workspace.load("exclusive", clients=8) as load:
        wait_for(lambda: load.answered() >= 300, "300 answers", 60)

    assert load.failures == [], load.summary()
    assert {outcome.response.json for outcome in load.outcomes if outcome.response} == {"alone"}
    shares = invocations_by_activator(control_plane, workspace.namespace)
    assert len(shares) == 2
    assert min(shares.values()) > 0.2 * sum(shares.values()), f"both serve, neither is starved: {shares}"
