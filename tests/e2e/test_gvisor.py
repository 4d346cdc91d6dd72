"""A function whose pods run under gVisor: `make gvisor` puts that into the cluster, `make e2e-gvisor` does so and runs these tests."""

import os

import pytest

from tests.e2e.framework.manifests import function
from tests.e2e.framework.workspace import Workspace
from tests.support.waiting import wait_for

CODE = """
import mmap
import os
import subprocess
import time

def handler(event, context):
    match event.get("do"):
        case "sleep":
            subprocess.Popen(["sleep", "300"])
            time.sleep(60)
        case "eat":
            return len([bytearray(b"x") * (16 << 20) for _ in range(40)])
        case "share":
            mapping = mmap.mmap(-1, 600 << 20)
            for _ in range(600):
                mapping.write(b"x" * (1 << 20))
        case "file":
            file = os.memfd_create("filled")
            for _ in range(600):
                os.write(file, b"x" * (1 << 20))
        case "fork":
            kept = bytearray(b"x") * (30 << 20)
            pids = []
            for _ in range(4):
                pid = os.fork()
                if not pid:
                    time.sleep(0.5)
                    os._exit(0)
                pids.append(pid)
            return [os.waitpid(pid, 0)[1] for pid in pids]
        case "chains":
            for _ in range(8):
                if os.fork() == 0:
                    while not os.fork():
                        os.setsid()
                    os._exit(0)
            time.sleep(60)
        case "run":
            return subprocess.run(["echo", "run"], capture_output=True, text=True, check=True).stdout
        case "processes":
            return sum(name.isdigit() for name in os.listdir("/proc"))
    return os.uname().release
"""


@pytest.fixture
def limited(workspace: Workspace) -> str:
    """The name of a function in gVisor with one pod."""
    if workspace.api.get("RuntimeClass", None, "gvisor") is None:
        why = "the cluster has no RuntimeClass gvisor: `make gvisor` makes one"
        if os.environ.get("LAMBENT_TEST_GVISOR"):
            pytest.fail(why)
        pytest.skip(why)
    scaling = {"minScale": 1, "maxScale": 1}
    workspace.deploy(function("limited", CODE, runtimeClassName="gvisor", timeoutSeconds=5, scaling=scaling), seconds=120)
    workspace.wait_for_pods("limited", 1)
    return "limited"


def test_a_function_in_gvisor_keeps_every_limit_as_any_other(workspace: Workspace, limited: str) -> None:
    release = workspace.result(limited)
    assert "gvisor" in release
    assert workspace.result(limited, {"do": "run"}) == "run\n"
    assert workspace.result(limited, {"do": "fork"}) == [0] * 4, "what forks share counts once"
    (pod,) = workspace.pods(limited)
    idle = workspace.result(limited, {"do": "processes"})

    for deed in ("eat", "share", "file"):
        response = workspace.invoke(limited, {"do": deed})
        assert response.reason == "Function.OutOfMemory", response
        assert "signal: killed" in response.json["errorMessage"]
        assert workspace.result(limited) == release

    for deed in ("sleep", "chains"):
        response = workspace.invoke(limited, {"do": deed})
        assert response.reason == "Function.Timeout", response
        assert "Task timed out after 5.00 seconds" in response.json["errorMessage"]
        wait_for(lambda: workspace.result(limited, {"do": "processes"}) <= idle, "the end of all that the handler has started")

    (same,) = workspace.pods(limited)
    assert same["metadata"]["uid"] == pod["metadata"]["uid"]
    assert same["status"]["containerStatuses"][0]["restartCount"] == 0


def test_a_function_in_gvisor_starts_from_zero(workspace: Workspace, limited: str) -> None:
    workspace.deploy(function(limited, CODE, runtimeClassName="gvisor", scaling={"scaleToZeroAfterSeconds": 5}))
    workspace.wait_for_zero(limited, seconds=120)
    assert "gvisor" in workspace.result(limited)
