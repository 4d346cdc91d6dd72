"""The variables that the chart sets are those that the roles read, and the values it renders are ones that they take."""

import importlib
from dataclasses import fields
from pathlib import Path

import pytest

from lambent.activator.admission.model import Limits
from lambent.activator.app import MEBIBYTE, domains_of, front_limits_of, limits_of, link_limits_of, namespace_limits_of
from lambent.activator.front.limits import FrontLimits
from lambent.activator.links.unproved import LinkLimits
from lambent.api.namespace_limits import NamespaceLimits
from lambent.controller.app import build_installation
from lambent.controller.resources.installation import Pools
from lambent.settings.activator import ActivatorSettings
from lambent.settings.autoscaler import AutoscalerSettings
from lambent.settings.base import ProcessSettings
from lambent.settings.controller import ControllerSettings
from tests.support.chart import ROLES, container_of, render, rendered_by_default

GIVEN_BY_KUBERNETES = {"metadata.namespace": "lambent-system", "metadata.name": "lambent-x-1", "status.podIP": "10.0.0.1"}


def settings_class(role: str) -> type[ProcessSettings]:
    module = importlib.import_module(f"lambent.settings.{role}")
    found: type[ProcessSettings] = getattr(module, f"{role.capitalize()}Settings")
    return found


def environment_of(role: str, *arguments: str) -> dict[str, str]:
    """The container's variables as a running pod has them."""
    objects = render(*arguments) if arguments else rendered_by_default()
    return {
        item["name"]: item["value"] if "value" in item else GIVEN_BY_KUBERNETES[item["valueFrom"]["fieldRef"]["fieldPath"]]
        for item in container_of(objects, role)["env"]
    }


@pytest.mark.parametrize("role", ROLES)
def test_every_variable_is_one_that_the_role_reads(role: str) -> None:
    known = {declaration.key for field in fields(settings_class(role)) for declaration in field.metadata.values()}

    assert set(environment_of(role)) - known == set()


@pytest.mark.parametrize("role", ROLES)
def test_the_defaults_are_values_that_the_role_takes(role: str) -> None:
    settings = settings_class(role).from_mapping(environment_of(role))

    assert settings.namespace == "lambent-system"
    assert settings.status_port == 9090


def test_values_reach_the_controller() -> None:
    changed = environment_of(
        "controller",
        "--set=clusterDomain=corp.example,domain=fn.example.com,region=eu-central-1,functions.cpuRequestPercent=25,log.format=TEXT",
        '--set-json=runtimes={"python3.11": {"image": "r.example/py", "tag": "7", "pullPolicy": "Always", "preload": ["json"]}}',
    )
    settings = ControllerSettings.from_mapping(changed)

    assert (settings.cluster_domain, settings.domain, settings.region) == ("corp.example", "fn.example.com", "eu-central-1")
    assert (settings.cpu_request_percent, settings.log_format) == (25, "TEXT")
    assert settings.runtime_images() == {"python3.11": ("r.example/py:7", "Always", ("json",))}


def test_pools_reach_the_controller() -> None:
    values = "size=3,maxSize=7,maxMemoryMiB=512,cpuRequestMillis=5,memoryRequestMiB=64"
    changed = environment_of("controller", "--set=" + ",".join(f"pools.{value}" for value in values.split(",")))
    settings = ControllerSettings.from_mapping(changed)

    assert (settings.pool_size, settings.pool_max_memory_mib) == (3, 512)
    assert (settings.pool_cpu_request_millis, settings.pool_memory_request_mib) == (5, 64)


def test_pools_reach_the_autoscaler_and_the_activator_alike() -> None:
    values = "--set=pools.size=3,pools.maxSize=7,pools.idleSeconds=120,pools.maxMemoryMiB=512,functions.cpuRequestPercent=7"
    autoscaler = AutoscalerSettings.from_mapping(environment_of("autoscaler", values))
    activator = ActivatorSettings.from_mapping(environment_of("activator", values))

    assert (autoscaler.pool_size, autoscaler.pool_max_size, autoscaler.pool_idle_seconds, autoscaler.pool_max_memory_mib) == (
        3,
        7,
        120,
        512,
    )
    assert (activator.pool_size, activator.pool_max_memory_mib, activator.cpu_request_percent) == (3, 512, 7)


def test_pools_are_the_same_with_and_without_a_chart() -> None:
    charted = ControllerSettings.from_mapping(environment_of("controller"))

    scaled = AutoscalerSettings.from_mapping(environment_of("autoscaler"))
    plain = AutoscalerSettings()

    assert build_installation(charted).pools == build_installation(ControllerSettings()).pools == Pools()
    assert (scaled.pool_size, scaled.pool_max_size) == (plain.pool_size, plain.pool_max_size)
    assert (scaled.pool_idle_seconds, scaled.pool_max_memory_mib) == (plain.pool_idle_seconds, plain.pool_max_memory_mib)


def test_values_reach_the_activator() -> None:
    changed = environment_of(
        "activator", "--set=activator.queue.maxInvocations=5,activator.queue.maxMegabytes=6,activator.queue.seconds=7,log.level=DEBUG"
    )
    settings = ActivatorSettings.from_mapping(changed)

    assert (settings.queue_max_invocations, settings.queue_max_megabytes, settings.queue_seconds) == (5, 6, 7.0)
    assert settings.log_level == "DEBUG"


