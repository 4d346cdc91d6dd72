"""The activator in a cluster: puts the parts together, runs until cancelled, and leaves without losing a request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from lambent.activator.activator import Activator, PoolAccess
from lambent.activator.admission.admission import Admission
from lambent.activator.admission.model import FunctionKey, Limits
from lambent.activator.catalog.catalog import Configuration
from lambent.activator.cluster.adopter import KubeAdopter
from lambent.activator.cluster.blueprints import KubeBlueprints
from lambent.activator.cluster.gatekeeper import Gatekeeper
from lambent.activator.cluster.peers import watch_peers
from lambent.activator.cluster.provisioner import KubeProvisioner
from lambent.activator.cluster.reporter import KubeReporter
from lambent.activator.cluster.statistics import StatisticsPusher
from lambent.activator.cluster.verifier import KubeVerifier
from lambent.activator.cluster.watcher import Watcher
from lambent.activator.front.limits import FrontLimits
from lambent.activator.gateway.gateway import API_ALONE, EVERY_DOOR, PUBLIC_WEB, WEB_ALONE
from lambent.activator.links.unproved import LinkLimits
from lambent.api.functions.function import Function, FunctionSpec
from lambent.api.functions.status import Initialization
from lambent.api.namespace_limits import NamespaceLimits
from lambent.api.triggers.hosts import Domains, own_hosts
from lambent.kube.client import KubeClient
from lambent.settings.activator import ActivatorSettings
from lambent.telemetry.activator_metrics import ActivatorMetrics
from lambent.telemetry.background_metrics import BackgroundMetrics
from lambent.telemetry.registry import build_registry
from lambent.telemetry.status_server import StatusServer

MEBIBYTE = 1024 * 1024

_log = logging.getLogger("lambent.activator")


async def run(settings: ActivatorSettings) -> None:
    """Serve until cancelled; then drain."""
    logging.getLogger("picows").setLevel(logging.WARNING)
    registry = build_registry()
    async with KubeClient.from_environment(settings.kube_environment, user_agent="lambent-activator") as client:
        lookup = _Lookup()
        metrics = ActivatorMetrics(registry)
        failed = BackgroundMetrics(registry).failed
        gatekeeper = Gatekeeper(client, lookup.leads, lookup.becoming, metrics, failed=failed)
        provisioner = KubeProvisioner(client, lookup.maximum, gatekeeper, failed=failed)
        reporter = KubeReporter(client, lookup.initialization, lookup.revisions, failed=failed)
        adopter = KubeAdopter(
            client, lookup.spec, settings.cpu_request_percent, settings.init_boost_millis, metrics, gatekeeper, failed=failed
        )
        blueprints = KubeBlueprints(client, lookup.function, settings.region)
        pool = PoolAccess(blueprints, adopter, settings.pool_max_memory_mib * MEBIBYTE) if settings.pool_size else None
        activator = Activator(
            limits_of(settings),
            provisioner,
            KubeVerifier(client, settings.link_reviews_at_once),
            reporter,
            metrics,
            identity=settings.pod_name,
            region=settings.region,
            front_limits=front_limits_of(settings),
            pool=pool,
            trusted_proxies=settings.trusted_proxies,
            failed=failed,
            domains=domains_of(settings),
            link_limits=link_limits_of(settings),
            namespace_limits=namespace_limits_of(settings),
            doors=WEB_ALONE if settings.lambda_api_port else EVERY_DOOR,
        )
        lookup.configuration, lookup.admission = activator.configuration, activator.admission
        watcher = Watcher(client, activator.configuration)
        lifecycle = _Lifecycle()
        ready = {
            "configuration": watcher.not_ready,
            "front": lambda: None if activator.http_port else "requests are not taken yet",
            "lifecycle": lifecycle.not_ready,
        }
        status = StatusServer(settings.status_port, registry, ready=ready)
        peers = partial(watch_peers, client, settings.namespace, settings.links_service, activator.exchange.set_peers)

        async def take_requests() -> None:
            """Once it is known what there is. After a container's restart in its pod, requests may come before the pod's readiness says
            no: to a port that is closed they come again, and an answer that a function is not there would be final."""
            await watcher.listed.wait()
            await activator.start_http(None, settings.http_port)
            if settings.lambda_api_port:
                await activator.open_port(None, settings.lambda_api_port, API_ALONE)
            if settings.public_port:
                await activator.open_port(None, settings.public_port, PUBLIC_WEB)
            _log.info("serving", extra={"http": activator.http_port, "links": activator.link_port, "status": status.port})
            await asyncio.Event().wait()

        background: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "watch of Functions": watcher.watch_functions,
            "watch of Triggers": watcher.watch_triggers,
            "watch of HostGrants": watcher.watch_grants,
            "watch of starting pods": gatekeeper.watch,
            "start gates": gatekeeper.tend,
            "watch of activators": peers,
            "front": take_requests,
        }
        if settings.autoscaler:
            pusher = StatisticsPusher(
                settings.autoscaler,
                settings.pod_name,
                settings.statistics_seconds,
                activator.admission.read_statistics,
                Path(settings.token_file),
                failed=failed,
            )
            background["statistics"] = pusher.run
        async with status:
            await activator.start_links(None, settings.link_port)
            for name, task in background.items():
                activator.background.start(name, task)
            try:
                # This process must not pretend to serve where one of them cannot go on.
                await activator.background.wait()
            finally:
                lifecycle.leaving = True
                await _leave(activator, settings)
                await adopter.close()
                await gatekeeper.close()
                await provisioner.close()
                await reporter.close()


async def _leave(activator: Activator, settings: ActivatorSettings) -> None:
    """Requests still come for a moment after SIGTERM: take them, and end kept connections with them; then take none, and answer what is
    under way."""
    _log.info("leaving", extra={"queued": activator.admission.queued, "running": activator.admission.running})
    activator.say_goodbye()
    await asyncio.sleep(settings.settle_seconds)
    await activator.close(settings.drain_seconds)


def limits_of(settings: ActivatorSettings) -> Limits:
    """Bounds for admission."""
    return Limits(
        queue_count=settings.queue_max_invocations,
        queue_bytes=settings.queue_max_megabytes * MEBIBYTE,
        queue_seconds=settings.queue_seconds,
        payload_bytes=settings.payload_max_megabytes * MEBIBYTE,
        start_patience_seconds=settings.start_patience_seconds,
        starts_at_once=settings.starts_at_once,
        start_retry_seconds=settings.start_retry_seconds,
    )


def domains_of(settings: ActivatorSettings) -> Domains:
    """Hosts that are the installation's own."""
    services = (settings.activator_service, settings.links_service, settings.lambda_api_service, settings.public_service)
    own = own_hosts(settings.namespace, services, settings.cluster_domain)
    return Domains(settings.cluster_domain, settings.domain.lower(), own)


