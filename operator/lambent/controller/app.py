"""The controller's process: a status server from the start, and while it leads, watches and reconciles.

Several replicas may run; one leads, by a Lease. A standby does not import kopf. A leader that loses its lease stops acting at once and
waits for it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from lambent.api.function import Function
from lambent.api.group import API_VERSION, FUNCTIONS, TRIGGERS
from lambent.api.quantity import MIB
from lambent.controller.child_watches import ChildWatches
from lambent.controller.execution import Executor
from lambent.controller.options import Installation, Pools, RuntimeImage
from lambent.controller.pool_index import Pool, PoolIndex, pool_of
from lambent.controller.pool_reconcile import PoolReconciler
from lambent.controller.reconcile import FunctionReconciler
from lambent.controller.survey import Survey
from lambent.controller.trigger_index import Name, TriggerIndex
from lambent.controller.trigger_reconcile import TriggerReconciler
from lambent.controller.views import Counts
from lambent.controller.work_queue import Key
from lambent.controller.workers import Workers
from lambent.kube.client import KubeClient
from lambent.kube.errors import KubeError, NotFoundError
from lambent.kube.events import EventRecorder
from lambent.kube.lease import LeaderElection
from lambent.kube.paths import collection_path
from lambent.settings.controller import ControllerSettings
from lambent.telemetry.controller_metrics import ControllerMetrics
from lambent.telemetry.registry import build_registry
from lambent.telemetry.status_server import StatusServer

logger: Final = logging.getLogger(__name__)
COMPONENT: Final = "lambent-controller"
FUNCTION: Final = "Function"
TRIGGER: Final = "Trigger"
POOL: Final = "Pool"
UNUSED_POOL_SECONDS: Final = 30.0
"""A pool outlives its last Function by this: who deletes a Function often applies it again."""
RESYNC_SECONDS: Final = 1800.0
"""Each Trigger and pool is looked at again after this to one and a half times this, should an event have been missed."""
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
        async with asyncio.TaskGroup() as group:
            group.create_task(election.run())
            while True:
                await election.wait_until_leader()
                await _lead_while(election, functools.partial(_lead, settings, client, metrics, election))


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


async def _lead(settings: ControllerSettings, client: KubeClient, metrics: ControllerMetrics, election: LeaderElection) -> None:
    from lambent.controller import watches  # noqa: PLC0415 - kopf is for the one that leads

    events = EventRecorder(client, COMPONENT, settings.pod_name)
    executor = Executor(client, events, metrics)
    index = TriggerIndex()
    installation = build_installation(settings)
    pool_index = PoolIndex()
    pools = PoolReconciler(client, executor, installation, pool_index)

    def note_function(namespace: str, name: str, function: Function | None) -> None:
        for pool in pool_index.note((namespace, name), pool_of(function, installation) if function is not None else None):
            workers.add(Key(POOL, *pool), 0.0 if pool_index.is_used(pool) else UNUSED_POOL_SECONDS)

    functions = FunctionReconciler(client, executor, installation, _now, note_function)

    def requeue_trigger(name: Name) -> None:
        workers.add(Key(TRIGGER, *name))

    triggers = TriggerReconciler(client, executor, index, _now, requeue_trigger)

    async def reconcile(key: Key) -> float | None:
        if not election.is_leader:
            # Whoever leads next begins with a look at everything.
            return None
        if key.kind == TRIGGER:
            return _resync_seconds() if await triggers.reconcile(key.namespace, key.name) else None
        if key.kind == POOL:
            again = await pools.reconcile(Pool(key.namespace, key.name))
            return again if again is not None or not pool_index.is_used(Pool(key.namespace, key.name)) else _resync_seconds()
        existed = functions.knows(key.namespace, key.name)
        again = await functions.reconcile(key.namespace, key.name)
        if existed != functions.knows(key.namespace, key.name):
            for name in index.calling((key.namespace, key.name)):
                requeue_trigger(name)
        return again

    workers = Workers(reconcile, settings.workers, metrics)

    def add(key: Key, delay: float = 0.0) -> None:
        if key.kind == FUNCTION:
            functions.disturb(key.namespace, key.name)
        workers.add(key, delay)

    def hear(key: Key, counts: Counts | None, delay: float) -> None:
        if key.kind != FUNCTION or functions.hear(key.namespace, key.name, counts):
            workers.add(key, delay)

    survey = Survey(client, functions, add, workers.is_busy, metrics.surveys.inc)
    children = ChildWatches(client, add, hear, survey.ask)

    async def watches_have_begun() -> None:
        await wait_for_definitions(client)
        await children.begun.wait()
        # What users have changed while nobody led is read first, and reading it takes all that one process can do.
        await asyncio.sleep(SURVEY_SECONDS)

    async def watch_users() -> None:
        # What ended while nobody watched left no event.
        survey.ask()
        await watches.run_watches(add, login)

    login = watches.log_in_by_kubeconfig
    if not settings.kubeconfig and settings.kubernetes_host:
        host = f"[{settings.kubernetes_host}]" if ":" in settings.kubernetes_host else settings.kubernetes_host
        login = functools.partial(watches.log_in_by_service_account, f"https://{host}:{settings.kubernetes_port}")
    async with asyncio.TaskGroup() as group:
        group.create_task(workers.run())
        group.create_task(_watch(client, watch_users))
        group.create_task(children.run())
        group.create_task(survey.run(watches_have_begun))


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
    """Return when the API server serves Functions and Triggers: kopf looks once, and watches what there is then."""
    told = False
    for plural in (FUNCTIONS, TRIGGERS):
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
        links_port=settings.links_port,
        runtimes={name: RuntimeImage(*runtime) for name, runtime in settings.runtime_images().items()},
        image_pull_policy=settings.image_pull_policy,
        cpu_request_percent=settings.cpu_request_percent,
        init_boost_millis=settings.init_boost_millis,
        pools=Pools(
            size=settings.pool_size,
            max_memory_bytes=settings.pool_max_memory_mib * MIB,
            cpu_request_millis=settings.pool_cpu_request_millis,
            memory_request_bytes=settings.pool_memory_request_mib * MIB,
        ),
    )


def _resync_seconds() -> float:
    return RESYNC_SECONDS * random.uniform(1.0, 1.5)  # noqa: S311 - spreads the looks over time, no secret


def _now() -> datetime:
    return datetime.now(UTC)
