"""Each way that NetworkPolicies leave open and each one that they shut, tried from where somebody would try it.

A place that is to be shut is one that answers somebody else: what nobody reaches proves nothing.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.framework.control_plane import ControlPlane
from tests.e2e.framework.kube_api import KubeApi
from tests.e2e.framework.manifests import ECHO, function
from tests.e2e.framework.namespaces import ensure_namespace
from tests.e2e.framework.neighbors import INTERNET, METADATA, PORT, PROBE, Neighbor, Places, node_addresses, start_neighbor, try_from
from tests.e2e.framework.warm_pool import came_from_pool, deploy_at_zero, fill_pool, generic_pods
from tests.e2e.framework.workspace import SYSTEM, Workspace
from tests.support.waiting import wait_for

OTHER = "e2e-network-neighbor"
LINKS = ("lambent-activator-links.lambent-system.svc", 8081)
STATISTICS = ("lambent-autoscaler.lambent-system.svc", 8083)
ENDPOINT = ("lambent-activator.lambent-system.svc", 80)
API_SERVER = ("kubernetes.default.svc", 443)


@pytest.fixture(scope="module")
def image(control_plane: ControlPlane) -> str:
    return control_plane.image()


@pytest.fixture(scope="module")
def stranger(api: KubeApi, image: str) -> Iterator[Neighbor]:
    """A pod of another tenant's namespace, without any policy."""
    ensure_namespace(api, OTHER, "restricted")
    yield start_neighbor(api, image, OTHER, "stranger")
    api.delete("Namespace", None, OTHER)


@pytest.fixture(scope="module")
def housemate(workspace: Workspace, image: str) -> Neighbor:
    """A pod of the functions' own namespace that is none of Lambent's: a database, say."""
    return start_neighbor(workspace.api, image, workspace.namespace, "housemate")


@pytest.fixture(scope="module", autouse=True)
def _addresses(api: KubeApi, image: str) -> Iterator[None]:
    with node_addresses(api, image):
        yield


def pod_address(workspace: Workspace, name: str) -> str:
    """The address of a function's pod: it serves by its link before its status has one."""
    return str(wait_for(lambda: workspace.pods(name)[0]["status"].get("podIP"), f"the pod of {name} to have an address"))


@pytest.fixture(scope="module")
def shut(workspace: Workspace, control_plane: ControlPlane, stranger: Neighbor) -> Places:
    """Places that a function may not reach."""
    workspace.deploy(function("other", ECHO))
    node = workspace.api.list("Node", None)[0]["status"]["addresses"][0]["address"]
    return {
        "another function": (pod_address(workspace, "other"), 9001),
        "another tenant": (stranger.address, PORT),
        "the API server": API_SERVER,
        "the kubelet": (node, 10250),
        "the cloud's metadata": (METADATA, PORT),
        "the autoscaler": STATISTICS,
        "an activator's metrics": (address_of(control_plane, "activator"), 9090),
        "the controller's metrics": (address_of(control_plane, "controller"), 9090),
    }


@pytest.fixture(scope="module")
def open_to_functions(workspace: Workspace, housemate: Neighbor) -> Places:
    """Places that a function may reach, the first two by their names."""
    return {
        "the activators": LINKS,
        "other functions, by the endpoint": ENDPOINT,
        "another function's name": (f"other.{workspace.namespace}", 80),
        "its own namespace": (housemate.address, PORT),
        "the Internet": (INTERNET, PORT),
    }


def address_of(control_plane: ControlPlane, role: str) -> str:
    return str(control_plane.pods(role)[0]["status"]["podIP"])


def all_of(places: Places, *, reached: bool) -> dict[str, Any]:
    return dict.fromkeys(places, reached)


def wait_shut(workspace: Workspace, name: str, places: Places) -> None:
    """Until the policies of the function's pods are in force: agents write them after a pod has its address."""
    wait_for(lambda: workspace.result(name, {"canary": places["another tenant"]}) == {"canary": False}, f"the policies of {name}")


def test_the_places_that_are_shut_to_functions_answer_others(shut: Places, stranger: Neighbor) -> None:
    elsewhere = {name: shut[name] for name in ("another tenant", "the API server", "the kubelet", "the cloud's metadata")}

    assert stranger.reaches(elsewhere) == all_of(elsewhere, reached=True)


def test_a_function_reaches_what_it_may_and_nothing_else(workspace: Workspace, shut: Places, open_to_functions: Places) -> None:
    workspace.deploy(function("prober", PROBE, timeoutSeconds=60))
    wait_shut(workspace, "prober", shut)

    assert workspace.result("prober", open_to_functions) == all_of(open_to_functions, reached=True)
    assert workspace.result("prober", shut) == all_of(shut, reached=False)


def test_a_pod_of_a_pool_is_shut_before_and_after_it_becomes_a_function(
    workspace: Workspace, shut: Places, open_to_functions: Places
) -> None:
    fill_pool(workspace)
    deploy_at_zero(workspace, function("pooled", PROBE, timeoutSeconds=60))
    waiting = generic_pods(workspace)[0]["metadata"]["name"]
    wait_for(lambda: not any(try_from(workspace.api, workspace.namespace, waiting, shut).values()), "the pool's policy")

    first = workspace.invoke("pooled", shut)

    assert came_from_pool(first)
    assert first.json == all_of(shut, reached=False)
    wait_for(lambda: workspace.pods("pooled"), "the pod to be the function's")
    assert workspace.result("pooled", shut) == all_of(shut, reached=False)
    assert workspace.result("pooled", open_to_functions) == all_of(open_to_functions, reached=True)