def link_limits_of(settings: ActivatorSettings) -> LinkLimits:
    """Bounds for shims that have not proved themselves."""
    return LinkLimits(
        unproved=settings.links_unproved,
        unproved_per_address=settings.links_unproved_per_address,
        failures_per_minute=settings.link_failures_per_minute,
    )


def namespace_limits_of(settings: ActivatorSettings) -> NamespaceLimits:
    """Bounds for what one namespace may have all activators hold."""
    inline_bytes = settings.namespace_max_inline_megabytes * MEBIBYTE
    return NamespaceLimits(settings.namespace_max_functions, settings.namespace_max_triggers, inline_bytes)


def front_limits_of(settings: ActivatorSettings) -> FrontLimits:
    """Bounds for clients."""
    return FrontLimits(
        connections=settings.http_max_connections,
        receiving_bytes=settings.http_receiving_megabytes * MEBIBYTE,
        sending_bytes=settings.http_sending_megabytes * MEBIBYTE,
        head_seconds=settings.http_head_seconds,
        body_seconds=settings.http_body_seconds,
        keep_alive_seconds=settings.http_keep_alive_seconds,
        stalled_seconds=settings.http_stalled_seconds,
    )


class _Lifecycle:
    """Whether this process is on its way out."""

    leaving = False

    def not_ready(self) -> str | None:
        return "leaving" if self.leaving else None


class _Lookup:
    """What the cluster's edges ask of configuration and admission, which are made after them."""

    configuration: Configuration
    admission: Admission

    def leads(self, key: FunctionKey) -> bool:
        return self.admission.pools.leads(key)

    def becoming(self, key: FunctionKey) -> int:
        return self.admission.count_becoming(key)

    def function(self, key: FunctionKey) -> Function | None:
        return self.configuration.functions.get(key)

    def spec(self, key: FunctionKey) -> FunctionSpec | None:
        function = self.configuration.functions.get(key)
        return function.spec if function is not None else None

    def maximum(self, key: FunctionKey) -> int:
        function = self.configuration.functions.get(key)
        return function.spec.scaling.max_scale if function is not None else 0

    def initialization(self, key: FunctionKey) -> Initialization | None:
        function = self.configuration.functions.get(key)
        return function.status.initialization if function is not None else None

    def revisions(self, key: FunctionKey) -> tuple[str, str] | None:
        function = self.configuration.functions.get(key)
        return (function.status.latest_revision, function.status.ready_revision) if function is not None else None
