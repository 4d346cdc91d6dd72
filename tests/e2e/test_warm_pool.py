"""Cold starts by generic pods that wait: quick, handed to their Deployment afterwards, and no function ever in the place of another."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from tests.e2e.framework.control_plane import ControlPlane
from tests.e2e.framework.manifests import function
from tests.e2e.framework.node import api_server_held, node_agent_held, shims_held
from tests.e2e.framework.warm_pool import NAMED, came_from_pool, deploy_at_zero, fill_pool, gates_of, generic_pods, owners, wait_everyones
from tests.e2e.framework.workspace import SYSTEM, Workspace
from tests.support.waiting import wait_for

END_SHIM = "import os, signal; os.kill(1, signal.SIGTERM)"
"""From a process that is no handler's: those cannot."""

PRETENDS = """
import base64, json, os, socket, struct, sys

def frame(payload):
    mask = os.urandom(4)
    head = struct.pack(">BBH", 0x82, 0x80 | 126, len(payload)) if len(payload) > 125 else struct.pack(">BB", 0x82, 0x80 | len(payload))
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))

def main(event):
    \"\"\"Says HELLO to an activator with this pod's own token, as somebody else; what comes back is the answer.\"\"\"
    with open("/var/run/secrets/lambent/token") as file:
        token = file.read()
    hello = {"protocol": 1, "token": token, "pod": os.environ["HOSTNAME"], "slots": 1, "draining": False, "phases": {}, **event}
    with socket.create_connection(("lambent-activator-links.lambent-system.svc.cluster.local", 8081), timeout=10) as link:
        key = base64.b64encode(os.urandom(16)).decode()
        head = f"GET /link HTTP/1.1\\r\\nHost: a\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Key: {key}\\r\\n"
        link.sendall((head + "Sec-WebSocket-Version: 13\\r\\n\\r\\n").encode())
        answered = link.recv(4096)
        link.sendall(frame(bytes([0x81]) + json.dumps(hello).encode()))
        link.settimeout(8)
        try:
            while more := link.recv(4096):
                answered += more
        except ConnectionResetError:
            pass
        return answered.decode("latin-1")

print(main(json.loads(sys.argv[1])))
"""
"""Run beside the handler, as a process that the shim does not keep from the token: what a thief of the token could do."""


@pytest.fixture(autouse=True)
def full_pool(workspace: Workspace) -> None:
    fill_pool(workspace)


def wait_moved(workspace: Workspace, name: str) -> dict[str, Any]:
    """The one pod of a function, from the pool, once its Deployment has it."""

    def moved() -> dict[str, Any]:
        pods = workspace.pods(name, ending=False)
        assert [owners(pod) for pod in pods] == [[f"ReplicaSet/{name}"]], pods
        assert pods[0]["metadata"]["labels"].get("lambent.dev/origin") == "pool"
        return pods[0]

    return wait_for(moved, f"the pod of {name} to be its ReplicaSet's", 30)


def execute(workspace: Workspace, pod: str, *command: str) -> str:
    """Run a program in a pod's container, beside the shim; what it printed."""
    done = workspace.api.kubectl("-n", workspace.namespace, "exec", pod, "--", *command)
    assert done.returncode == 0, done.stderr
    return done.stdout


def files_of(workspace: Workspace, pod: str) -> list[str]:
    """What a function has left in a pod: its code, and what it wrote."""
    return [line for line in execute(workspace, pod, "ls", "-A", "/var/task", "/tmp").split() if not line.endswith(":")]


def activators_logs(workspace: Workspace, control_plane: ControlPlane) -> str:
    """What activators have written."""
    return "".join(workspace.api.logs(SYSTEM, pod["metadata"]["name"], tail=200) for pod in control_plane.pods("activator"))


def test_a_generic_pod_answers_from_zero_and_is_the_deployments_afterwards(workspace: Workspace) -> None:
    manifest = function("quick", {"app.py": NAMED, "lib/more.py": "x = 1"}, memory="512Mi", env=[{"name": "STAGE", "value": "dev"}])
    deploy_at_zero(workspace, manifest)
    waiting = {pod["metadata"]["uid"] for pod in generic_pods(workspace)}

    first = workspace.invoke("quick")

    assert first.json == {
        "name": "quick",
        "files": ["app.py", "lib"],
        "memory": "512",
        "stage": "dev",
        "password": None,
        "type": "on-demand",
    }
    assert came_from_pool(first), first.headers
    pod = wait_moved(workspace, "quick")
    assert pod["metadata"]["uid"] in waiting
    assert pod["metadata"]["labels"]["lambent.dev/revision"] == workspace.function("quick")["status"]["latestRevision"]
    assert workspace.scale("quick") == 1
    resources = {"requests": {"memory": "512Mi"}, "limits": {"memory": "640Mi"}}

    def resized() -> bool:
        (status,) = workspace.pods("quick", ending=False)[0]["status"]["containerStatuses"]
        found = status["resources"]
        return all(found[kind]["memory"] == wanted["memory"] for kind, wanted in resources.items())

    wait_for(resized, "the pod to have the function's memory", 30)
    wait_for(lambda: workspace.deployment("quick")["status"].get("readyReplicas") == 1, "the Deployment to count it", 30)
    assert workspace.result("quick")["name"] == "quick"
    assert [pod["metadata"]["uid"] for pod in workspace.pods("quick", ending=False)] == [pod["metadata"]["uid"]]


