"""`python -m lambent autoscaler`: wiring. Cancelling `run` stops it and gives the lease up."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Final

from lambent.api.group import API_VERSION, FUNCTIONS, LABEL_FUNCTION, TOKEN_AUDIENCE
from lambent.api.quantity import MIB
from lambent.autoscaler.autoscaler import Autoscaler
from lambent.autoscaler.functions.applier import FIELD_MANAGER, Applier
from lambent.autoscaler.functions.decision import Policy
from lambent.autoscaler.functions.fleet import Fleet
from lambent.autoscaler.functions.last_invoked import InvocationLog, stamp, write_last_invoked
from lambent.autoscaler.functions.observed import FunctionView
from lambent.autoscaler.functions.views import view_deployment, view_function
from lambent.autoscaler.pools.applier import PoolApplier
from lambent.autoscaler.pools.fleet import PoolFleet
from lambent.autoscaler.pools.reconciler import PoolReconciler
from lambent.autoscaler.pools.size import PoolPolicy
from lambent.autoscaler.pools.views import PoolUser, is_refused, view_user
from lambent.autoscaler.receiver import StatisticsReceiver
from lambent.autoscaler.statistics import FunctionKey
from lambent.kube.client import Json, KubeClient
from lambent.kube.errors import KubeError
from lambent.kube.lease import LeaderElection
from lambent.kube.lease_decision import LeaseSettings
from lambent.kube.paths import collection_path
from lambent.kube.token_cache import TokenCache
from lambent.kube.tokens import review_token
from lambent.kube.watch import Deleted, Listed, watch_objects
from lambent.settings.autoscaler import AutoscalerSettings
from lambent.tasks.supervisor import Supervisor
from lambent.telemetry.autoscaler_metrics import AutoscalerMetrics
from lambent.telemetry.background_metrics import BackgroundMetrics
from lambent.telemetry.registry import build_registry
from lambent.telemetry.status_server import StatusServer

logger: Final = logging.getLogger(__name__)
LEASE: Final = "lambent-autoscaler"
_clock: Final = time.monotonic


async def run(settings: AutoscalerSettings) -> None:
    """Serve until cancelled. Raises NoClusterError without a cluster, OSError where a port is taken."""
    registry = build_registry()
    metrics = AutoscalerMetrics(registry)
    policy = Policy(settings.max_scale_up_rate, settings.max_scale_down_rate, settings.scale_down_delay_seconds, settings.starts_at_once)
    fleet = Fleet(policy, least_seconds=settings.least_decision_seconds)
    pools = PoolFleet(PoolPolicy(settings.pool_size, settings.pool_max_size, settings.pool_idle_seconds))
    autoscaler = Autoscaler(fleet, pools, metrics, _clock, asyncio.get_running_loop().call_later)
    waiting_for = {"functions", "deployments"}
    failed = BackgroundMetrics(registry).failed
    background = Supervisor(failed)

    async with KubeClient.from_environment(settings.kube_environment, user_agent="lambent-autoscaler") as client:
        lease = LeaseSettings(settings.lease_seconds, settings.renew_deadline_seconds)
        election = LeaderElection(client, settings.namespace, LEASE, settings.pod_name, lease, on_change=metrics.leader.set)
        applier = Applier(client, lambda: election.is_leader, autoscaler.done, autoscaler.failed, clock=_clock, count_failure=failed)
        autoscaler.orders = applier
        pool_applier = PoolApplier(client, lambda: election.is_leader, pools, metrics, _clock, failed)
        tokens = TokenCache(partial(review_token, client, audience=TOKEN_AUDIENCE))
        allowed = (settings.namespace, settings.activator_service_account)
        receiver = StatisticsReceiver(settings.statistics_port, tokens.identify, allowed, autoscaler.receive)
        ready = {"watches": lambda: f"not listed yet: {', '.join(sorted(waiting_for))}" if waiting_for else None}
        try:
            async with StatusServer(settings.status_port, registry, ready=ready), receiver:
                background.start("election", election.run)
                pooled_bytes = settings.pool_max_memory_mib * MIB if settings.pool_size > 0 else 0
                reconciler = PoolReconciler(client, pools, pool_applier, metrics, _clock, lambda: "functions" not in waiting_for)
                watch_functions = partial(_watch_functions, client, fleet, pools, pooled_bytes, waiting_for, reconciler.wake)
                background.start("watch of Functions", watch_functions)
                background.start("watch of Deployments", partial(_watch_deployments, client, fleet, pools, waiting_for, reconciler.wake))
                background.start("clock", partial(_tick, autoscaler, settings.tick_seconds, waiting_for))
                background.start("last invocations", partial(_tell_last_invoked, client, election, fleet))
                if settings.pool_size > 0:
                    background.start("watch of pools", reconciler.watch_pools)
                    background.start("watch of generic pods", reconciler.watch_pods)
                    background.start("pools", partial(reconciler.tend, settings.tick_seconds))
                await background.wait()
        finally:
            await background.close()
            await asyncio.gather(applier.close(), pool_applier.close())


async def _watch_functions(
    client: KubeClient, fleet: Fleet, pools: PoolFleet, pooled_bytes: int, waiting_for: set[str], wake: Callable[[], None]
) -> None:
    """`pooled_bytes`: the largest memory of a function that takes pods of a pool; 0: none does. `wake`: there is something to decide."""

    def keep(body: Json) -> tuple[FunctionKey, FunctionView | None, PoolUser | None, bool]:
        user, refused = (view_user(body, pooled_bytes), is_refused(body)) if pooled_bytes else (None, False)
        return (*view_function(body), user, refused)

    async for event in watch_objects(client, collection_path(API_VERSION, FUNCTIONS), keep=keep):
        now, epoch_now = _clock(), time.time()
        if isinstance(event, Listed):
            found = [key for key, _, _, _ in event.items]
            fleet.keep_functions(found, now)
            pools.keep_users(found)
            pools.keep_refused("Function", found, now)
        items = event.items if isinstance(event, Listed) else (event.item,)
        gone = isinstance(event, Deleted)
        for key, view, user, refused in items:
            fleet.set_function(key, None if gone else view, now)
            pools.set_user(key, None if gone else user, now, epoch_now)
            if pools.set_refused(key, "Function", now, refused=refused and not gone):
                wake()
        if isinstance(event, Listed):
            waiting_for.discard("functions")


async def _watch_deployments(client: KubeClient, fleet: Fleet, pools: PoolFleet, waiting_for: set[str], wake: Callable[[], None]) -> None:
    """`wake`: there is something to decide."""
    path = collection_path("apps/v1", "deployments")
    async for event in watch_objects(client, path, label_selector=LABEL_FUNCTION, keep=view_deployment):
        now = _clock()
        if isinstance(event, Listed):
            found = [key for key, _ in event.items]
            fleet.keep_deployments(found, now)
            pools.keep_refused("Deployment", found, now)
        items = event.items if isinstance(event, Listed) else (event.item,)
        gone = isinstance(event, Deleted)
        for key, view in items:
            fleet.set_deployment(key, None if gone else view, now)
            if pools.set_refused(key, "Deployment", now, refused=view.refused and not gone):
                wake()
        if isinstance(event, Listed):
            waiting_for.discard("deployments")


async def _tick(autoscaler: Autoscaler, seconds: float, waiting_for: set[str]) -> None:
    while True:
        await asyncio.sleep(seconds)
        if not waiting_for:
            autoscaler.tick()


async def _tell_last_invoked(client: KubeClient, election: LeaderElection, fleet: Fleet) -> None:
    """One field in a status, now and then; a failure costs no more than its being out of date."""
    log = InvocationLog()
    while True:
        await asyncio.sleep(1.0)
        if not election.is_leader:
            continue
        now = _clock()
        for key, invoked_at in fleet.last_invocations().items():
            if not log.is_due(key, invoked_at, now, at_zero=fleet.is_at_zero(key)):
                continue
            log.note_written(key, invoked_at, now)
            try:
                await write_last_invoked(client, key, stamp(invoked_at, now, datetime.now(UTC)), FIELD_MANAGER)
            except KubeError as error:
                logger.info("lastInvoked not written", extra={"function": str(key), "error": str(error)})
        log.keep(fleet.keys())