def test_bounds_of_namespaces_reach_controller_and_activator_alike() -> None:
    values = "--set=namespaceLimits.functions=5,namespaceLimits.triggers=6,namespaceLimits.inlineMegabytes=7"
    controller = ControllerSettings.from_mapping(environment_of("controller", values))
    activator = ActivatorSettings.from_mapping(environment_of("activator", values))

    assert build_installation(controller).limits == namespace_limits_of(activator) == NamespaceLimits(5, 6, 7 * MEBIBYTE)
    charted = ActivatorSettings.from_mapping(environment_of("activator"))
    assert namespace_limits_of(charted) == build_installation(ControllerSettings()).limits == NamespaceLimits()


def test_the_pace_of_changes_reaches_the_controller() -> None:
    controller = ControllerSettings.from_mapping(environment_of("controller", "--set=namespaceLimits.changesPerSecond=7"))

    assert build_installation(controller).changes_per_second == 7
    charted = build_installation(ControllerSettings.from_mapping(environment_of("controller")))
    assert charted.changes_per_second == build_installation(ControllerSettings()).changes_per_second


def test_controller_and_activator_have_the_same_hosts_for_their_own() -> None:
    values = "--set=domain=fn.example.com,clusterDomain=corp.example"
    controller = ControllerSettings.from_mapping(environment_of("controller", values))
    activator = ActivatorSettings.from_mapping(environment_of("activator", values))

    assert build_installation(controller).domains == domains_of(activator)
    assert "lambent-public.lambent-system.svc.corp.example" in domains_of(activator).own


def test_values_reach_the_activators_front() -> None:
    values = "maxConnections=1,receivingMegabytes=8,sendingMegabytes=9,headSeconds=2,bodySeconds=3,keepAliveSeconds=4,stalledSeconds=5"
    changed = environment_of("activator", "--set=" + ",".join(f"activator.http.{value}" for value in values.split(",")))
    limits = front_limits_of(ActivatorSettings.from_mapping(changed))

    assert (limits.connections, limits.receiving_bytes, limits.sending_bytes) == (1, 8 * MEBIBYTE, 9 * MEBIBYTE)
    assert (limits.head_seconds, limits.body_seconds, limits.keep_alive_seconds, limits.stalled_seconds) == (2, 3, 4, 5)


def test_trusted_proxies_reach_the_activator() -> None:
    changed = environment_of("activator", '--set-json=activator.trustedProxies=["10.244.0.0/16", "2001:db8::/32"]')

    assert ActivatorSettings.from_mapping(changed).trusted_proxies == ("10.244.0.0/16", "2001:db8::/32")
    assert ActivatorSettings.from_mapping(environment_of("activator")).trusted_proxies == ()


def test_large_numbers_from_a_file_reach_the_activator_as_numbers(tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text("activator: {http: {maxConnections: 1000000}, queue: {maxInvocations: 1000000}}")
    settings = ActivatorSettings.from_mapping(environment_of("activator", "--values", str(values)))

    assert (settings.http_max_connections, settings.queue_max_invocations) == (1_000_000, 1_000_000)


def test_the_fronts_limits_are_the_same_with_and_without_a_chart() -> None:
    charted = ActivatorSettings.from_mapping(environment_of("activator"))

    assert front_limits_of(charted) == front_limits_of(ActivatorSettings()) == FrontLimits()


def test_what_an_activator_may_hold_fits_its_container() -> None:
    settings = ActivatorSettings.from_mapping(environment_of("activator"))
    memory = container_of(rendered_by_default(), "activator")["resources"]["limits"]["memory"]
    process = 70
    sockets_and_links = 64
    held = settings.http_receiving_megabytes + settings.http_sending_megabytes + settings.payload_max_megabytes

    assert settings.queue_max_megabytes <= settings.payload_max_megabytes
    assert process + held + sockets_and_links <= int(memory.removesuffix("Mi"))


def test_values_reach_the_activators_links() -> None:
    links = "maxUnproved=9,maxUnprovedPerAddress=3,failuresPerMinute=4,reviewsAtOnce=2"
    values = [f"activator.links.{value}" for value in links.split(",")]
    changed = environment_of("activator", "--set=" + ",".join([*values, "activator.payloads.maxMegabytes=17"]))
    settings = ActivatorSettings.from_mapping(changed)

    assert link_limits_of(settings) == LinkLimits(unproved=9, unproved_per_address=3, failures_per_minute=4)
    assert (settings.link_reviews_at_once, limits_of(settings).payload_bytes) == (2, 17 * MEBIBYTE)


def test_the_links_limits_are_the_same_with_and_without_a_chart() -> None:
    charted = ActivatorSettings.from_mapping(environment_of("activator"))

    assert link_limits_of(charted) == link_limits_of(ActivatorSettings()) == LinkLimits()
    assert limits_of(charted) == limits_of(ActivatorSettings()) == Limits(starts_at_once=charted.starts_at_once)


def test_the_ports_that_roles_listen_on_are_those_of_their_containers() -> None:
    settings = ActivatorSettings.from_mapping(environment_of("activator"))
    ports = {port["name"]: port["containerPort"] for port in container_of(rendered_by_default(), "activator")["ports"]}

    assert ports == {"http": settings.http_port, "links": settings.link_port, "health": settings.status_port}


@pytest.mark.parametrize(
    ("version", "size", "boost"), [("1.31.0", "0", "0"), ("1.32.9", "0", "0"), ("1.33.0", "2", "1000"), ("1.34.4-gke.1", "2", "1000")]
)
def test_what_needs_pods_to_be_resized_is_off_where_kubernetes_cannot(version: str, size: str, boost: str) -> None:
    given = {role: environment_of(role, "--kube-version", version) for role in ROLES}

    assert {given[role]["LAMBENT_POOL_SIZE"] for role in ROLES} == {size}
    assert {given[role]["LAMBENT_INIT_BOOST_MILLIS"] for role in ("controller", "activator")} == {boost}