def test_the_pod_that_is_made_in_vain_at_a_handover_gets_no_node(workspace: Workspace) -> None:
    names = ["lean-0", "lean-1"]
    deploy_at_zero(workspace, *(function(name, NAMED) for name in names))
    since = workspace.api.version("Pod", workspace.namespace)

    with ThreadPoolExecutor(2) as clients:
        answers = list(clients.map(workspace.invoke, names))

    assert all(came_from_pool(answer) for answer in answers), [answer.headers for answer in answers]
    for name in names:
        adopted = wait_moved(workspace, name)["metadata"]["uid"]
        states = workspace.api.changes("Pod", workspace.namespace, since, f"lambent.dev/function={name}")
        in_vain = [pod for pod in states if pod["metadata"]["uid"] != adopted]
        assert in_vain, "its ReplicaSet has made one before it adopted the other"
        assert [gates_of(pod) for pod in in_vain] == [["lambent.dev/start"]] * len(in_vain)
        assert [pod["metadata"]["name"] for pod in in_vain if pod["spec"].get("nodeName")] == []


def test_pods_that_nobody_hands_over_are_let_start_whoever_asked_for_them(workspace: Workspace) -> None:
    since = workspace.api.version("Pod", workspace.namespace)
    workspace.deploy(function("kept", NAMED, scaling={"minScale": 1}))
    workspace.wait_for_pods("kept", 1)
    (first,) = workspace.pods("kept")

    def placed() -> set[str]:
        """Pods of the Deployment that were gated when they were made, and have had a node."""
        states = workspace.api.changes("Pod", workspace.namespace, since, "lambent.dev/function=kept,lambent.dev/role=function", seconds=1)
        gated = {pod["metadata"]["uid"] for pod in states if gates_of(pod) == ["lambent.dev/start"]}
        return {pod["metadata"]["uid"] for pod in states if pod["spec"].get("nodeName")} & gated

    assert placed() == {first["metadata"]["uid"]}, "the first replica"
    workspace.api.delete("Pod", workspace.namespace, first["metadata"]["name"], grace_seconds=1)
    wait_for(lambda: len(placed()) == 2, "the pod in place of the deleted one to have a node", 30)
    # The autoscaler may take it back: it had its node before.
    scaled = workspace.api.kubectl("-n", workspace.namespace, "scale", "deployment", "kept", "--replicas=2")
    assert scaled.returncode == 0, scaled.stderr
    wait_for(lambda: len(placed()) == 3, "the pod that was asked for by hand to have a node", 30)
    workspace.wait_ready("kept")
    assert workspace.result("kept")["name"] == "kept"


def test_the_pool_is_filled_again(workspace: Workspace) -> None:
    deploy_at_zero(workspace, function("taker", NAMED))
    before = {pod["metadata"]["uid"] for pod in generic_pods(workspace)}

    assert came_from_pool(workspace.invoke("taker"))

    wait_for(lambda: {pod["metadata"]["uid"] for pod in generic_pods(workspace)} - before, "a new generic pod", 60)


def test_it_goes_back_to_zero_and_never_to_the_pool(workspace: Workspace) -> None:
    manifest = function("brief", NAMED)
    manifest["spec"]["scaling"] |= {"scaleToZeroAfterSeconds": 2}
    deploy_at_zero(workspace, manifest)
    assert came_from_pool(workspace.invoke("brief"))
    uid = wait_moved(workspace, "brief")["metadata"]["uid"]

    workspace.wait_for_zero("brief")

    assert uid not in {pod["metadata"]["uid"] for pod in generic_pods(workspace)}
    wait_for(lambda: len(generic_pods(workspace)) >= 2, "two generic pods to wait", 60)
    assert came_from_pool(workspace.invoke("brief"))


