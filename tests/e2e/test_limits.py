"""Time and memory: the invocation fails as on Lambda, the pod stays, the next one works."""

from concurrent.futures import ThreadPoolExecutor

from tests.e2e.framework.manifests import function
from tests.e2e.framework.workspace import Workspace
from tests.support.waiting import wait_for

CODE = """
import mmap
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
        case "write":
            with open(event["path"], "wb") as file:
                for _ in range(event["mib"]):
                    file.write(bytes(1 << 20))
            time.sleep(60)
        case "share":
            memory = mmap.mmap(-1, event["mib"] << 20)
            for page in range(event["mib"] * 256):
                memory[page * 4096] = 1
        case "run away":
            for _ in range(30):
                if os.fork() == 0:
                    while True:
                        if os.fork():
                            os._exit(0)
                        os.setsid()
            time.sleep(60)
        case "processes":
            return sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
        case "rest":
            time.sleep(event["seconds"])
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


def test_filling_tmp_ends_the_writer_alone(workspace: Workspace) -> None:
    scaling = {"minScale": 1, "maxScale": 1}
    workspace.deploy(function("writer", CODE, timeoutSeconds=60, concurrency=2, scaling=scaling))
    workspace.wait_for_pods("writer", 1)
    pod = identity(workspace, "writer")

    with ThreadPoolExecutor() as pool:
        other = pool.submit(workspace.invoke, "writer", {"do": "rest", "seconds": 20})
        response = workspace.invoke("writer", {"do": "write", "path": "/tmp/large", "mib": 900})

    assert response.reason == "Function.StorageFull", response
    assert "spec.ephemeralStorage allows 512 MiB" in response.json["errorMessage"]
    assert other.result().json == "well"
    assert workspace.result("writer") == "well"
    assert identity(workspace, "writer") == pod


def test_shared_memory_counts_from_the_first_call_on(workspace: Workspace) -> None:
    workspace.deploy(function("sharer", CODE, timeoutSeconds=60, scaling={"maxScale": 1}))

    response = workspace.invoke("sharer", {"do": "share", "mib": 900})

    assert response.reason == "Function.OutOfMemory", response
    assert "signal: killed" in response.json["errorMessage"]
    pod = identity(workspace, "sharer")
    assert workspace.result("sharer") == "well"
    assert identity(workspace, "sharer") == pod
    assert [restarts for _, restarts in pod] == [0]


def test_a_volume_in_memory_fails_the_call_that_fills_it_and_not_the_function(workspace: Workspace) -> None:
    volumes = [{"name": name, "mountPath": f"/mnt/{name}", "emptyDir": {"medium": "Memory"}} for name in ("one", "two")]
    workspace.deploy(function("filler", CODE, timeoutSeconds=60, volumes=volumes, scaling={"minScale": 1, "maxScale": 1}))
    workspace.wait_for_pods("filler", 1)
    pod = identity(workspace, "filler")

    for _ in range(3):
        response = workspace.invoke("filler", {"do": "write", "path": "/mnt/one/file", "mib": 124})
        assert response.reason == "Function.OutOfMemory", response
        assert workspace.result("filler") == "well"

    assert identity(workspace, "filler") == pod


def test_processes_that_run_away_end_at_the_timeout(workspace: Workspace) -> None:
    deploy(workspace)

    def processes() -> list[int]:
        return list(workspace.result("limited", {"do": "processes"}))

    before = processes()

    assert workspace.invoke("limited", {"do": "run away"}).reason == "Function.Timeout"

    # What runs away is another process each time one looks; besides, the pod may have forked a worker ahead.
    wait_for(lambda: (seen := processes()) == processes() and len(seen) <= len(before) + 2, "all that has run away to be gone", 20)
