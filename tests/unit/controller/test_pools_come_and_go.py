"""A pool is there while a Function may use it, is put right, and touches nothing of anybody else's."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from lambent.api.functions.function import Function, parse_function
from lambent.controller.function.reconcile import FunctionReconciler
from lambent.controller.pool.reconcile import PAGE, REFUSED_SECONDS, TOLD_FUNCTIONS, PoolReconciler
from lambent.controller.resources.installation import Installation, Pools
from lambent.controller.resources.labels import object_labels
from lambent.controller.resources.pool_index import Pool, PoolIndex, pool_of
from lambent.controller.writes.execution import Executor
from lambent.kube.client import KubeClient
from lambent.kube.errors import ForbiddenError
from lambent.kube.events import EventRecorder
from lambent.telemetry.controller_metrics import ControllerMetrics
from tests.support.controller_api import ControllerApi
from tests.support.controller_world import INSTALLATION, a_manifest

POOL = Pool("default", "python3.11")
DEPLOYMENT = "/apis/apps/v1/namespaces/default/deployments/lambent-pool-python3-11"
POLICY = "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies/lambent-pool-python3-11"
FUNCTIONS = "/apis/lambent.dev/v1alpha1/namespaces/default/functions"
WITHOUT_POOLS = replace(INSTALLATION, pools=Pools(size=0))


class Keeper:
    """A PoolReconciler over an API server in memory."""

    def __init__(self, api: ControllerApi | None = None, installation: Installation = INSTALLATION) -> None:
        self.api = api or ControllerApi()
        self.installation = installation
        self.index = PoolIndex()
        client = cast("KubeClient", self.api)
        events = EventRecorder(client, "lambent-controller", "test", clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))
        self.executor = Executor(client, events, ControllerMetrics(CollectorRegistry()))
        self.pools = PoolReconciler(client, self.executor, installation, self.index)

    def see(self, **spec: Any) -> frozenset[Pool]:
        manifest = a_manifest(**spec)
        self.api.put(f"{FUNCTIONS}/hello", manifest)
        return self.index.note(("default", "hello"), pool_of(parse_function(manifest), self.installation))

    def delete(self) -> frozenset[Pool]:
        del self.api.objects[f"{FUNCTIONS}/hello"]
        return self.index.note(("default", "hello"), None)

    def reconcile(self) -> float | None:
        return asyncio.run(self.pools.reconcile(POOL))

    @property
    def made(self) -> set[str]:
        return {path for path in self.api.objects if path.endswith("lambent-pool-python3-11")}


def test_a_pool_comes_with_the_first_function_that_may_use_it_and_goes_with_the_last() -> None:
    keeper = Keeper()

    assert keeper.see() == {POOL}
    assert keeper.reconcile() is None
    assert keeper.made == {DEPLOYMENT, POLICY}
    assert keeper.api.objects[DEPLOYMENT]["spec"]["replicas"] == 2
    assert next(path for _, path in keeper.api.writes()).endswith("networkpolicies"), "no pod is open for even a moment"

    assert keeper.delete() == {POOL}
    keeper.reconcile()
    assert keeper.made == set()


def test_a_function_that_may_use_none_keeps_none() -> None:
    keeper = Keeper()

    assert keeper.see(serviceAccountName="reader") == frozenset()
    keeper.reconcile()

    assert keeper.made == set()


@pytest.mark.parametrize(
    "spec",
    [
        {"runtime": "python3.13"},
        {"runtime": "nodejs20"},
        {"layers": ["x"]},
        {"memory": "2Gi"},
        {"runtime": None, "code": None, "image": "team/fn:1"},
        {"async": {"maxRetries": 1}},
    ],
)
def test_what_this_installation_cannot_start_needs_no_pool(spec: dict[str, Any]) -> None:
    assert pool_of(parse_function(a_manifest(**spec)), INSTALLATION) is None


def test_a_pool_at_rest_costs_two_reads() -> None:
    keeper = Keeper()
    keeper.see()
    keeper.reconcile()
    keeper.api.calls.clear()

    keeper.reconcile()

    assert sorted(keeper.api.calls) == [("GET", DEPLOYMENT), ("GET", POLICY)]


def test_its_scale_is_the_autoscalers_and_the_rest_is_put_right() -> None:
    keeper = Keeper()
    keeper.see()
    keeper.reconcile()
    keeper.api.objects[DEPLOYMENT]["spec"]["replicas"] = 7
    del keeper.api.objects[DEPLOYMENT]["spec"]["template"]["spec"]["schedulingGates"]
    keeper.api.objects[POLICY]["spec"]["ingress"] = []

    keeper.reconcile()

    spec = keeper.api.objects[DEPLOYMENT]["spec"]
    assert spec["replicas"] == 7
    assert spec["template"]["spec"]["schedulingGates"] == [{"name": "lambent.dev/refill"}]
    assert keeper.api.objects[POLICY]["spec"]["ingress"] != []


def test_what_a_webhook_adds_is_not_fought() -> None:
    keeper = Keeper()
    keeper.see()
    keeper.reconcile()
    keeper.api.objects[DEPLOYMENT]["spec"]["template"]["spec"]["priorityClassName"] = "added"
    keeper.reconcile()
    # As a webhook would: it comes back with each write.
    put = keeper.api.put

    def with_webhook(path: str, body: dict[str, Any]) -> dict[str, Any]:
        if path == DEPLOYMENT:
            body["spec"]["template"]["spec"]["priorityClassName"] = "added"
        return put(path, body)

    keeper.api.put = with_webhook  # type: ignore[method-assign]
    keeper.api.objects[DEPLOYMENT]["spec"]["template"]["spec"]["priorityClassName"] = "added"
    keeper.reconcile()
    keeper.api.writes()

    keeper.reconcile()

    assert keeper.api.writes() == []


def test_just_after_a_start_nothing_is_removed_that_a_function_uses() -> None:
    before = Keeper()
    before.see()
    before.reconcile()
    for number in range(PAGE + 5):
        body = a_manifest(serviceAccountName="reader")
        before.api.put(f"{FUNCTIONS}/a{number}", {**body, "metadata": {**body["metadata"], "name": f"a{number}"}})
    # The one that uses it comes last, on the second page.
    before.api.objects[f"{FUNCTIONS}/zz"] = before.api.objects.pop(f"{FUNCTIONS}/hello")

    restarted = Keeper(before.api)
    restarted.reconcile()

    assert restarted.made == {DEPLOYMENT, POLICY}


def test_a_pool_whose_last_function_went_while_nobody_looked_is_removed() -> None:
    before = Keeper()
    before.see()
    before.reconcile()
    before.see(serviceAccountName="reader")

    restarted = Keeper(before.api)
    restarted.reconcile()

    assert restarted.made == set()


def test_pools_that_were_turned_off_are_removed_without_asking_who_uses_them() -> None:
    before = Keeper()
    before.see()
    before.reconcile()

    off = Keeper(before.api, WITHOUT_POOLS)
    assert off.see() == frozenset()
    off.api.calls.clear()
    off.reconcile()

    assert off.made == set()
    assert not any(method == "LIST" for method, _ in off.api.calls)


@pytest.mark.parametrize("path", [DEPLOYMENT, POLICY])
@pytest.mark.parametrize("labels", [{}, {"lambent.dev/role": "pool"}, object_labels(parse_function(a_manifest()))])
def test_what_others_call_by_that_name_is_left_alone(path: str, labels: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    keeper = Keeper()
    theirs = {"metadata": {"name": "lambent-pool-python3-11", "labels": labels}, "spec": {"replicas": 1}}
    stored = keeper.api.put(path, theirs)
    keeper.see()

    with caplog.at_level(logging.WARNING):
        keeper.reconcile()
        keeper.reconcile()
    keeper.delete()
    keeper.reconcile()

    assert keeper.made == {path}
    assert keeper.api.objects[path] == stored
    assert [record.message for record in caplog.records] == ["no pool"], "once"


def test_a_refused_pool_is_told_once_and_tried_again() -> None:
    keeper = Keeper()
    keeper.see()
    keeper.api.fail["POST", "deployments"] = ForbiddenError(403, "Forbidden", "exceeded quota: deployments", "")

    assert keeper.reconcile() == REFUSED_SECONDS
    keeper.api.fail.clear()
    assert keeper.reconcile() is None

    assert keeper.made == {DEPLOYMENT, POLICY}


def refuse_pods(keeper: Keeper, message: str) -> None:
    condition = {"type": "ReplicaFailure", "status": "True", "message": message}
    keeper.api.objects[DEPLOYMENT]["status"] = {"conditions": [condition]}


def told(keeper: Keeper) -> list[tuple[str, str, int]]:
    """Kind and name of the object, and how often, of each Event that tells of the pool."""
    events = [body for body in keeper.api.objects.values() if body.get("reason") == "PoolRefused"]
    return sorted((event["involvedObject"]["kind"], event["involvedObject"]["name"], event["count"]) for event in events)


def test_pods_that_a_rule_of_the_namespace_refuses_are_told_where_users_look() -> None:
    keeper = Keeper()
    keeper.see()
    keeper.reconcile()

    for pod in ("x2x7k", "9qzp4"):
        refuse_pods(keeper, f'pods "lambent-pool-python3-11-{pod}" is forbidden: failed quota: cpu: must specify limits.cpu for: function')
        keeper.reconcile()

    assert told(keeper) == [("Deployment", "lambent-pool-python3-11", 1), ("Function", "hello", 1)]
    (text,) = {body["message"] for body in keeper.api.objects.values() if body.get("reason") == "PoolRefused"}
    assert "limits.cpu" in text


def test_a_thousand_functions_are_not_told_one_by_one() -> None:
    keeper = Keeper()
    for number in range(50):
        body = a_manifest()
        body["metadata"]["name"] = f"f{number}"
        keeper.api.put(f"{FUNCTIONS}/f{number}", body)
        keeper.index.note(("default", f"f{number}"), POOL)
    keeper.reconcile()
    refuse_pods(keeper, "minimum cpu usage per Container is 100m, but request is 10m")

    keeper.reconcile()

    assert len(told(keeper)) == 1 + TOLD_FUNCTIONS


def test_a_trouble_that_comes_back_is_told_again() -> None:
    keeper = Keeper()
    keeper.see()
    keeper.reconcile()
    message = "failed quota: cpu: must specify limits.cpu for: function"
    refuse_pods(keeper, message)
    keeper.reconcile()
    keeper.api.objects[DEPLOYMENT]["status"] = {}
    keeper.reconcile()

    refuse_pods(keeper, message)
    keeper.reconcile()

    assert [count for _, _, count in told(keeper)] == [2, 2]


def test_a_namespace_on_its_way_out_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    keeper = Keeper()
    keeper.see()
    message = "unable to create new content in namespace default because it is being terminated"
    keeper.api.fail["POST", "networkpolicies"] = ForbiddenError(403, "Forbidden", message, "")

    with caplog.at_level(logging.WARNING):
        keeper.reconcile()

    assert caplog.records == []


def test_the_reconcile_of_a_function_says_what_there_is_of_it() -> None:
    seen: list[Function | None] = []
    keeper = Keeper()
    now = datetime(2026, 1, 1, tzinfo=UTC)
    client = cast("KubeClient", keeper.api)
    functions = FunctionReconciler(client, keeper.executor, INSTALLATION, lambda: now, lambda *told: seen.append(told[2]))

    for manifest in (a_manifest(), a_manifest(memory="1Ti"), None):
        keeper.api.objects.pop(f"{FUNCTIONS}/hello", None)
        if manifest is not None:
            keeper.api.put(f"{FUNCTIONS}/hello", manifest)
        asyncio.run(functions.reconcile("default", "hello"))

    assert [function is not None for function in seen] == [True, False, False]
