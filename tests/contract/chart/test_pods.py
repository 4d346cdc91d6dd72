"""What Helm installs with no values keeps to the restricted Pod Security level, is probed, bounded and found under its names."""

import json
import re
from typing import Any

import pytest

from cluster.versions import ACTIVATOR_NODE_PORT
from lambent.api.functions.function import parse_function
from lambent.controller.resources.installation import RuntimeImage
from lambent.controller.resources.pod import build_pod_template
from lambent.controller.resources.pool import build_pool_deployment
from tests.support.chart import CHART, CHECKOUT, NAMESPACE, ROLES, container_of, find, render, rendered_by_default
from tests.support.controller_world import INSTALLATION, a_manifest

DOCKERFILE = CHECKOUT / "runtime-images" / "python" / "Dockerfile"


def pod_of(role: str) -> dict[str, Any]:
    spec: dict[str, Any] = find(rendered_by_default(), "Deployment", f"lambent-{role}")["spec"]["template"]["spec"]
    return spec


@pytest.mark.parametrize("role", ROLES)
def test_pods_are_restricted(role: str) -> None:
    pod, container = pod_of(role), container_of(rendered_by_default(), role)

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not any(pod.get(name) for name in ("hostNetwork", "hostPID", "hostIPC"))
    assert all("hostPath" not in volume for volume in pod["volumes"])


