"""The controller's process: a status server from the start, and while it leads, watches and reconciles.

Several replicas may run; one leads, by a Lease. A standby does not import kopf. A leader that loses its lease stops acting at once and
waits for it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from lambent.api.group import API_VERSION, FUNCTIONS, HOST_GRANTS, TRIGGERS
from lambent.api.namespace_limits import NamespaceLimits
from lambent.api.quantity import MIB
from lambent.controller.queue.work_queue import Key
from lambent.controller.queue.workers import Workers
from lambent.controller.reconcilers import Reconcilers
from lambent.controller.resources.installation import Installation, PodNetwork, Pools, RuntimeImage
from lambent.controller.watch.children import ChildWatches
from lambent.controller.watch.grants import watch_grants
from lambent.controller.watch.survey import Survey
from lambent.controller.writes.execution import Executor
from lambent.kube.client import KubeClient
from lambent.kube.errors import KubeError, NotFoundError
from lambent.kube.events import EventRecorder
from lambent.kube.lease import LeaderElection
from lambent.kube.paths import collection_path
from lambent.settings.controller import ControllerSettings
from lambent.tasks.supervisor import Failed, Supervisor
from lambent.telemetry.background_metrics import BackgroundMetrics
from lambent.telemetry.controller_metrics import ControllerMetrics
from lambent.telemetry.registry import build_registry
from lambent.telemetry.status_server import StatusServer

logger: Final = logging.getLogger(__name__)
COMPONENT: Final = "lambent-controller"
DEFINITIONS_SECONDS: Final = 2.0
"""How often definitions that are missing are looked for."""
SURVEY_SECONDS: Final = 5.0
"""From the start of the watches until all is looked at that no event told of."""
LOOK_SECONDS: Final = 0.25
"""How often a leader looks whether it still leads."""


async def run(settings: ControllerSettings) -> None:
    """Run until cancelled."""
    registry = build_registry()
    metrics = ControllerMetrics(registry)
    async with (
        KubeClient.from_environment(settings.kube_environment, user_agent=COMPONENT) as client,
        StatusServer(settings.status_port, registry),
    ):
        election = LeaderElection(client, settings.namespace, COMPONENT, settings.pod_name, on_change=metrics.leading.set)
        failed = BackgroundMetrics(registry).failed
        background = Supervisor(failed)

        async def lead_in_turn() -> None:
            while True:
                await election.wait_until_leader()
                await _lead_while(election, functools.partial(_lead, settings, client, metrics, election, failed))

        background.start("election", election.run)
        background.start("leading", lead_in_turn, restart=False)
        try:
            await background.wait()
        finally:
            await background.close()


async def _lead_while(election: LeaderElection, lead: Callable[[], Awaitable[None]]) -> None:
    """Act until the lease is lost."""
    acting = asyncio.ensure_future(lead())
    try:
        while election.is_leader:
            await asyncio.wait([acting], timeout=LOOK_SECONDS)
            if acting.done():
                await acting
                raise RuntimeError("the controller's watches have ended by themselves")
    finally:
        acting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await acting


async def _lead(
    settings: ControllerSettings, client: KubeClient, metrics: ControllerMetrics, election: LeaderElection, failed: Failed
) -> None:
    from lambent.controller.watch import user_objects as watches  # noqa: PLC0415 - kopf is for the one that leads

    events = EventRecorder(client, COMPONENT, settings.pod_name)
    executor = Executor(client, events, metrics)

    async def reconcile(key: Key) -> float | None:
        return await reconcilers.reconcile(key)

    workers = Workers(reconcile, settings.workers, metrics)
    reconcilers = Reconcilers(client, executor, build_installation(settings), _now, workers.add, lambda: election.is_leader)
    metrics.watch_beyond(reconcilers.beyond)
    survey = Survey(client, reconcilers.functions, reconcilers.add, workers.is_busy, metrics.surveys.inc)

    def may_have_missed() -> None:
        reconcilers.forget()
        survey.ask()

    children = ChildWatches(client, reconcilers.add, reconcilers.hear, reconcilers.compare, may_have_missed)

    async def watches_have_begun() -> None:
        await wait_for_definitions(client)
        await children.begun.wait()
        # What users have changed while nobody led is read first, and reading it takes all that one process can do.
        await asyncio.sleep(SURVEY_SECONDS)

    async def watch_users() -> None:
        # What ended while nobody watched left no event.
        survey.ask()
        await watches.run_watches(reconcilers.change, login, reconcilers.note_trigger, reconcilers.note_function)

    login = watches.log_in_by_kubeconfig
    if not settings.kubeconfig and settings.kubernetes_host:
        host = f"[{settings.kubernetes_host}]" if ":" in settings.kubernetes_host else settings.kubernetes_host
        login = functools.partial(watches.log_in_by_service_account, f"https://{host}:{settings.kubernetes_port}")
    background = Supervisor(failed)
    # A key that is being worked on when its worker fails would never be worked on again; and watches that begin anew may have missed what
    # only a whole look finds. So the process begins anew, which costs seconds in which nothing is lost.
    background.start("workers", workers.run, restart=False)
    background.start("watch of users' objects", functools.partial(_watch, client, watch_users), restart=False)
    background.start("watch of HostGrants", functools.partial(watch_grants, client, reconcilers.set_grants))
    background.start("watch of children", children.run, restart=False)
    background.start("survey", functools.partial(survey.run, watches_have_begun))
    try:
        await background.wait()
    finally:
        await background.close()


async def _watch(client: KubeClient, run_watches: Callable[[], Awaitable[None]]) -> None:
    """Watch without end. kopf gives up where a kind is not there, as between an API server's start and its definitions'."""
    while True:
        await wait_for_definitions(client)
        try:
            await run_watches()
            logger.warning("the watches have ended; starting them anew")
        except Exception:
            # Whatever it was that kopf could not go on with, deaf is the one thing that a controller must not be.
            logger.exception("the watches have failed; starting them anew")
        await asyncio.sleep(DEFINITIONS_SECONDS)


async def wait_for_definitions(client: KubeClient) -> None:
    """Return when the API server serves Functions, Triggers and HostGrants: kopf looks once, and watches what there is then."""
    told = False
    for plural in (FUNCTIONS, TRIGGERS, HOST_GRANTS):
        while True:
            try:
                await client.list(collection_path(API_VERSION, plural), limit=1)
                break
            except NotFoundError:
                if not told:
                    logger.warning("waiting for the custom resource definitions: kubectl apply --server-side -f crds/")
                told = True
            except KubeError as error:
                logger.warning("waiting for the API server", extra={"error": str(error)})
            await asyncio.sleep(DEFINITIONS_SECONDS)


def build_installation(settings: ControllerSettings) -> Installation:
    """What builders need of the settings."""
    return Installation(
        namespace=settings.namespace,
        cluster_domain=settings.cluster_domain,
        region=settings.region,
        domain=settings.domain,
        activator_service=settings.activator_service,
        links_service=settings.links_service,
        own_services=(settings.activator_service, settings.links_service, settings.lambda_api_service, settings.public_service),
        links_port=settings.links_port,
        runtimes={name: RuntimeImage(*runtime) for name, runtime in settings.runtime_images().items()},
        image_pull_policy=settings.image_pull_policy,
        limits=NamespaceLimits(
            settings.namespace_max_functions,
            settings.namespace_max_triggers,
            settings.namespace_max_inline_megabytes * MIB,
        ),
        changes_per_second=settings.namespace_changes_per_second,
        cpu_request_percent=settings.cpu_request_percent,
        init_boost_millis=settings.init_boost_millis,
        pools=Pools(
            size=settings.pool_size,
            max_memory_bytes=settings.pool_max_memory_mib * MIB,
            cpu_request_millis=settings.pool_cpu_request_millis,
            memory_request_bytes=settings.pool_memory_request_mib * MIB,
        ),
        pod_network=PodNetwork(**settings.pod_network_fields()),
    )


def _now() -> datetime:
    return datetime.now(UTC)
