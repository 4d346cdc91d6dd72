"""Time and memory: the invocation fails as on Lambda, the pod stays, the next one works."""

from tests.e2e.framework.manifests import function
from tests.e2e.framework.workspace import Workspace
from tests.support.waiting import wait_for

CODE = """
import os
import signal
import subprocess
import sys
import time

def handler(event, context):
    match event.get("do"):
        case "sleep":
            subprocess.Popen(["sleep", "300"])
            time.sleep(60)
        case "eat":
            held = [bytearray(b"x") * (16 << 20) for _ in range(40)]
            return len(held)
        case "exit":
            sys.exit(3)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "children":
            return [name for name in os.listdir("/proc") if name.isdigit() and b"sleep" in open(f"/proc/{name}/cmdline", "rb").read()]
    return "well"
"""


def identity(workspace: Workspace, name: str) -> list[tuple[str, int]]:
    """Pods of the function and how often their containers were restarted."""
    pods = workspace.pods(name)
    return [(pod["metadata"]["uid"], sum(status["restartCount"] for status in pod["status"]["containerStatuses"])) for pod in pods]


def deploy(workspace: Workspace) -> list[tuple[str, int]]:
    workspace.deploy(function("limited", CODE, timeoutSeconds=2, memory="128Mi", scaling={"minScale": 1, "maxScale": 1}))
    workspace.wait_for_pods("limited", 1)
    assert workspace.result("limited") == "well"
    return identity(workspace, "limited")


def test_a_timeout_ends_the_handler_and_its_children_but_not_the_pod(workspace: Workspace) -> None:
    pod = deploy(workspace)

    response = workspace.invoke("limited", {"do": "sleep"})

    assert response.status == 200
    assert response.function_error == "Unhandled"
    assert response.reason == "Function.Timeout"
    assert "Task timed out after 2.00 seconds" in response.json["errorMessage"]
    assert workspace.result("limited", {"do": "children"}) == []
    assert identity(workspace, "limited") == pod


def test_passing_the_memory_limit_fails_one_invocation_and_not_the_pod(workspace: Workspace) -> None:
    pod = deploy(workspace)

    response = workspace.invoke("limited", {"do": "eat"})

    assert response.function_error == "Unhandled", response
    assert response.reason == "Function.OutOfMemory"
    assert "signal: killed" in response.json["errorMessage"]
    assert workspace.result("limited") == "well"
    assert identity(workspace, "limited") == pod


def test_a_handler_that_ends_its_process_fails_one_invocation_and_not_the_pod(workspace: Workspace) -> None:
    pod = deploy(workspace)

    for deed in ("exit", "kill"):
        response = workspace.invoke("limited", {"do": deed})
        assert response.function_error == "Unhandled", response
        assert response.json["errorType"].startswith("Runtime."), response
        assert workspace.result("limited") == "well"

    assert identity(workspace, "limited") == pod


def test_a_limit_of_cpu_is_raised_while_the_function_initialises_and_holds_afterwards(workspace: Workspace) -> None:
    slow = "import time\ntime.sleep(3)\ndef handler(event, context):\n    return 1\n"
    workspace.apply(function("boosted", slow, cpu={"limit": "200m"}, scaling={"minScale": 1}))

    def limit() -> str:
        statuses = [status for pod in workspace.pods("boosted") for status in pod["status"].get("containerStatuses", ())]
        return str(statuses[0].get("resources", {}).get("limits", {}).get("cpu", "")) if statuses else ""

    wait_for(lambda: limit() == "1", "a pod with a whole CPU to initialise by", 30)
    workspace.wait_ready("boosted")
    wait_for(lambda: limit() == "200m", "the pod to have the CPU that it is to keep", 30)
    assert workspace.result("boosted") == 1
    assert [pod["status"]["containerStatuses"][0]["restartCount"] for pod in workspace.pods("boosted")] == [0]