@pytest.mark.parametrize("role", ROLES)
def test_pods_are_probed_and_bounded(role: str) -> None:
    container = container_of(rendered_by_default(), role)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}

    assert ports["health"] == 9090
    assert {container[probe]["httpGet"]["port"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")} == {"health"}
    assert container["resources"]["limits"]["memory"]
    assert set(container["resources"]["requests"]) == {"cpu", "memory"}


@pytest.mark.parametrize("role", ROLES)
def test_selectors_match_their_pods_and_nobody_elses(role: str) -> None:
    objects = rendered_by_default()
    deployment = find(objects, "Deployment", f"lambent-{role}")
    labels = {name: find(objects, "Deployment", f"lambent-{name}")["spec"]["template"]["metadata"]["labels"] for name in ROLES}
    selectors = [deployment["spec"]["selector"]["matchLabels"]]
    selectors += [find(objects, "NetworkPolicy", f"lambent-{role}")["spec"]["podSelector"]["matchLabels"]]
    selectors += [
        item["spec"]["selector"] for item in objects if item["kind"] == "Service" and f"lambent-{role}" in item["metadata"]["name"]
    ]

    for selector in selectors:
        assert [name for name in ROLES if selector.items() <= labels[name].items()] == [role]


def test_services_lead_to_the_ports_of_the_contract() -> None:
    objects = rendered_by_default()
    found = {}
    for item in objects:
        if item["kind"] == "Service":
            role = item["spec"]["selector"]["app.kubernetes.io/component"]
            ports = {port["name"]: port["containerPort"] for port in container_of(objects, role)["ports"]}
            headless = item["spec"].get("clusterIP") == "None"
            found[item["metadata"]["name"]] = [(port["port"], ports[port["targetPort"]], headless) for port in item["spec"]["ports"]]

    assert found == {
        "lambent-activator": [(80, 8080, False)],
        "lambent-activator-links": [(8081, 8081, True)],
        "lambent-autoscaler": [(8083, 8083, True)],
    }


OUTSIDE = "--set=activator.public.enabled=true,activator.public.service.type=LoadBalancer,activator.lambdaApi.separate=true"


def test_ports_for_the_outside_and_for_the_lambda_api_have_services_of_their_own() -> None:
    objects = render(OUTSIDE)
    ports = {port["name"]: port["containerPort"] for port in container_of(objects, "activator")["ports"]}
    variables = {item["name"]: item.get("value") for item in container_of(objects, "activator")["env"]}
    public, api = (find(objects, "Service", name)["spec"] for name in ("lambent-public", "lambent-lambda-api"))
    (clients,) = [
        rule
        for rule in find(objects, "NetworkPolicy", "lambent-activator")["spec"]["ingress"]
        if {"port": 8080, "protocol": "TCP"} in rule["ports"]
    ]

    assert (public["type"], api["type"]) == ("LoadBalancer", "ClusterIP")
    assert ports[public["ports"][0]["targetPort"]] == int(variables["LAMBENT_PUBLIC_PORT"]) == 8084
    assert ports[api["ports"][0]["targetPort"]] == int(variables["LAMBENT_LAMBDA_API_PORT"]) == 8082
    assert {port["port"] for port in clients["ports"]} == {8080, 8082, 8084}
    defaults = {item["name"]: item.get("value") for item in container_of(rendered_by_default(), "activator")["env"]}
    assert (defaults["LAMBENT_PUBLIC_PORT"], defaults["LAMBENT_LAMBDA_API_PORT"]) == ("0", "0")


def test_everything_namespaced_lies_in_the_releases_namespace() -> None:
    of_the_cluster = ("ClusterRole", "ValidatingAdmissionPolicy")
    namespaced = [item for item in rendered_by_default() if not item["kind"].startswith(of_the_cluster)]

    assert {item["metadata"]["namespace"] for item in namespaced} == {NAMESPACE}


def test_a_stopping_activator_outlasts_the_longest_invocation() -> None:
    pod, container = pod_of("activator"), container_of(rendered_by_default(), "activator")

    variables = {item["name"]: item.get("value") for item in container["env"]}
    settle, drain = float(variables["LAMBENT_SETTLE_SECONDS"]), float(variables["LAMBENT_DRAIN_SECONDS"])

    assert settle > 0, "nodes need a moment to drop it from the Service"
    assert 900 <= drain < pod["terminationGracePeriodSeconds"] - settle


def test_a_node_port_is_set_where_it_is_asked_for() -> None:
    objects = render("--set", "activator.service.type=NodePort,activator.service.nodePort=30080")
    service = find(objects, "Service", "lambent-activator")["spec"]

    assert (service["type"], service["ports"][0]["nodePort"]) == ("NodePort", 30080)


def test_a_role_of_one_replica_has_no_disruption_budget_that_would_block_a_drain() -> None:
    budgets = {item["metadata"]["name"] for item in rendered_by_default() if item["kind"] == "PodDisruptionBudget"}
    single = render("--set", "activator.replicas=1,autoscaler.replicas=1")

    assert budgets == {"lambent-activator", "lambent-autoscaler"}
    assert [item for item in single if item["kind"] == "PodDisruptionBudget"] == []


def test_a_new_rollout_text_replaces_the_pods_and_nothing_else_does() -> None:
    def annotations(*arguments: str) -> list[dict[str, str] | None]:
        return [item["spec"]["template"]["metadata"].get("annotations") for item in render(*arguments) if item["kind"] == "Deployment"]

    assert annotations() == [None, None, None]
    assert annotations("--set-string", "rollout=17") == [{"lambent.dev/rollout": "17"}] * 3


def test_the_values_of_make_up_open_the_endpoint_on_the_node() -> None:
    objects = render("--values", str(CHART / "ci" / "kind-values.yaml"))

    assert find(objects, "Service", "lambent-activator")["spec"]["ports"][0]["nodePort"] == ACTIVATOR_NODE_PORT
    assert container_of(objects, "activator")["image"] == "lambent/control-plane:dev"


TWO_RUNTIMES = '--set-json=runtimes={"python3.11": {"image": "a", "pullPolicy": "Never"}, "nodejs20": {"image": "b", "tag": "7"}}'


def test_every_runtimes_image_is_pulled_ahead_as_its_functions_will_pull_it() -> None:
    objects = render(TWO_RUNTIMES)
    pod = find(objects, "DaemonSet", "lambent-prepull")["spec"]["template"]["spec"]
    pulled = {container["image"]: container["imagePullPolicy"] for container in [*pod["initContainers"], *pod["containers"]]}
    variables = {item["name"]: item.get("value") for item in container_of(objects, "controller")["env"]}

    assert pulled == {runtime["image"]: runtime["pullPolicy"] for runtime in json.loads(variables["LAMBENT_RUNTIMES"]).values()}
    assert len(pulled) == 2


def test_pulling_ahead_runs_what_every_runtimes_image_has() -> None:
    pod = find(render(TWO_RUNTIMES), "DaemonSet", "lambent-prepull")["spec"]["template"]["spec"]
    entry_point = re.search(r'^ENTRYPOINT \["([^"]+)"', DOCKERFILE.read_text(), re.MULTILINE)

    assert entry_point is not None
    assert {container["command"][0] for container in [*pod["initContainers"], *pod["containers"]]} == {entry_point[1]}


def test_pods_that_pull_ahead_are_restricted_and_nobody_waits_for_them() -> None:
    daemons = find(render(TWO_RUNTIMES), "DaemonSet", "lambent-prepull")["spec"]
    pod = daemons["template"]["spec"]

    assert daemons["updateStrategy"]["rollingUpdate"]["maxUnavailable"] == "100%"
    assert (pod["securityContext"]["runAsNonRoot"], pod["automountServiceAccountToken"]) == (True, False)
    for container in [*pod["initContainers"], *pod["containers"]]:
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]


def test_pulling_ahead_can_be_left_out_and_reaches_tainted_nodes_where_asked() -> None:
    left_out = render("--set", "prepull.enabled=false")
    everywhere = find(render("--set-json", 'prepull.tolerations=[{"operator": "Exists"}]'), "DaemonSet", "lambent-prepull")

    assert [item for item in left_out if "prepull" in item["metadata"]["name"]] == []
    assert everywhere["spec"]["template"]["spec"]["tolerations"] == [{"operator": "Exists"}]


def test_the_label_by_which_an_installation_may_choose_who_links_is_on_functions_and_pools_pods() -> None:
    function = parse_function(a_manifest())
    labels = [
        build_pod_template(function, "abc", "candidate", None, RuntimeImage("x"), INSTALLATION)["metadata"]["labels"],
        build_pool_deployment("default", "python3.11", RuntimeImage("x"), INSTALLATION)["spec"]["template"]["metadata"]["labels"],
    ]

    assert "key: lambent.dev/role, operator: Exists" in (CHART / "values.yaml").read_text()
    assert all("lambent.dev/role" in found for found in labels)


def test_network_policies_can_be_left_to_another_tool() -> None:
    assert [item for item in render("--set", "networkPolicy.enabled=false") if item["kind"] == "NetworkPolicy"] == []
