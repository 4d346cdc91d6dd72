"""Our engine's rules go, everybody else's stay."""

from typing import Any

from cluster.engine.firewall import empty_tables, parse, removal
from cluster.engine.host_network import cables, our_bridges

BEFORE = """\
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:theirs - [0:0]
-A INPUT -p tcp -m tcp --dport 22 -m comment --comment "let me in" -j ACCEPT
COMMIT
"""
NOW = """\
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:DOCKER - [0:0]
:theirs - [0:0]
:newer - [0:0]
-A INPUT -p tcp -m tcp --dport 22 -m comment --comment "let me in" -j ACCEPT
-A INPUT -p tcp -m tcp --dport 80 -j newer
-A FORWARD -j DOCKER-USER
-A FORWARD -o br-1 -j DOCKER
-A DOCKER -d 198.19.128.2/32 ! -i br-1 -o br-1 -p tcp -m tcp --dport 6443 -j ACCEPT
COMMIT
*nat
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -s 10.0.0.0/8 -j MASQUERADE
-A POSTROUTING -s 198.19.0.0/24 ! -o lambent0 -j MASQUERADE
COMMIT
"""


def test_parsing() -> None:
    tables = parse(NOW)
    assert [table.name for table in tables] == ["filter", "nat"]
    assert tables[0].policies["FORWARD"] == "DROP"
    assert len(tables[1].rules) == 2


def test_what_was_added_goes_in_an_order_that_works() -> None:
    commands = [" ".join(command) for command in removal(BEFORE, NOW, ["lambent0", "br-1"], other_docker=False)]
    assert commands == [
        "-t filter -D FORWARD -j DOCKER-USER",
        "-t filter -D FORWARD -o br-1 -j DOCKER",
        "-t filter -D DOCKER -d 198.19.128.2/32 ! -i br-1 -o br-1 -p tcp -m tcp --dport 6443 -j ACCEPT",
        "-t filter -F DOCKER",
        "-t filter -X DOCKER",
        "-t filter -P FORWARD ACCEPT",
        "-t nat -D POSTROUTING -s 198.19.0.0/24 ! -o lambent0 -j MASQUERADE",
    ]


def test_another_dockers_chains_stay() -> None:
    commands = [" ".join(command) for command in removal("", NOW, ["lambent0", "br-1"], other_docker=True)]
    assert commands == [
        "-t filter -D FORWARD -o br-1 -j DOCKER",
        "-t filter -D DOCKER -d 198.19.128.2/32 ! -i br-1 -o br-1 -p tcp -m tcp --dport 6443 -j ACCEPT",
        "-t nat -D POSTROUTING -s 198.19.0.0/24 ! -o lambent0 -j MASQUERADE",
    ]


def test_nothing_is_done_where_nothing_changed() -> None:
    assert removal(NOW, NOW, ["lambent0", "br-1"], other_docker=False) == []


def test_only_new_and_empty_tables_of_iptables_go() -> None:
    ruleset: list[dict[str, dict[str, object]]] = [
        {"table": {"family": "ip", "name": "filter"}},
        {"chain": {"family": "ip", "table": "filter", "name": "FORWARD", "hook": "forward", "policy": "accept"}},
        {"table": {"family": "ip", "name": "nat"}},
        {"chain": {"family": "ip", "table": "nat", "name": "theirs"}},
        {"table": {"family": "ip6", "name": "filter"}},
        {"table": {"family": "ip6", "name": "mangle"}},
        {"rule": {"family": "ip6", "table": "mangle", "chain": "OUTPUT"}},
        {"table": {"family": "inet", "name": "filter"}},
    ]
    assert empty_tables([], ruleset) == [("ip", "filter"), ("ip6", "filter")]
    assert empty_tables(["ip filter"], ruleset) == [("ip6", "filter")]


def test_bridges_are_known_by_name_and_address() -> None:
    links: list[dict[str, object]] = [
        {"ifname": "lambent0", "addr_info": []},
        {"ifname": "br-1", "addr_info": [{"family": "inet", "local": "198.19.128.1"}]},
        {"ifname": "br-2", "addr_info": [{"family": "inet", "local": "172.18.0.1"}]},
        {"ifname": "eth0", "addr_info": [{"family": "inet", "local": "198.19.128.9"}]},
    ]
    assert our_bridges(links) == ["lambent0", "br-1"]


def test_only_cables_of_our_bridges_are_cut() -> None:
    links: list[dict[str, Any]] = [
        {"ifname": "veth1", "master": "br-1", "linkinfo": {"info_kind": "veth"}},
        {"ifname": "veth2", "master": "br-2", "linkinfo": {"info_kind": "veth"}},
        {"ifname": "eth1", "master": "br-1"},
        {"ifname": "lo"},
    ]
    assert cables(links, ["br-1"]) == ["veth1"]
