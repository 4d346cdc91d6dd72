"""Whatever happens to a Function in whatever order, what is written from memory is what a look at everything would have written, not more
than once a second, and the last state is written in the end."""

from __future__ import annotations

import asyncio
import copy
from datetime import datetime, timedelta
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from prometheus_client import CollectorRegistry

from lambent.controller.function.reconcile import FunctionReconciler
from lambent.controller.function.status_pace import PERIOD_SECONDS, StatusPace
from lambent.controller.queue.work_queue import Key, WorkQueue
from lambent.controller.writes.execution import Executor
from lambent.controller.writes.views import Counts
from lambent.kube.client import KubeClient
from lambent.kube.errors import ConflictError
from lambent.kube.events import EventRecorder
from lambent.telemetry.controller_metrics import ControllerMetrics
from tests.support.controller_api import ControllerApi
from tests.support.controller_world import INSTALLATION, START, a_manifest
from tests.support.examples_drawn import examples

FUNCTION = "/apis/lambent.dev/v1alpha1/namespaces/default/functions/hello"
DEPLOYMENT = "/apis/apps/v1/namespaces/default/deployments/hello"
SERVICE = "/api/v1/namespaces/default/services/hello"
KEY = Key("Function", "default", "hello")
NAMES = [("default", name) for name in "abc"]


class Bursts(RuleBasedStateMachine):
    """A Function that serves, its watches, its queue. Reading takes no time here; news comes whenever."""

    def __init__(self) -> None:
        super().__init__()
        self.api = ControllerApi()
        client = cast("KubeClient", self.api)
        self.now: datetime = START
        executor = Executor(client, EventRecorder(client, "lambent-controller", "test"), ControllerMetrics(CollectorRegistry()))
        self.functions = FunctionReconciler(client, executor, INSTALLATION, lambda: self.now)
        self.queue = WorkQueue()
        self.counted_at: list[datetime] = []
        self.api.put(FUNCTION, a_manifest(scaling={"initialScale": 0}))
        self.ask()
        self.come_to_rest()

    def ask(self) -> None:
        """News of a kind that asks for a whole look."""
        self.functions.disturb("default", "hello")
        self.queue.add(KEY, self.seconds, 0.1)

    @property
    def seconds(self) -> float:
        return (self.now - START).total_seconds()

    @rule(replicas=st.integers(0, 5), desired=st.integers(0, 5))
    def scale(self, replicas: int, desired: int) -> None:
        body = copy.deepcopy(self.api.objects[DEPLOYMENT])
        body["spec"]["replicas"] = desired
        body["status"] = {"replicas": replicas}
        self.api.put(DEPLOYMENT, body)
        if self.functions.hear("default", "hello", Counts(replicas, desired)):
            self.queue.add(KEY, self.seconds, 0.2)

    @rule()
    def change_a_pod_that_is_well(self) -> None:
        if self.functions.hear("default", "hello", None):
            self.queue.add(KEY, self.seconds, 0.4)

    @rule()
    def remove_the_service(self) -> None:
        self.api.objects.pop(SERVICE, None)
        self.ask()

    @rule()
    def edit(self) -> None:
        body = copy.deepcopy(self.api.objects[FUNCTION])
        body["metadata"]["generation"] += 1
        body["spec"]["scaling"] = {"initialScale": 0, "maxScale": body["metadata"]["generation"]}
        self.api.put(FUNCTION, body)
        self.ask()

    @rule()
    def invoke(self) -> None:
        """The autoscaler tells when; nobody hears of it."""
        body = copy.deepcopy(self.api.objects[FUNCTION])
        body["status"]["lastInvoked"] = str(self.now)
        self.api.put(FUNCTION, body)

    @rule(seconds=st.sampled_from([0.05, 0.3, 1.0, 5.0]))
    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def work(self) -> None:
        key = self.queue.take(self.seconds)
        if key is None:
            return
        before = self.status
        self.api.calls.clear()
        try:
            self.queue.finish(key, self.seconds, asyncio.run(self.functions.reconcile("default", "hello")))
        except ConflictError:
            self.queue.finish(key, self.seconds, 0.05)
        changed = {name for name in self.status.keys() | before.keys() if self.status.get(name) != before.get(name)}
        others = [path for method, path in self.api.calls if method == "POST"]
        if changed and changed <= {"replicas", "desiredReplicas", "conditions"} and not others:
            self.counted_at.append(self.now)

    @rule()
    def come_to_rest(self) -> None:
        for _ in range(30):
            self.work()
            due = self.queue.next_due()
            if due is None:
                break
            self.now = max(self.now, START + timedelta(seconds=due + 0.001))
        assert len(self.queue) == 0
        deployment = self.api.objects[DEPLOYMENT]
        found = (deployment.get("status") or {}).get("replicas", 0), deployment["spec"]["replicas"]
        assert (self.status["replicas"], self.status["desiredReplicas"]) == found
        active = next(item for item in self.status["conditions"] if item["type"] == "Active")
        assert active["status"] == ("True" if found[0] else "False")
        assert self.status["observedGeneration"] == self.api.objects[FUNCTION]["metadata"]["generation"]
        assert SERVICE in self.api.objects
        # A whole look has nothing to add to it.
        version = self.api.version
        self.functions.disturb("default", "hello")
        asyncio.run(self.functions.reconcile("default", "hello"))
        assert self.api.version == version

    @invariant()
    def counts_are_written_once_a_second(self) -> None:
        gaps = [later - earlier for earlier, later in zip(self.counted_at, self.counted_at[1:], strict=False)]
        assert all(gap >= timedelta(seconds=PERIOD_SECONDS) for gap in gaps)

    @property
    def status(self) -> dict[str, Any]:
        return self.api.objects[FUNCTION].get("status") or {}


Bursts.TestCase.settings = settings(max_examples=examples(40), stateful_step_count=25)
TestBursts = Bursts.TestCase


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.floats(0.0, 2.0)), max_size=40))
def test_a_status_waits_for_the_end_of_the_period_since_its_own_last_write(written: list[tuple[tuple[str, str], float]]) -> None:
    pace, now = StatusPace(), START
    last: dict[tuple[str, str], datetime] = {}
    for name, seconds in written:
        now += timedelta(seconds=seconds)
        for asked in NAMES:
            elapsed = (now - last[asked]).total_seconds() if asked in last else PERIOD_SECONDS
            assert pace.wait_seconds(asked, now) == (PERIOD_SECONDS - elapsed if elapsed < PERIOD_SECONDS else 0.0)
        pace.wrote(name, now)
        last[name] = now


def test_a_clock_that_is_set_back_makes_nobody_wait() -> None:
    pace = StatusPace()
    pace.wrote(NAMES[0], START)
    assert pace.wait_seconds(NAMES[0], START - timedelta(hours=1)) == 0.0