def test_a_function_with_a_service_account_reaches_the_api_server(workspace: Workspace, shut: Places) -> None:
    workspace.api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "reader"}}, workspace.namespace)
    workspace.deploy(function("reader", PROBE, serviceAccountName="reader", timeoutSeconds=60))
    wait_shut(workspace, "reader", shut)

    seen = workspace.result("reader", shut)

    assert seen == {**all_of(shut, reached=False), "the API server": True}


def test_a_namespaces_own_policy_opens_a_further_way(workspace: Workspace, shut: Places, stranger: Neighbor) -> None:
    workspace.deploy(function("further", PROBE, timeoutSeconds=60))
    wait_shut(workspace, "further", shut)
    spec = {
        "podSelector": {"matchLabels": {"lambent.dev/function": "further"}},
        "policyTypes": ["Egress"],
        "egress": [{"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": OTHER}}}]}],
    }
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "further-way"}, "spec": spec}
    workspace.apply(policy)

    wait_for(lambda: workspace.result("further", {"it": (stranger.address, PORT)}) == {"it": True}, "the further way to be open")
    rest = {name: place for name, place in shut.items() if name != "another tenant"}
    assert workspace.result("further", rest) == all_of(rest, reached=False)


def test_functions_serve_in_a_namespace_that_denies_everything_by_default(workspace: Workspace) -> None:
    namespace = f"{workspace.namespace}-denied"
    ensure_namespace(workspace.api, namespace, "restricted")
    spec = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    deny = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "default-deny"}, "spec": spec}
    workspace.api.apply(deny, namespace)
    denied = Workspace(workspace.api, workspace.http, namespace, workspace.checkout)

    denied.deploy(function("proved", ECHO))
    deploy_at_zero(denied, function("pooled", ECHO))

    assert denied.result("proved", 1) == 1
    assert denied.result("pooled", 2) == 2
    for name in ("proved", "pooled"):
        denied.delete("Function", name)
    workspace.api.delete("Namespace", None, namespace)


def test_strangers_reach_the_endpoint_and_the_link_port_alone(control_plane: ControlPlane, stranger: Neighbor) -> None:
    shut = {
        "statistics": (address_of(control_plane, "autoscaler"), 8083),
        **{f"{role}'s metrics": (address_of(control_plane, role), 9090) for role in ("controller", "activator", "autoscaler")},
    }

    # Of links a pod's token decides: policies that did would hold up new pods (docs/decisions/0014).
    open_to_all = {"endpoint": ENDPOINT, "links": (address_of(control_plane, "activator"), 8081)}
    assert stranger.reaches(open_to_all) == all_of(open_to_all, reached=True)
    assert stranger.reaches(shut) == all_of(shut, reached=False)


def test_nobody_calls_a_functions_pod(workspace: Workspace, stranger: Neighbor, housemate: Neighbor) -> None:
    workspace.deploy(function("called", ECHO))
    place = {"it": (pod_address(workspace, "called"), 9001)}

    wait_for(lambda: stranger.reaches(place) == {"it": False}, "the policy of the function")
    assert housemate.reaches(place) == {"it": False}


def test_metrics_are_read_from_the_monitoring_namespace(
    api: KubeApi, image: str, workspace: Workspace, control_plane: ControlPlane
) -> None:
    workspace.deploy(function("scraped", ECHO))
    made = api.get("Namespace", None, "monitoring") is None
    if made:
        ensure_namespace(api, "monitoring", "restricted")
    scraper = start_neighbor(api, image, "monitoring", "e2e-scraper")
    places = {role: (address_of(control_plane, role), 9090) for role in ("controller", "activator", "autoscaler")}
    places["function"] = (pod_address(workspace, "scraped"), 9001)
    others = {"statistics": (address_of(control_plane, "autoscaler"), 8083)}

    wait_for(lambda: scraper.reaches(places) == all_of(places, reached=True), "all metrics to be read")
    assert scraper.reaches(others) == all_of(others, reached=False)
    api.delete("Namespace", None, "monitoring") if made else api.delete("Pod", "monitoring", scraper.name)


@pytest.mark.parametrize("role", ["controller", "activator", "autoscaler"])
def test_the_control_plane_calls_the_api_server_and_what_it_needs(
    control_plane: ControlPlane, stranger: Neighbor, workspace: Workspace, role: str
) -> None:
    shut = {
        "a tenant's pod": (stranger.address, PORT),
        "the Internet": (INTERNET, PORT),
        "the cloud's metadata": (METADATA, PORT),
        "the kubelet": (workspace.api.list("Node", None)[0]["status"]["addresses"][0]["address"], 10250),
    }
    allowed: Places = {"the API server": API_SERVER}
    if role != "autoscaler":  # which would reach itself
        (allowed if role == "activator" else shut)["the autoscaler's statistics"] = STATISTICS
    pod = control_plane.pods(role)[0]["metadata"]["name"]

    assert try_from(workspace.api, SYSTEM, pod, allowed) == all_of(allowed, reached=True)
    assert try_from(workspace.api, SYSTEM, pod, shut) == all_of(shut, reached=False)
