"""Whose request it is: the peer's, or whom a proxy names that is trusted by setting."""

from __future__ import annotations

import pytest

from lambent.settings.activator import ActivatorSettings
from lambent.settings.base import SettingError
from tests.support.gateway_world import GatewayWorld

HOST = "hello.default"
PROXY = "203.0.113.0/24"
"""The network of the world's peer, 203.0.113.7."""


def world(*trusted: str) -> GatewayWorld:
    world = GatewayWorld({"ok": 1}, trusted_proxies=trusted)
    world.add_function()
    world.add_trigger(host="one.shop.example", path="/", payloadFormat="1.0")
    return world


def asked_by(world: GatewayWorld, forwarded: str, **headers: str) -> str:
    sent = [("X-Forwarded-For", forwarded), *((name.replace("_", "-"), value) for name, value in headers.items())]
    world.request("GET", "/", host=HOST, headers=sent)
    source = str(world.event["requestContext"]["http"]["sourceIp"])
    world.request("GET", "/", host="one.shop.example", headers=sent)
    assert world.event["requestContext"]["identity"]["sourceIp"] == source
    return source


def test_without_the_setting_nobody_is_believed() -> None:
    untrusting = world()

    assert asked_by(untrusting, "198.51.100.1", X_Forwarded_Proto="https", X_Forwarded_Port="443") == "203.0.113.7"
    headers = untrusting.event["headers"]
    assert headers["x-forwarded-for"] == "198.51.100.1, 203.0.113.7"
    assert (headers["x-forwarded-proto"], headers["x-forwarded-port"]) == ("http", "8080")


def test_a_peer_outside_the_networks_is_not_believed() -> None:
    assert asked_by(world("10.0.0.0/8"), "198.51.100.1") == "203.0.113.7"


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("198.51.100.1", "198.51.100.1"),
        ("1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("198.51.100.1, 10.1.2.3", "198.51.100.1"),
        ("forged, 198.51.100.1,10.1.2.3 , 203.0.113.9", "198.51.100.1"),
        ("198.51.100.1:4711", "198.51.100.1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("::ffff:198.51.100.1", "198.51.100.1"),
        ("10.1.2.3, 10.1.2.4", "10.1.2.3"),
        ("", "203.0.113.7"),
        ("unknown", "203.0.113.7"),
        ("198.51.100.1, nonsense, 10.1.2.3", "10.1.2.3"),
        ("198.51.100.1, " + "1" * 5000, "203.0.113.7"),
    ],
)
def test_the_rightmost_address_that_is_no_trusted_proxys_is_the_clients(forwarded: str, client: str) -> None:
    assert asked_by(world(PROXY, "10.0.0.0/8"), forwarded) == client


@pytest.mark.parametrize(
    ("proto", "port", "seen"),
    [
        ("https", "8443", ("https", "8443")),
        ("https", "", ("https", "443")),
        ("http", "", ("http", "80")),
        ("http, HTTPS", "1, 2", ("https", "2")),
        ("gopher", "0", ("http", "8080")),
        ("", "65536", ("http", "8080")),
        ("", "1" * 5000, ("http", "8080")),
        ("", "\u00b2", ("http", "8080")),
    ],
)
def test_scheme_and_port_are_a_trusted_proxys_to_say(proto: str, port: str, seen: tuple[str, str]) -> None:
    trusting = world(PROXY)

    asked_by(trusting, "198.51.100.1", X_Forwarded_Proto=proto, X_Forwarded_Port=port)

    headers = trusting.event["headers"]
    assert (headers["x-forwarded-proto"], headers["x-forwarded-port"]) == seen
    assert headers["x-forwarded-for"] == "198.51.100.1, 203.0.113.7"


@pytest.mark.parametrize("value", ["10.0.0.0/33", "10.0.0.1/8", "ingress", "10.0.0.0/8,x"])
def test_a_proxy_that_is_no_network_is_refused_at_the_start(value: str) -> None:
    with pytest.raises(SettingError, match=r"LAMBENT_TRUSTED_PROXIES: .* is not allowed; use networks such as"):
        ActivatorSettings.from_mapping({"LAMBENT_TRUSTED_PROXIES": value})


def test_networks_and_single_addresses_are_taken() -> None:
    settings = ActivatorSettings.from_mapping({"LAMBENT_TRUSTED_PROXIES": "10.244.0.0/16, 192.0.2.7,2001:db8::/32"})

    assert settings.trusted_proxies == ("10.244.0.0/16", "192.0.2.7", "2001:db8::/32")