def test_more_than_the_pool_has_are_served_by_both_ways(workspace: Workspace) -> None:
    slow = "import time\ndef handler(event, context):\n    time.sleep(1)\n    return context.function_name\n"
    manifest = function("many", slow)
    # What earlier tests asked for may have let the pool grow.
    most = len(workspace.api.list("Pod", workspace.namespace, "lambent.dev/role=pool")) + 2
    manifest["spec"]["scaling"] |= {"maxScale": most}
    deploy_at_zero(workspace, manifest)

    with workspace.load("many", clients=most + 3, warm=2 * most) as load:
        pass

    assert load.failures == [], load.summary()
    origins = [pod["metadata"]["labels"].get("lambent.dev/origin") for pod in workspace.pods("many", ending=False)]
    assert len(origins) <= most
    assert {"pool", None} <= set(origins), origins


def test_what_a_generic_pod_cannot_get_starts_by_its_deployment(workspace: Workspace) -> None:
    workspace.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "own"}})
    deploy_at_zero(workspace, function("own", NAMED, serviceAccountName="own"))

    first = workspace.invoke("own")

    assert first.json["name"] == "own"
    assert not came_from_pool(first)
    assert len(generic_pods(workspace)) >= 2


def test_secrets_need_a_role_that_lets_the_activator_read_them(workspace: Workspace) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "database"}, "stringData": {"password": "open sesame"}}
    env = [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "database", "key": "password"}}}]
    workspace.apply(secret)
    deploy_at_zero(workspace, function("closed", NAMED, env=env), function("opened", NAMED, env=env))

    without = workspace.invoke("closed")
    assert (without.json["password"], came_from_pool(without)) == ("open sesame", False)

    group = "rbac.authorization.k8s.io"
    rules = [{"apiGroups": [""], "resources": ["secrets", "configmaps"], "verbs": ["get"]}]
    subject = {"kind": "ServiceAccount", "name": "lambent-activator", "namespace": "lambent-system"}
    workspace.apply(
        {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": {"name": "pool"}, "rules": rules},
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "pool"},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "pool"},
            "subjects": [subject],
        },
    )
    opened = workspace.invoke("opened")
    assert (opened.json["password"], came_from_pool(opened)) == ("open sesame", True)


def test_a_container_that_is_restarted_is_not_used_again(workspace: Workspace) -> None:
    deploy_at_zero(workspace, function("ender", NAMED))
    waiting = {pod["metadata"]["uid"]: pod["metadata"]["name"] for pod in generic_pods(workspace)}

    first = workspace.invoke("ender")
    (used,) = [name for name in waiting.values() if files_of(workspace, name)]
    execute(workspace, used, "python3", "-c", END_SHIM)

    assert came_from_pool(first)
    assert first.json["name"] == "ender"

    def ended() -> bool:
        """The shim may have gone before its pod was handed over, or after."""
        left = {pod["metadata"]["uid"] for pod in workspace.api.list("Pod", workspace.namespace, "lambent.dev/origin=pool")}
        return len(waiting.keys() - left) == 1 and len(generic_pods(workspace)) >= 2

    wait_for(ended, "the pod to be ended, and the pool to be full", 60)
    for pod in generic_pods(workspace):
        found = files_of(workspace, pod["metadata"]["name"])
        assert found == [], f"of one function, seen by another: {found}"


def test_a_node_that_may_not_give_the_memory_costs_nobody_an_answer(workspace: Workspace) -> None:
    deploy_at_zero(workspace, function("large", NAMED, memory="768Mi"))
    used = sum(int(pod["spec"]["containers"][0]["resources"]["requests"]["memory"].rstrip("Mi")) for pod in generic_pods(workspace))
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}, "spec": {"hard": {"requests.memory": "600Mi"}}}
    assert used < 600
    workspace.apply(quota)
    try:
        first = workspace.invoke("large")
        assert (first.json["memory"], came_from_pool(first)) == ("768", True)
        uid = first and wait_for(lambda: workspace.pods("large"), "its pod")[0]["metadata"]["uid"]
        wait_for(lambda: uid not in {pod["metadata"]["uid"] for pod in workspace.pods("large")}, "the pod to be ended", 60)
    finally:
        workspace.delete("ResourceQuota", "small")
        workspace.delete("Function", "large")


def test_activators_killed_at_any_step_leave_no_pod_that_is_nobodys_or_two_functions(
    workspace: Workspace, control_plane: ControlPlane
) -> None:
    names = [f"step-{number}" for number in range(4)]
    deploy_at_zero(workspace, *(function(name, NAMED) for name in names))

    for number, name in enumerate(names):
        wait_for(lambda: len(generic_pods(workspace)) >= 1, "a generic pod to wait", 90)
        assert workspace.result(name)["name"] == name
        if number % 2:
            control_plane.kill_one("activator", grace_seconds=0)
        else:
            control_plane.kill("activator", grace_seconds=0)
        control_plane.wait_whole("activator")
        workspace.wait_reachable()

    for name in names:
        assert workspace.result(name)["name"] == name

    wait_everyones(workspace)


