"""What the controller may do is what it does: each call it makes, in a history that meets every branch, and nothing else."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from prometheus_client import CollectorRegistry

from lambent.api.group import HOST_GRANTS
from lambent.controller import app, permissions
from lambent.controller.function.reconcile import FunctionReconciler
from lambent.controller.pool.reconcile import PoolReconciler
from lambent.controller.resources.pool_index import Pool, PoolIndex
from lambent.controller.trigger.index import TriggerIndex
from lambent.controller.trigger.reconcile import TriggerReconciler
from lambent.controller.watch import user_objects as watches
from lambent.controller.watch.child_news import RESOURCES
from lambent.controller.writes.execution import Executor
from lambent.kube.client import KubeClient
from lambent.kube.events import EventRecorder
from lambent.kube.lease import LeaderElection
from lambent.telemetry.controller_metrics import ControllerMetrics
from tests.support.controller_api import ControllerApi
from tests.support.controller_world import INSTALLATION, a_manifest
from tests.support.fake_kube import FakeKube

Permissions = dict[tuple[str, str], set[str]]
VERBS = {"GET": "get", "LIST": "list", "POST": "create", "PATCH": "patch", "DELETE": "delete", "PUT": "update"}
PATH = re.compile(r"/api(?:s/(?P<group>[^/]+))?/v[^/]+(?:/namespaces/[^/]+)?/(?P<plural>[a-z]+)(?:/[^/]+(?P<subresource>/[a-z]+)?)?")
ASKED_FOR_BY_ADMISSION = {("lambent.dev", "functions/finalizers"): {"update"}}
"""OwnerReferencesPermissionEnforcement looks for this where an owner reference blocks its owner's deletion; no call is made by it."""

FUNCTION = "/apis/lambent.dev/v1alpha1/namespaces/default/functions/hello"
POOL = "lambent-pool-python3-11"
TRIGGER = "/apis/lambent.dev/v1alpha1/namespaces/default/triggers/orders"


def permissions_of(calls: list[tuple[str, str]]) -> Permissions:
    found: Permissions = {}
    for method, path in calls:
        match = PATH.fullmatch(path)
        assert match is not None, path
        resource = match["plural"] + (match["subresource"] or "")
        found.setdefault((match["group"] or "", resource), set()).add(VERBS[method])
    return found


class History:
    """Reconciles over an API server in memory."""

    def __init__(self) -> None:
        self.api = ControllerApi()
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        client = cast("KubeClient", self.api)
        recorder = EventRecorder(client, "lambent-controller", "test", clock=lambda: self.now)
        executor = Executor(client, recorder, ControllerMetrics(CollectorRegistry()))
        self.functions = FunctionReconciler(client, executor, INSTALLATION, lambda: self.now)
        self.triggers = TriggerReconciler(client, executor, TriggerIndex(), lambda: self.now, lambda _: None)
        self.pool_index = PoolIndex()
        self.pools = PoolReconciler(client, executor, INSTALLATION, self.pool_index)

    def settle(self) -> None:
        for _ in range(5):
            self.functions.disturb("default", "hello")
            asyncio.run(self.functions.reconcile("default", "hello"))
            self.now += timedelta(seconds=1)

    def initialize(self) -> None:
        stored = self.api.objects[FUNCTION]
        revision = stored["status"]["latestRevision"]
        self.api.put(FUNCTION, {**stored, "status": {**stored["status"], "initialization": {"revision": revision, "outcome": "Succeeded"}}})

    def use_pool(self, pool: Pool | None) -> None:
        self.pool_index.note(("default", "hello"), pool)
        asyncio.run(self.pools.reconcile(Pool("default", "python3.11")))

    def edit(self, **spec: Any) -> None:
        stored = self.api.objects[FUNCTION]
        metadata = {**stored["metadata"], "generation": stored["metadata"]["generation"] + 1}
        self.api.put(FUNCTION, {**stored, "metadata": metadata, "spec": {**stored["spec"], **spec}})


