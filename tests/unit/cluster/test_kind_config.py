"""kind's configuration: addresses that collide with nothing, and what each kind of host needs."""

import ipaddress
import json
from pathlib import Path
from typing import Any

from cluster import versions
from cluster.kind.kind import ready_nodes
from cluster.kind.kind_config import render, routes
from cluster.kind.node_image import first_pod_range, target_of


def configuration(**changes: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {"nodes": 1, "own_image": True, "restricted": False, "map_port": False, "patches": Path("/patches")}
    rendered: dict[str, Any] = json.loads(render(**{**facts, **changes}))
    return rendered


def patch(rendered: dict[str, Any], kind: str) -> dict[str, Any]:
    patches = [json.loads(text) for text in rendered["kubeadmConfigPatches"]]
    found: dict[str, Any] = next(entry for entry in patches if entry["kind"] == kind)
    return found


def test_ranges_lie_in_the_test_range_and_apart() -> None:
    ranges = [
        ipaddress.IPv4Network(versions.POD_SUBNET),
        ipaddress.IPv4Network(versions.SERVICE_SUBNET),
        ipaddress.IPv4Network(versions.ENGINE_BRIDGE_ADDRESS, strict=False),
        ipaddress.IPv4Network(versions.ENGINE_NETWORK_POOL),
    ]
    for index, one in enumerate(ranges):
        assert one.subnet_of(ipaddress.IPv4Network("198.18.0.0/15"))
        assert not any(one.overlaps(other) for other in ranges[index + 1 :])


def test_a_nodes_share_has_room_for_its_pods() -> None:
    share = ipaddress.IPv4Network(first_pod_range())
    assert share.num_addresses - 3 >= versions.MAX_PODS
    assert share.subnet_of(ipaddress.IPv4Network(versions.POD_SUBNET))


def test_the_first_of_several_nodes_is_the_control_plane() -> None:
    assert [node["role"] for node in configuration(nodes=3)["nodes"]] == ["control-plane", "worker", "worker"]


def test_a_node_image_of_our_own_has_neither_systemd_nor_a_network_plugin() -> None:
    own, usual = configuration(own_image=True), configuration(own_image=False)
    assert own["networking"]["disableDefaultCNI"]
    assert patch(own, "KubeletConfiguration")["cgroupDriver"] == "cgroupfs"
    assert not usual["networking"]["disableDefaultCNI"]
    assert "cgroupDriver" not in patch(usual, "KubeletConfiguration")


def test_oom_scores_are_left_alone_where_the_host_can_set_them() -> None:
    for kind in ("KubeletConfiguration", "KubeProxyConfiguration"):
        assert patch(configuration(restricted=True), kind)["oomScoreAdj"] == 0
        assert "oomScoreAdj" not in patch(configuration(restricted=False), kind)


def test_the_endpoints_port_is_mapped_only_where_nodes_are_out_of_reach() -> None:
    assert "extraPortMappings" not in configuration()["nodes"][0]
    mapped = configuration(map_port=True, nodes=2)["nodes"]
    assert mapped[0]["extraPortMappings"][0]["containerPort"] == versions.ACTIVATOR_NODE_PORT
    assert "extraPortMappings" not in mapped[1]


def test_routes_lead_to_the_other_nodes_only() -> None:
    ranges = {"a": "198.18.0.0/23", "b": "198.18.2.0/23", "c": ""}
    addresses = {"a": "198.19.128.2", "b": "198.19.128.3", "c": "198.19.128.4"}
    assert routes(ranges, addresses, "a") == ["ip route replace 198.18.2.0/23 via 198.19.128.3"]
    assert routes(ranges, addresses, "c") == [
        "ip route replace 198.18.0.0/23 via 198.19.128.2",
        "ip route replace 198.18.2.0/23 via 198.19.128.3",
    ]


def test_a_node_without_a_pod_range_is_not_ready() -> None:
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    items = [{**ready, "spec": {"podCIDR": "198.18.0.0/23"}}, {**ready, "spec": {}}, {"status": {}, "spec": {"podCIDR": "x"}}]
    assert ready_nodes(json.dumps({"items": items})) == 1
    assert ready_nodes(None) == 0


def test_each_image_of_kubeadm_has_its_target() -> None:
    names = ["kube-apiserver:v1", "kube-proxy:v1", "coredns/coredns:v1", "pause:3", "etcd:3"]
    assert [target_of(f"registry/{name}") for name in names] == ["kube", "kube", "coredns", "pause", "etcd"]


def test_kube_proxy_keeps_off_the_nftables_mode_that_empties_its_own_maps() -> None:
    assert configuration()["networking"]["kubeProxyMode"] == "iptables"
