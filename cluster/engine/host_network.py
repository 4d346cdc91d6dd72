"""Reads and mends the host's network around an engine of ours: packet filter, bridges, forwarding."""

import ipaddress
import json
from pathlib import Path
from typing import Any, TypedDict

from cluster import versions
from cluster.engine import firewall
from cluster.host.command import answers, output
from cluster.host.packages import program

BRIDGE = "lambent0"
_FORWARDING = ("net/ipv4/ip_forward", "net/ipv6/conf/default/forwarding", "net/ipv6/conf/all/forwarding")
_SYSTEM = Path("/proc/sys")
_FAMILIES = ("iptables", "ip6tables")


class Before(TypedDict):
    """How the host's network was before the engine was started."""

    saved: dict[str, str]
    nft_tables: list[str]
    forwarding: dict[str, str]


NOTHING: Before = {"saved": {}, "nft_tables": [], "forwarding": {}}
"""For an engine whose record was lost: all that docker makes is taken as new, forwarding stays."""


def _tool(name: str) -> str:
    return program(name) or name


def _ruleset() -> list[dict[str, dict[str, object]]]:
    text = answers([_tool("nft"), "-j", "list", "ruleset"])
    return json.loads(text)["nftables"] if text else []


def _saved(family: str) -> str:
    """The rules, without making a table by asking: `iptables-save` itself makes none."""
    return answers([_tool(f"{family}-save")]) or ""


def record() -> Before:
    tables = [entry["table"] for entry in _ruleset() if "table" in entry]
    return {
        "saved": {family: _saved(family) for family in _FAMILIES},
        "nft_tables": [f"{table['family']} {table['name']}" for table in tables],
        "forwarding": _forwarding(),
    }


def _forwarding() -> dict[str, str]:
    return {name: (_SYSTEM / name).read_text().strip() for name in _FORWARDING if (_SYSTEM / name).exists()}


def make_bridge() -> None:
    """The default bridge of our engine, with a name of its own: docker0 is never touched."""
    ip = _tool("ip")
    if answers([ip, "link", "show", BRIDGE]) is None:
        output([ip, "link", "add", BRIDGE, "type", "bridge"])
    address = versions.ENGINE_BRIDGE_ADDRESS
    if f"inet {address}" not in output([ip, "-4", "addr", "show", "dev", BRIDGE]):
        output([ip, "addr", "add", address, "dev", BRIDGE])
    output([ip, "link", "set", BRIDGE, "up"])


def mtu_of_default_route() -> int:
    """Containers must not send bigger packets than the host can pass on."""
    routes = json.loads(answers([_tool("ip"), "-j", "-4", "route", "show", "default"]) or "[]")
    for route in routes:
        links = json.loads(answers([_tool("ip"), "-j", "link", "show", str(route["dev"])]) or "[]")
        if links:
            return int(links[0]["mtu"])
    return 1500


def our_bridges(addresses: list[dict[str, object]]) -> list[str]:
    """The bridges among `ip -j addr` that carry addresses of our engine's ranges."""
    ranges = [
        ipaddress.ip_network(versions.ENGINE_BRIDGE_ADDRESS, strict=False),
        ipaddress.ip_network(versions.ENGINE_NETWORK_POOL),
    ]
    found = []
    for link in addresses:
        name = str(link.get("ifname", ""))
        infos = link.get("addr_info")
        if not (name == BRIDGE or name.startswith("br-")) or not isinstance(infos, list):
            continue
        locals_ = [ipaddress.ip_address(info["local"]) for info in infos if info.get("family") == "inet"]
        if name == BRIDGE or any(address in range_ for address in locals_ for range_ in ranges):
            found.append(name)
    return found


def cables(links: list[dict[str, Any]], bridges: list[str]) -> list[str]:
    """The host's ends of containers' links to these bridges: an engine that was killed leaves them behind."""
    plugged = [link for link in links if link.get("master") in bridges]
    return [str(link["ifname"]) for link in plugged if link.get("linkinfo", {}).get("info_kind") == "veth"]


def _mend_firewall(before: Before, bridges: list[str], *, other_docker: bool) -> None:
    for family in _FAMILIES:
        was = before["saved"].get(family, "")
        for arguments in firewall.removal(was, _saved(family), bridges, other_docker=other_docker):
            answers([_tool(family), "-w", "10", *arguments])
    for table in firewall.empty_tables(before["nft_tables"], _ruleset()):
        answers([_tool("nft"), "delete", "table", *table])


def _our_bridges_now() -> list[str]:
    return our_bridges(json.loads(answers([_tool("ip"), "-j", "addr"]) or "[]"))


def cut_cables() -> None:
    """Removes what a killed engine's containers leave plugged into our bridges."""
    links = json.loads(answers([_tool("ip"), "-j", "-d", "link"]) or "[]")
    for cable in cables(links, _our_bridges_now()):
        answers([_tool("ip"), "link", "delete", cable])


def mend(before: Before, *, other_docker: bool) -> None:
    """Takes away the bridges, rules and chains that our engine made and gives forwarding its old value back."""
    bridges = _our_bridges_now()
    _mend_firewall(before, bridges, other_docker=other_docker)
    cut_cables()
    for bridge in bridges:
        answers([_tool("ip"), "link", "delete", bridge])
    if not other_docker:
        was = before.get("forwarding", {})
        for name, value in _forwarding().items():
            if value != was.get(name, value):
                (_SYSTEM / name).write_text(was[name])
