"""Who reaches the pods with a shim, and whom they reach: the spec of the NetworkPolicies of Functions and pools, pure.

Policies add up (Kubernetes, "Network Policies"): one of the namespace's own may allow more, none can take away what is allowed here.
Every default of the API server is written out, so that a live object can be compared with a built one field by field.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any, Final

from lambent.controller.resources.installation import Installation, PodNetwork
from lambent.controller.resources.pod import STATUS_PORT

NAMESPACE_NAME: Final = "kubernetes.io/metadata.name"
"""A label that the API server itself puts on every namespace: nobody can take another's."""
ACTIVATORS: Final = {"app.kubernetes.io/name": "lambent", "app.kubernetes.io/component": "activator"}
"""Labels of the activators' pods, as the chart has them."""
Rule = dict[str, Any]


def build_policy_spec(pods: Mapping[str, str], installation: Installation, *, calls_api_server: bool = False) -> dict[str, Any]:
    """The spec for the pods with these labels; `calls_api_server` where they have a service account of their own."""
    network = installation.pod_network
    spec: dict[str, Any] = {
        "podSelector": {"matchLabels": dict(pods)},
        "policyTypes": ["Ingress", "Egress"] if network.restricted else ["Ingress"],
        "ingress": _build_ingress(network),
        "egress": _build_egress(installation, calls_api_server=calls_api_server) if network.restricted else [],
    }
    return spec


def _build_ingress(network: PodNetwork) -> list[Rule]:
    """Scrapes alone: kubelets' probes come from the pod's own node, which no policy shuts out."""
    if not network.scrapers:
        return []
    return [{"ports": _ports([STATUS_PORT]), "from": [dict(peer) for peer in network.scrapers]}]


def _build_egress(installation: Installation, *, calls_api_server: bool) -> list[Rule]:
    network = installation.pod_network
    dns: Rule = {"ports": _ports(network.dns_ports, "UDP", "TCP")}
    if network.dns_servers:
        dns["to"] = [dict(peer) for peer in network.dns_servers]
    # For links, and for calls of other functions; at which ports, the activators' own policy says.
    activators = {
        "namespaceSelector": {"matchLabels": {NAMESPACE_NAME: installation.namespace}},
        "podSelector": {"matchLabels": dict(ACTIVATORS)},
    }
    rules: list[Rule] = [dns, {"to": [activators]}]
    if network.own_namespace:
        rules.append({"to": [{"podSelector": {}}]})
    if network.internet:
        rules.append({"to": [_block(cidr, network.excepted) for cidr in ("0.0.0.0/0", "::/0")]})
    if calls_api_server:
        api_server: Rule = {"ports": _ports(network.api_server_ports)}
        if network.api_server_addresses:
            api_server["to"] = [{"ipBlock": {"cidr": cidr}} for cidr in network.api_server_addresses]
        rules.append(api_server)
    return [*rules, *(_complete(rule) for rule in network.extra)]


def _ports(numbers: tuple[int, ...] | list[int], *protocols: str) -> list[Rule]:
    return [{"port": number, "protocol": protocol} for number in numbers for protocol in protocols or ("TCP",)]


def _block(cidr: str, excepted: tuple[str, ...]) -> Rule:
    """All addresses of a family but those excepted, which the API server wants to be of the same family."""
    version = ipaddress.ip_network(cidr).version
    inside = [other for other in excepted if ipaddress.ip_network(other).version == version]
    return {"ipBlock": {"cidr": cidr, "except": inside} if inside else {"cidr": cidr}}


def _complete(rule: Mapping[str, Any]) -> Rule:
    """A rule of the installation's own, with the protocol that the API server writes where none is named."""
    ports = [{"protocol": "TCP", **port} for port in rule.get("ports") or ()]
    return {**rule, "ports": ports} if ports else dict(rule)
