"""In a namespace with quotas and limit ranges, functions come first, and what a rule asks for is named by the field that gives it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.framework.kube_api import KubeApi
from tests.e2e.framework.manifests import ECHO, changed, function
from tests.e2e.framework.namespaces import ensure_namespace
from tests.e2e.framework.warm_pool import POOL, came_from_pool, deploy_at_zero, fill_pool, pool_pods
from tests.e2e.framework.workspace import Workspace
from tests.support.waiting import wait_for


def quota(name: str, **hard: str) -> dict[str, Any]:
    spec = {"hard": {resource.replace("_", "."): amount for resource, amount in hard.items()}}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": name}, "spec": spec}


def limit_range(**limits: Any) -> dict[str, Any]:
    spec = {"limits": [{"type": "Container", **limits}]}
    return {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "rules"}, "spec": spec}


@pytest.fixture
def rules(request: pytest.FixtureRequest, workspace: Workspace) -> Iterator[Workspace]:
    """A namespace of the test's own: how often a pool of it had to give way is remembered for a while."""
    number = sorted(item.name for item in request.session.items if item.path == request.path).index(request.node.name)
    name = f"{workspace.namespace}-{number}"
    ensure_namespace(workspace.api, name, "restricted")
    yield Workspace(workspace.api, workspace.http, name, workspace.checkout)
    workspace.api.delete("Namespace", None, name)


def enforce(workspace: Workspace, rule: dict[str, Any]) -> None:
    """Apply a quota, and wait until it counts what there is; or limits, and wait until they refuse a function's pod."""
    workspace.apply(rule)
    name = rule["metadata"]["name"]
    if rule["kind"] == "ResourceQuota":
        wait_for(lambda: set(_used(workspace, name)) == set(rule["spec"]["hard"]), f"the quota {name} to count")
        return
    resources = {"requests": {"cpu": "72m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "try"}, "spec": {"containers": [{"name": "x", "image": "x"}]}}
    pod["spec"]["containers"][0]["resources"] = resources  # type: ignore[index]
    wait_for(lambda: "PodSecurity" not in workspace.refused(pod), "the limits to be in force")


def _used(workspace: Workspace, name: str) -> dict[str, str]:
    found: dict[str, str] = ((workspace.get("ResourceQuota", name) or {}).get("status") or {}).get("used") or {}
    return found


def pool_events(api: KubeApi, namespace: str) -> list[tuple[str, str]]:
    """Kind and name of each object that is told of its pool's trouble."""
    events = [event for event in api.list("Event", namespace) if event["reason"] == "PoolRefused"]
    return sorted((event["involvedObject"]["kind"], event["involvedObject"]["name"]) for event in events)


def test_the_pool_gives_way_to_new_functions_that_a_quota_refuses(rules: Workspace) -> None:
    fill_pool(rules)
    enforce(rules, quota("small", limits_memory="2400Mi"))  # the two generic pods, and 96Mi

    rules.apply(*(function(f"new-{number}", ECHO) for number in range(3)))

    for number in range(3):
        rules.wait_ready(f"new-{number}")
        assert rules.result(f"new-{number}", number) == number
    assert pool_pods(rules) == []


def test_the_pool_gives_way_to_a_call_that_must_start_a_pod_of_its_own(rules: Workspace) -> None:
    # It may take no generic pod, since it has a limit of CPU.
    deploy_at_zero(rules, function("own", ECHO, timeoutSeconds=30, cpu={"limit": "500m"}))
    fill_pool(rules)
    enforce(rules, quota("small", limits_memory="2400Mi"))

    assert rules.result("own", "served") == "served"


def test_a_call_takes_a_generic_pod_where_a_quota_has_room_for_no_other(rules: Workspace) -> None:
    deploy_at_zero(rules, function("fits", ECHO))
    fill_pool(rules)
    enforce(rules, quota("small", limits_memory="2400Mi"))

    response = rules.invoke("fits", "served")

    assert (response.json, came_from_pool(response)) == ("served", True)
    rules.wait_for_pods("fits", 1)
    assert rules.result("fits", "again") == "again"


def test_the_pool_gives_way_to_a_new_revision(rules: Workspace) -> None:
    first = function("rolled", ECHO, scaling={"minScale": 1})
    rules.deploy(first)
    fill_pool(rules)
    enforce(rules, quota("small", limits_memory="2656Mi"))  # the two generic pods, the one that serves, and 96Mi

    rules.deploy(function("rolled", "def handler(event, context):\n    return 'new'", scaling={"minScale": 1}), seconds=120)

    wait_for(lambda: rules.result("rolled") == "new", "the new revision to answer")


def test_a_quota_on_cpu_limits_names_the_field_and_the_pools_trouble_is_told(rules: Workspace) -> None:
    enforce(rules, quota("cpu", limits_cpu="4"))
    limitless = function("limitless", ECHO)
    rules.apply(limitless)

    message = rules.wait_condition("limitless", "False", "QuotaNeedsField")["message"]

    assert "spec.cpu.limit" in message
    wait_for(lambda: pool_events(rules.api, rules.namespace), "the pool's trouble to be told", 60)
    assert pool_events(rules.api, rules.namespace) == [("Deployment", POOL), ("Function", "limitless")]
    rules.deploy(changed(limitless, cpu={"limit": "500m"}))
    assert rules.result("limitless", 1) == 1


def test_a_minimum_of_cpu_is_named_with_the_field_that_asks_for_more(rules: Workspace) -> None:
    enforce(rules, limit_range(min={"cpu": "100m"}))
    small = function("small", ECHO)
    rules.apply(small)

    message = rules.wait_condition("small", "False", "LimitRangeExceeded")["message"]

    assert "set spec.cpu.request to at least 100m" in message
    rules.deploy(changed(small, cpu={"request": "100m"}))
    assert rules.result("small", 1) == 1


def test_a_default_limit_below_what_pods_request_is_named(rules: Workspace) -> None:
    enforce(rules, limit_range(default={"cpu": "50m"}))
    bounded = function("bounded", ECHO, cpu={"request": "72m"})
    rules.apply(bounded)

    message = rules.wait_condition("bounded", "False", "LimitRangeExceeded")["message"]

    assert "set spec.cpu.limit to 72m or more, or set spec.cpu.request to 50m or less" in message
    rules.deploy(changed(bounded, cpu={"request": "50m"}))
    assert rules.result("bounded", 1) == 1


def test_a_missing_service_account_is_named(rules: Workspace) -> None:
    rules.apply(function("nobodys", ECHO, serviceAccountName="nobody"))

    assert "spec.serviceAccountName" in rules.wait_condition("nobodys", "False", "PodsRefused")["message"]