def test_a_node_agent_that_stands_still_holds_up_no_cold_start(workspace: Workspace, control_plane: ControlPlane) -> None:
    deploy_at_zero(workspace, function("unaided", NAMED, memory="512Mi"))
    (node, *_) = {pod["spec"]["nodeName"] for pod in generic_pods(workspace)}

    with node_agent_held(workspace.api, control_plane, node):
        first = workspace.invoke("unaided")

    assert (first.json["name"], came_from_pool(first)) == ("unaided", True)
    uid = wait_moved(workspace, "unaided")["metadata"]["uid"]
    (pod,) = workspace.pods("unaided", ending=False)
    assert (pod["metadata"]["uid"], pod["spec"]["containers"][0]["resources"]["limits"]["memory"]) == (uid, "640Mi")
    assert workspace.result("unaided")["memory"] == "512"


def test_generic_pods_that_stand_still_cost_nobody_an_answer(workspace: Workspace, control_plane: ControlPlane) -> None:
    deploy_at_zero(workspace, function("patient", NAMED, timeoutSeconds=10))
    lost = partial(control_plane.count, "activator", "lambent_pool_pods_total", namespace=workspace.namespace, outcome="lost")
    before = lost()

    with shims_held(workspace.api, control_plane, generic_pods(workspace)):
        first = workspace.invoke("patient")

    assert (first.json["name"], came_from_pool(first)) == ("patient", False)
    assert lost() > before
    wait_everyones(workspace)
    assert workspace.result("patient")["name"] == "patient"


def test_an_api_server_that_stands_still_holds_up_no_cold_start(workspace: Workspace, control_plane: ControlPlane) -> None:
    deploy_at_zero(workspace, function("apart", NAMED, memory="512Mi"))

    with api_server_held(workspace.api, control_plane):
        first = workspace.invoke("apart")
        again = workspace.invoke("apart")

    assert (first.json["name"], came_from_pool(first)) == ("apart", True)
    assert (again.json["name"], came_from_pool(again)) == ("apart", False)
    wait_moved(workspace, "apart")
    assert workspace.result("apart")["memory"] == "512"


def test_a_function_cannot_pretend_to_be_a_generic_pod_or_another_function(workspace: Workspace, control_plane: ControlPlane) -> None:
    workspace.deploy(function("liar", NAMED), function("victim", NAMED))
    thief = workspace.pods("liar")[0]["metadata"]["name"]
    generic = {"namespace": workspace.namespace, "function": "", "revision": "", "pool": True, "runtime": "python3.11"}
    victim = {"namespace": workspace.namespace, "function": "victim", "revision": workspace.function("victim")["status"]["readyRevision"]}

    for pretended in (generic, generic | victim, victim):
        told = execute(workspace, thief, "python3", "-c", PRETENDS, json.dumps(pretended))
        assert "101 Switching Protocols" in told
        assert '"peers"' not in told, "a WELCOME"
        wait_for(lambda: f"pod {thief} belongs to function 'liar'" in activators_logs(workspace, control_plane), "an activator to say why")
    elsewhere = execute(workspace, thief, "python3", "-c", PRETENDS, json.dumps(generic | {"namespace": "default"}))
    assert "101 Switching Protocols" in elsewhere
    assert '"peers"' not in elsewhere, "a WELCOME"


SLOW_TO_IMPORT = """
import os, time

time.sleep(5)

def handler(event, context):
    return {"pod": os.environ["HOSTNAME"]}
"""


def test_a_pod_that_ends_between_its_becoming_and_its_answer_costs_nobody_an_answer(
    workspace: Workspace, control_plane: ControlPlane
) -> None:
    deploy_at_zero(workspace, function("frail", SLOW_TO_IMPORT, timeoutSeconds=60))
    waiting = [pod["metadata"]["name"] for pod in generic_pods(workspace)]

    with ThreadPoolExecutor(1) as caller:
        answer = caller.submit(workspace.invoke, "frail")
        (chosen,) = wait_for(lambda: [name for name in waiting if files_of(workspace, name)], "a generic pod to be the function")
        execute(workspace, chosen, "python3", "-c", END_SHIM)
        first = answer.result()

    assert set(first.json) == {"pod"}, first
    assert first.json["pod"] != chosen
    assert 'outcome="took"' in control_plane.metrics("activator")
