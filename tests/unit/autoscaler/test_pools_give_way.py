"""Where a quota refuses a Function's pod, the namespace's generic pods go first, and stay away for as long as room is short."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.autoscaler.functions.views import view_deployment
from lambent.autoscaler.pools.fleet import HANDOVER_SECONDS, URGENT_SECONDS, PoolFleet, PoolOrder, PoolScale
from lambent.autoscaler.pools.giving_way import FIRST_HOLD_SECONDS, LONGEST_HOLD_SECONDS, PATIENCE_SECONDS, GivingWay
from lambent.autoscaler.pools.refill import PoolKey
from lambent.autoscaler.pools.size import PoolPolicy
from lambent.autoscaler.pools.views import PoolUser, PoolView, is_refused
from lambent.autoscaler.statistics import FunctionKey, Push, Report

KEY, OTHER = PoolKey("team", "python3.11"), PoolKey("others", "python3.11")
HELLO = FunctionKey("team", "hello")
AWAY = PoolScale(KEY, "pool", 2, 0, gives_way=True)
QUOTA = 'pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1'


class World:
    """Two pools of two pods each, in two namespaces, and their Functions."""

    def __init__(self) -> None:
        self.fleet = PoolFleet(PoolPolicy(2, 10, 1e9))
        self.now = 1000.0
        self.version = 1
        for pool in (KEY, OTHER):
            self.fleet.set_user(FunctionKey(pool.namespace, "hello"), PoolUser(pool, self.now, 20), self.now, self.now)
            self.fleet.set_pool(pool, PoolView("pool", 2, 1, updating=False))

    def refuse(self, *, refused: bool = True, said_by: str = "Deployment", function: FunctionKey = HELLO) -> bool:
        return self.fleet.set_refused(function, said_by, self.now, refused=refused)

    def after(self, seconds: float) -> list[PoolOrder]:
        self.now += seconds
        return list(self.fleet.decide(self.now))

    def scaled(self, replicas: int) -> None:
        self.version += 1
        self.fleet.scaled(KEY, replicas, self.version)

    def start(self) -> None:
        self.version += 1
        self.fleet.push(Push("a", self.version, 0.2, (Report(HELLO, 1.0, 1, 1, 0, 1),)), self.now)


def test_generic_pods_of_the_namespace_go_soon_after_a_functions_pod_was_refused() -> None:
    world = World()
    assert world.after(0.0) == []

    assert world.refuse()
    assert world.fleet.is_pressing(world.now), "it is looked at again before the next tick"
    assert world.after(PATIENCE_SECONDS - 0.1) == [], "the pod may be one made in vain"
    assert world.after(0.1) == [AWAY], "and those of other namespaces stay"


def test_a_pod_made_in_vain_that_was_refused_costs_no_generic_pod() -> None:
    world = World()
    world.refuse()
    world.now += PATIENCE_SECONDS / 2

    world.refuse(refused=False)

    assert world.after(PATIENCE_SECONDS) == []


def test_the_pool_is_not_filled_while_anybody_is_refused_nor_soon_after() -> None:
    world = World()
    world.refuse()
    world.refuse(function=FunctionKey("team", "second"))
    assert world.after(PATIENCE_SECONDS) == [AWAY]
    world.scaled(0)

    world.refuse(refused=False)
    assert world.after(LONGEST_HOLD_SECONDS) == [], "the second one still is"
    world.refuse(refused=False, function=FunctionKey("team", "second"))
    assert world.after(FIRST_HOLD_SECONDS - 0.1) == []

    assert world.after(0.1) == [PoolScale(KEY, "pool", 0, 2)]


def test_a_pool_that_must_give_way_again_and_again_stays_away_longer() -> None:
    giving, now, holds = GivingWay(), 0.0, []
    for _ in range(10):
        giving.note(HELLO, "Deployment", now, refused=True)
        now += 5.0
        giving.note(HELLO, "Deployment", now, refused=False)
        began = now
        while giving.is_due("team", now):
            now += 1.0
        holds.append(now - began)
        now += 1.0

    assert holds[:3] == [FIRST_HOLD_SECONDS, 2 * FIRST_HOLD_SECONDS, 4 * FIRST_HOLD_SECONDS]
    assert holds[-1] == LONGEST_HOLD_SECONDS

    now += 3 * LONGEST_HOLD_SECONDS
    assert not giving.is_young(now)
    giving.note(HELLO, "Deployment", now, refused=True)
    giving.note(HELLO, "Deployment", now + 5.0, refused=False)
    assert not giving.is_due("team", now + 5.0 + FIRST_HOLD_SECONDS), "what was long ago is forgotten"


def test_a_pod_that_may_just_have_become_a_function_is_not_ended_unless_it_is_urgent() -> None:
    world = World()
    world.refuse()
    world.now += PATIENCE_SECONDS
    world.start()

    assert world.after(HANDOVER_SECONDS - 0.1) == []
    assert world.after(0.1) == [AWAY]

    world.scaled(2)
    while world.now < 1000.0 + URGENT_SECONDS:
        world.start()
        world.now += 0.5
    assert world.after(0.0) == [AWAY]


@pytest.mark.parametrize("said_by", ["Function", "Deployment"])
def test_who_is_gone_is_refused_no_longer(said_by: str) -> None:
    world = World()
    world.refuse(said_by=said_by)
    world.now += PATIENCE_SECONDS / 2

    world.fleet.keep_refused(said_by, [], world.now)

    assert world.after(PATIENCE_SECONDS) == []


def test_without_pools_nothing_is_kept() -> None:
    fleet = PoolFleet(PoolPolicy(0, 10, 60.0))

    assert not fleet.set_refused(HELLO, "Deployment", 0.0, refused=True)
    assert not fleet.is_pressing(0.0)


def a_deployment(message: str = QUOTA, *, replicas: int = 1, pods: int = 0, status: str = "True") -> dict[str, Any]:
    condition = {"type": "ReplicaFailure", "status": status, "message": message}
    metadata = {"namespace": "team", "name": "hello", "labels": {"lambent.dev/function": "hello"}}
    return {"metadata": metadata, "spec": {"replicas": replicas}, "status": {"replicas": pods, "conditions": [condition]}}


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        (a_deployment(), True),
        (a_deployment(replicas=2, pods=1), True),
        (a_deployment(pods=1), False),
        (a_deployment(replicas=0), False),
        (a_deployment(status="False"), False),
        (a_deployment("failed quota: q: must specify limits.cpu for: function"), False),
    ],
)
def test_a_deployment_tells_of_pods_that_a_quota_has_no_room_for(body: dict[str, Any], *, refused: bool) -> None:
    assert view_deployment(body)[1].refused is refused


@pytest.mark.parametrize(
    ("status", "reason", "refused"),
    [("False", "QuotaExceeded", True), ("True", "Ready", False), ("False", "QuotaNeedsField", False)],
)
def test_a_function_tells_of_a_new_revision_that_has_no_room(status: str, reason: str, *, refused: bool) -> None:
    assert is_refused({"status": {"conditions": [{"type": "Ready", "status": status, "reason": reason}]}}) is refused
