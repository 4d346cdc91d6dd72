"""The NetworkPolicies of Functions and pools: who reaches their pods, and whom they reach."""

import ipaddress
from typing import Any

import pytest

from lambent.api.functions.function import parse_function
from lambent.controller.resources.function import build_network_policy
from lambent.controller.resources.installation import Installation, PodNetwork
from lambent.controller.resources.pod_network import build_policy_spec
from lambent.controller.resources.pool import build_pool_network_policy, pool_selector
from lambent.controller.writes.drift import accept, build_repair, has_drifted
from tests.support.controller_world import a_manifest

PODS = {"lambent.dev/function": "hello"}


def a_spec(*, calls_api_server: bool = False, **network: Any) -> dict[str, Any]:
    return build_policy_spec(PODS, Installation(pod_network=PodNetwork(**network)), calls_api_server=calls_api_server)


def blocks(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [peer["ipBlock"] for rule in spec["egress"] for peer in rule.get("to", ()) if "ipBlock" in peer and "ports" not in rule]


def reaches(spec: dict[str, Any], address: str) -> bool:
    """Whether a rule without ports lets that address through."""
    wanted = ipaddress.ip_address(address)

    def holds(network: str) -> bool:
        return wanted in ipaddress.ip_network(network)

    return any(holds(block["cidr"]) and not any(map(holds, block.get("except", ()))) for block in blocks(spec))


def test_nobody_but_the_scrape_reaches_a_pod() -> None:
    (rule,) = a_spec()["ingress"]

    assert rule["ports"] == [{"port": 9001, "protocol": "TCP"}]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]


def test_without_scrapers_nobody_reaches_it() -> None:
    assert a_spec(scrapers=())["ingress"] == []


@pytest.mark.parametrize("address", ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_the_internet_is_reached(address: str) -> None:
    assert reaches(a_spec(), address)
    assert not reaches(a_spec(internet=False), address)


@pytest.mark.parametrize("address", ["169.254.169.254", "10.96.0.1", "192.168.49.2", "172.18.0.2", "100.64.3.4", "fd00:ec2::254"])
def test_metadata_and_private_networks_are_none_of_the_internet(address: str) -> None:
    assert not reaches(a_spec(), address)


def test_an_excepted_network_stands_only_beside_addresses_of_its_own_family() -> None:
    four, six = blocks(a_spec(excepted=("192.0.2.0/24", "fd00::/8")))

    assert (four, six) == ({"cidr": "0.0.0.0/0", "except": ["192.0.2.0/24"]}, {"cidr": "::/0", "except": ["fd00::/8"]})
    assert blocks(a_spec(excepted=("192.0.2.0/24",)))[1] == {"cidr": "::/0"}


def test_the_activators_of_the_control_planes_namespace_are_always_reached() -> None:
    installation = Installation(namespace="serverless", pod_network=PodNetwork(internet=False, own_namespace=False))
    dns, activators = build_policy_spec(PODS, installation)["egress"]

    assert {port["port"] for port in dns["ports"]} == {53, 5353}
    (peer,) = activators["to"]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "serverless"}
    assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "activator"


def test_only_a_function_with_a_service_account_reaches_the_api_server() -> None:
    account = parse_function(a_manifest(serviceAccountName="reader"))
    installation = Installation(pod_network=PodNetwork(api_server_addresses=("192.0.2.1/32",), api_server_ports=(6443,)))
    rule = {"ports": [{"port": 6443, "protocol": "TCP"}], "to": [{"ipBlock": {"cidr": "192.0.2.1/32"}}]}

    assert rule in build_network_policy(account, installation)["spec"]["egress"]
    assert rule not in build_network_policy(parse_function(a_manifest()), installation)["spec"]["egress"]
    assert rule not in build_pool_network_policy("team", "python3.11", installation)["spec"]["egress"]


def test_a_pods_way_is_the_same_before_and_after_it_becomes_a_function() -> None:
    installation = Installation()
    pool = build_policy_spec(pool_selector("python3.11"), installation)
    function = build_policy_spec(PODS, installation)

    assert {**pool, "podSelector": None} == {**function, "podSelector": None}


def test_where_egress_is_not_restricted_the_policy_says_nothing_of_it() -> None:
    spec = a_spec(restricted=False)

    assert (spec["policyTypes"], spec["egress"]) == (["Ingress"], [])


def test_a_further_rule_is_written_as_the_api_server_keeps_it() -> None:
    rule = {"ports": [{"port": 5432}], "to": [{"ipBlock": {"cidr": "10.1.2.0/24"}}]}

    assert a_spec(extra=(rule,))["egress"][-1] == {**rule, "ports": [{"protocol": "TCP", "port": 5432}]}


def test_an_empty_list_that_the_api_server_leaves_out_is_no_difference() -> None:
    built = build_network_policy(parse_function(a_manifest()), Installation(pod_network=PodNetwork(scrapers=(), restricted=False)))
    spec = {key: value for key, value in built["spec"].items() if value != []}
    live = {**built, "metadata": {**built["metadata"], "uid": "1"}, "spec": spec}

    assert not has_drifted(built, live, None)
    assert [step["path"] for step in build_repair(built, live)] == ["/metadata/uid"]


def test_a_way_opened_by_hand_is_shut_again() -> None:
    built = build_network_policy(parse_function(a_manifest()), Installation())
    live = {**built, "metadata": {**built["metadata"], "uid": "1"}, "spec": {**built["spec"], "egress": [{}]}}

    assert has_drifted(built, live, accept(built, built))
    assert {"op": "add", "path": "/spec/egress", "value": built["spec"]["egress"]} in build_repair(built, live)