def calls_of_reconciles() -> list[tuple[str, str]]:
    history = History()
    api = history.api
    asyncio.run(app.wait_for_definitions(cast("KubeClient", api)))
    api.put(FUNCTION, a_manifest(code={"configMap": {"name": "code"}}))
    history.settle()
    api.put("/api/v1/namespaces/default/configmaps/code", {"metadata": {"name": "code"}, "data": {"app.py": "1"}})
    history.settle()
    history.initialize()
    history.settle()
    # New code, proved on a candidate, then in the Deployment; the candidate and the old code go.
    history.edit(handler="other.handler", code={"inline": {"app.py": "2"}})
    history.settle()
    history.initialize()
    api.objects["/apis/apps/v1/namespaces/default/deployments/hello"]["spec"]["replicas"] = 0
    history.settle()
    # Put right what somebody changed.
    api.objects["/api/v1/namespaces/default/services/hello"]["spec"]["externalName"] = "x"
    api.objects["/apis/networking.k8s.io/v1/namespaces/default/networkpolicies/hello"]["spec"]["ingress"] = []
    history.settle()
    # Without a URL there is no Service.
    history.edit(url={"access": "none"})
    history.settle()
    # One trouble twice within ten minutes is one Event that is counted.
    for layers in (["x"], [], ["x"]):
        history.edit(layers=layers)
        history.settle()
        history.now += timedelta(seconds=1)
    # A pool for it, put right, and removed when no Function may use it any more.
    for _ in range(2):
        history.use_pool(Pool("default", "python3.11"))
        api.objects[f"/apis/apps/v1/namespaces/default/deployments/{POOL}"]["spec"]["template"]["metadata"]["labels"] = {}
        api.objects[f"/apis/networking.k8s.io/v1/namespaces/default/networkpolicies/{POOL}"]["spec"]["ingress"] = []
    history.edit(serviceAccountName="reader")
    history.use_pool(None)
    assert not any(path.endswith(POOL) for path in api.objects)
    body = {"apiVersion": "lambent.dev/v1alpha1", "kind": "Trigger", "metadata": {"name": "orders", "namespace": "default"}}
    api.put(TRIGGER, {**body, "spec": {"function": {"name": "hello"}, "http": {}}})
    asyncio.run(history.triggers.reconcile("default", "orders"))
    return api.calls


def permissions_of_watches() -> Permissions:
    registry = watches.build_registry(lambda *_: None, lambda: None)
    found: Permissions = {("lambent.dev", HOST_GRANTS): {"list", "watch"}}
    for handler in registry._watching.get_all_handlers():
        selector = handler.selector
        found[selector.group or "", selector.any_name or selector.plural or ""] = {"list", "watch"}
    for resource in RESOURCES:
        found[resource.group_version.rpartition("/")[0], resource.plural] = {"list", "watch"}
    return found


def permissions_of_the_lease() -> Permissions:
    kube = FakeKube()

    async def lead() -> None:
        election = LeaderElection(cast("KubeClient", kube), "lambent-system", "lambent-controller", "one")
        running = asyncio.create_task(election.run())
        await election.wait_until_leader()
        # Its end gives the lease up: an update.
        running.cancel()
        await asyncio.wait([running])

    asyncio.run(lead())
    return permissions_of([(method, path) for method, path, _ in kube.calls])


def test_in_all_namespaces() -> None:
    made = permissions_of(calls_of_reconciles())
    for key, verbs in (*permissions_of_watches().items(), *ASKED_FOR_BY_ADMISSION.items()):
        made.setdefault(key, set()).update(verbs)

    assert made == {key: set(verbs) for key, verbs in permissions.CLUSTER.items()}


def test_in_its_own_namespace() -> None:
    assert permissions_of_the_lease() == {key: set(verbs) for key, verbs in permissions.OWN_NAMESPACE.items()}
