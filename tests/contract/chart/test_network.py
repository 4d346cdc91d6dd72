"""The chart's network policies: held equal to what the controller writes for functions, and to the test cluster's addresses."""

import ipaddress
import json
from typing import Any

import pytest

from cluster import versions
from lambent.controller.app import build_installation
from lambent.controller.resources.installation import Installation, PodNetwork
from lambent.controller.resources.pod_network import ACTIVATORS
from lambent.settings.controller import ControllerSettings
from tests.contract.chart.test_settings import environment_of
from tests.support.chart import CHART, ROLES, container_of, find, render, rendered_by_default

KIND = ("--values", str(CHART / "ci" / "kind-values.yaml"))


def installation_of(*arguments: str) -> Installation:
    return build_installation(ControllerSettings.from_mapping(environment_of("controller", *arguments)))


def policy_of(role: str, *arguments: str) -> dict[str, Any]:
    objects = render(*arguments) if arguments else rendered_by_default()
    spec: dict[str, Any] = find(objects, "NetworkPolicy", f"lambent-{role}")["spec"]
    return spec


def test_what_functions_may_call_is_the_same_with_and_without_a_chart() -> None:
    assert installation_of().pod_network == PodNetwork()


def test_values_reach_the_policies_of_functions() -> None:
    changed = installation_of(
        "--set=networkPolicy.functions.egress.restricted=false,networkPolicy.functions.egress.ownNamespace=false",
        "--set=networkPolicy.functions.egress.internet=false,networkPolicy.apiServerPorts={6443},networkPolicy.dns.ports={5300}",
        "--set=networkPolicy.apiServerAddresses={192.0.2.1/32},networkPolicy.functions.egress.except={192.0.2.0/24}",
        '--set-json=networkPolicy.functions.egress.extra=[{"ports": [{"port": 5432}]}]',
        "--set-json=networkPolicy.dns.servers=[]",
        "--set-json=networkPolicy.metricsFrom=[]",
    ).pod_network

    assert changed == PodNetwork(
        scrapers=(),
        restricted=False,
        own_namespace=False,
        internet=False,
        excepted=("192.0.2.0/24",),
        extra=({"ports": [{"port": 5432}]},),
        dns_servers=(),
        dns_ports=(5300,),
        api_server_addresses=("192.0.2.1/32",),
        api_server_ports=(6443,),
    )


def test_functions_may_call_the_activators_by_the_labels_that_these_have() -> None:
    labels = find(rendered_by_default(), "Deployment", "lambent-activator")["spec"]["template"]["metadata"]["labels"]

    assert ACTIVATORS.items() <= labels.items()


@pytest.mark.parametrize("role", ROLES)
def test_a_role_reaches_dns_and_the_api_server(role: str) -> None:
    dns, api_server = policy_of(role, "--set=networkPolicy.apiServerAddresses={192.0.2.1/32}")["egress"][:2]

    assert {(port["port"], port["protocol"]) for port in dns["ports"]} == {(53, "UDP"), (53, "TCP"), (5353, "UDP"), (5353, "TCP")}
    assert dns["to"] == [dict(peer) for peer in PodNetwork().dns_servers]
    assert api_server["to"] == [{"ipBlock": {"cidr": "192.0.2.1/32"}}]
    assert "to" not in policy_of(role)["egress"][1], "any address, where none is known"


@pytest.mark.parametrize("role", ROLES)
def test_a_policy_says_of_every_port_who_reaches_it(role: str) -> None:
    ports = {port["containerPort"] for port in container_of(rendered_by_default(), role)["ports"]}
    named = {port["port"] for rule in policy_of(role)["ingress"] for port in rule["ports"]}

    assert named == ports


@pytest.mark.parametrize("role", ROLES)
def test_metrics_are_for_monitoring_alone(role: str) -> None:
    (rule,) = [rule for rule in policy_of(role)["ingress"] if rule["ports"][0]["port"] == 9090]

    assert rule["from"] == [dict(peer) for peer in PodNetwork().scrapers]
    nobody = policy_of(role, "--set-json=networkPolicy.metricsFrom=[]").get("ingress") or []
    assert [rule for rule in nobody if rule["ports"][0]["port"] == 9090] == []


def test_statistics_come_from_activators_and_links_from_whom_the_installation_names() -> None:
    (statistics,) = [rule for rule in policy_of("autoscaler")["ingress"] if rule["ports"][0]["port"] == 8083]
    (links,) = [rule for rule in policy_of("activator")["ingress"] if rule["ports"][0]["port"] == 8081]

    assert [peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for peer in statistics["from"]] == ["activator"]
    assert "from" not in links
    lambents = {"namespaceSelector": {}, "podSelector": {"matchExpressions": [{"key": "lambent.dev/role", "operator": "Exists"}]}}
    chosen = policy_of("activator", f"--set-json=networkPolicy.linksFrom={json.dumps([lambents])}")["ingress"]
    assert [rule["from"] for rule in chosen if rule["ports"][0]["port"] == 8081] == [[lambents]]


@pytest.mark.parametrize("subnet", [versions.POD_SUBNET, versions.SERVICE_SUBNET, versions.ENGINE_NETWORK_POOL])
def test_the_test_clusters_own_addresses_are_none_of_its_internet(subnet: str) -> None:
    excepted = [ipaddress.ip_network(cidr) for cidr in installation_of(*KIND).pod_network.excepted]

    assert any(ipaddress.ip_network(subnet).subnet_of(each) for each in excepted if each.version == 4)  # type: ignore[arg-type]


def test_in_the_test_cluster_nodes_read_metrics_for_the_api_server() -> None:
    blocks = [peer["ipBlock"]["cidr"] for peer in installation_of(*KIND).pod_network.scrapers if "ipBlock" in peer]

    assert blocks == [versions.ENGINE_NETWORK_POOL]
