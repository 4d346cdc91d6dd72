"""The setting that says who reaches function pods and whom they reach: one JSON object, as the chart renders `networkPolicy`."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from lambent.settings.base import SettingError, setting

KEY: Final = "LAMBENT_POD_NETWORK"
MAX_PORT: Final = 65_535


def pod_network() -> Any:
    """A field of a settings class, read by `parse_pod_network`."""
    return setting(KEY, "{}", "Who may scrape function pods, and whom they may call, as JSON; without a field, its default.")


def parse_pod_network(text: str) -> Mapping[str, Any]:
    """The fields that are set. Raises SettingError with the field, its value and what is allowed."""
    try:
        parsed = json.loads(text)
    except ValueError:
        raise SettingError(KEY, text, "a JSON object") from None
    if not isinstance(parsed, dict):
        raise SettingError(KEY, text, "a JSON object")
    unknown = [name for name in parsed if name not in _FIELDS]
    if unknown:
        raise SettingError(f"{KEY}.{unknown[0]}", json.dumps(parsed[unknown[0]]), f"one of {', '.join(_FIELDS)}")
    return {_FIELDS[name][0]: _read(name, value) for name, value in parsed.items()}


def _read(name: str, value: Any) -> Any:
    _, is_allowed, allowed = _FIELDS[name]
    if is_allowed is None:
        if isinstance(value, bool):
            return value
    elif isinstance(value, list) and all(is_allowed(item) for item in value):
        return tuple(value)
    raise SettingError(f"{KEY}.{name}", json.dumps(value), allowed)


def _is_port(item: Any) -> bool:
    return isinstance(item, int) and not isinstance(item, bool) and 1 <= item <= MAX_PORT


def _is_network(item: Any) -> bool:
    if not isinstance(item, str) or "/" not in item:
        return False
    try:
        ipaddress.ip_network(item)
    except ValueError:
        return False
    return True


def _is_object(item: Any) -> bool:
    return isinstance(item, dict) and bool(item)


_NETWORKS: Final = "a list of networks such as 10.0.0.0/8"
_PEERS: Final = "a list of NetworkPolicy peers, each with namespaceSelector, podSelector or ipBlock"
_PORTS: Final = "a list of whole numbers from 1 to 65535"
_FIELDS: Final[Mapping[str, tuple[str, Callable[[Any], bool] | None, str]]] = {
    "scrapers": ("scrapers", _is_object, _PEERS),
    "restricted": ("restricted", None, "true or false"),
    "ownNamespace": ("own_namespace", None, "true or false"),
    "internet": ("internet", None, "true or false"),
    "except": ("excepted", _is_network, _NETWORKS),
    "extra": ("extra", _is_object, "a list of egress rules as a NetworkPolicy has them"),
    "dnsServers": ("dns_servers", _is_object, _PEERS),
    "dnsPorts": ("dns_ports", _is_port, _PORTS),
    "apiServerAddresses": ("api_server_addresses", _is_network, _NETWORKS),
    "apiServerPorts": ("api_server_ports", _is_port, _PORTS),
}
"""By name in the JSON: the field, what each item must be (None: a truth value), and how that is said."""
