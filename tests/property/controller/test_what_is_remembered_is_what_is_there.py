"""A controller that remembers what belongs to a Function ends where one ends that reads everything, whatever others change, and whenever
their events come: also in the middle of a reconcile."""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from prometheus_client import CollectorRegistry

from lambent.controller.function.reconcile import FunctionReconciler
from lambent.controller.queue.work_queue import Key, WorkQueue
from lambent.controller.watch.child_news import ChildNews, News, view_child
from lambent.controller.writes.execution import Executor
from lambent.kube.client import Json, KubeClient
from lambent.kube.errors import KubeError
from lambent.kube.events import EventRecorder
from lambent.telemetry.controller_metrics import ControllerMetrics
from tests.support.controller_api import ControllerApi
from tests.support.controller_world import INSTALLATION, START, a_manifest
from tests.support.examples_drawn import examples

FUNCTION = "/apis/lambent.dev/v1alpha1/namespaces/default/functions/hello"
DEPLOYMENT = "/apis/apps/v1/namespaces/default/deployments/hello"
SERVICE = "/api/v1/namespaces/default/services/hello"
KEY = Key("Function", "default", "hello")
PODS = "/api/v1/namespaces/default/pods"
KINDS = ("deployments", "services", "networkpolicies", "configmaps", "pods")
SOON_SECONDS = 5.0
"""What is to be looked at later than this is at rest for now."""


ACTS = st.sampled_from(["", "events", "events", "spoil", "remove", "scale", "edit", "deployments"])
OTHERS = st.one_of(
    st.lists(ACTS, max_size=10), st.builds(lambda count, act: [""] * count + [act] + ["events"] * 3, st.integers(0, 7), ACTS)
)
"""What happens in the middle of each request of a reconcile."""


class WatchedApi(ControllerApi):
    """Keeps an event of each change, by kind; `meanwhile` runs in the middle of each request."""

    def __init__(self) -> None:
        super().__init__()
        self.events: dict[str, deque[tuple[str, Json]]] = {kind: deque() for kind in (*KINDS, "functions")}
        self.meanwhile: Callable[[], None] = lambda: None

    def put(self, path: str, body: Json) -> Json:
        known = path in self.objects
        stored = super().put(path, body)
        self._tell("MODIFIED" if known else "ADDED", path, stored)
        return stored

    def remove(self, path: str) -> None:
        if path in self.objects:
            self._tell("DELETED", path, self.objects.pop(path))

    async def delete(self, path: str, *, uid: str = "") -> Json:
        body = await super().delete(path, uid=uid)
        self._tell("DELETED", path, body)
        return body

    def _tell(self, change: str, path: str, body: Json) -> None:
        plural = path.rpartition("/")[0].rpartition("/")[2]
        if plural in self.events:
            self.events[plural].append((change, copy.deepcopy(body)))

    def _called(self, method: str, path: str) -> None:
        super()._called(method, path)
        self.meanwhile()


class Remembering(RuleBasedStateMachine):
    """One Function, its watches with events that come late, and its queue."""

    def __init__(self) -> None:
        super().__init__()
        self.api = WatchedApi()
        self.now: datetime = START
        self.functions = self.a_reconciler()
        self.queue = WorkQueue()
        self.news = {kind: ChildNews() for kind in KINDS}
        self.generation = 0
        self.api.put(FUNCTION, a_manifest(scaling={"initialScale": 0}))
        self.come_to_rest()

    def a_reconciler(self) -> FunctionReconciler:
        client = cast("KubeClient", self.api)
        executor = Executor(client, EventRecorder(client, "lambent-controller", "test"), ControllerMetrics(CollectorRegistry()))
        return FunctionReconciler(client, executor, INSTALLATION, lambda: self.now)

    @property
    def seconds(self) -> float:
        return (self.now - START).total_seconds()

    # What others do.

    @rule(text=st.sampled_from(["v1", "v1", "v1", "v2"]), variable=st.integers(0, 4))
    def edit(self, text: str, variable: int) -> None:
        body = copy.deepcopy(self.api.objects[FUNCTION])
        spec = {**body["spec"], "code": {"inline": {"app.py": text}}, "env": [{"name": "A", "value": str(variable)}]}
        if spec != body["spec"]:
            body["metadata"]["generation"] += 1
            self.api.put(FUNCTION, {**body, "spec": spec})

    @rule(replicas=st.integers(0, 2))
    def scale(self, replicas: int) -> None:
        self.change(DEPLOYMENT, lambda body: (body["spec"].update(replicas=replicas), body.update(status={"replicas": replicas})))

    @rule()
    def spoil_the_template(self) -> None:
        self.change(DEPLOYMENT, lambda body: body["spec"]["template"]["spec"].update(hostNetwork=True))

    @rule(path=st.sampled_from([DEPLOYMENT, SERVICE]))
    def relabel(self, path: str) -> None:
        self.change(path, lambda body: body["metadata"]["labels"].update({"lambent.dev/role": "other"}))

    @rule(path=st.sampled_from([DEPLOYMENT, SERVICE]))
    def remove(self, path: str) -> None:
        self.api.remove(path)

    def change(self, path: str, how: Callable[[Json], Any]) -> None:
        if path in self.api.objects:
            body = copy.deepcopy(self.api.objects[path])
            how(body)
            self.api.put(path, body)

    @rule(text=st.sampled_from(["v1", "v1", "v1", "v2"]), variable=st.integers(0, 4), others=OTHERS, before=st.lists(ACTS, max_size=2))
    def edit_at_rest(self, text: str, variable: int, others: list[str], before: list[str]) -> None:
        """An edit, and a reconcile that knows what belongs to the Function, with much happening meanwhile."""
        self.come_to_rest()
        self.edit(text, variable)
        self.deliver("functions")
        for act in before:
            self.act(act)
            self.act("events")
        self.work(others)

    def act(self, name: str) -> None:
        number = self.api.version
        acts: dict[str, Callable[[], None]] = {
            "": lambda: None,
            "events": self.deliver_all,
            "deployments": lambda: self.deliver("deployments"),
            "spoil": self.spoil_the_template,
            "remove": lambda: self.remove(SERVICE),
            "scale": lambda: self.scale(number % 3),
            "edit": lambda: self.edit("v1", number % 5),
        }
        acts[name]()

    # What the controller does.

    def deliver_all(self) -> None:
        for kind in self.api.events:
            while self.api.events[kind]:
                self.deliver(kind)

    @rule(kind=st.sampled_from([*KINDS, "functions"]))
    def deliver(self, kind: str) -> None:
        if not self.api.events[kind]:
            return
        change, body = self.api.events[kind].popleft()
        if kind == "functions":
            if body["metadata"]["generation"] != self.generation:
                self.generation = body["metadata"]["generation"]
                self.functions.change("default", "hello")
                self.queue.add(KEY, self.seconds)
            return
        child, news = view_child(kind, body), self.news[kind]
        judge = {"ADDED": news.judge_added, "MODIFIED": news.judge_modified, "DELETED": news.judge_deleted}[change]
        found = judge(child)
        asks = True
        if found is News.NONE:
            return
        if found is News.COUNTS:
            asks = self.functions.hear("default", "hello", child.counts)
        elif found is News.LOOKS:
            assert child.looks is not None
            assert child.counts is not None
            asks = self.functions.compare("default", "hello", child.looks, child.counts)
        else:
            self.functions.disturb("default", "hello")
        if asks:
            self.queue.add(KEY, self.seconds, 0.1)

    @rule(others=OTHERS)
    def work(self, others: list[str]) -> None:
        """The next reconcile; in the middle of each of its requests something else happens."""
        self.wait_until_due()
        key = self.queue.take(self.seconds)
        if key is None:
            return
        left = deque(others)

        def meanwhile() -> None:
            if left:
                self.act(left.popleft())

        self.api.meanwhile = meanwhile
        try:
            self.queue.finish(key, self.seconds, asyncio.run(self.functions.reconcile("default", "hello")))
        except KubeError:
            self.queue.fail(key, self.seconds)
        finally:
            self.api.meanwhile = lambda: None

    def wait_until_due(self) -> None:
        due = self.queue.next_due()
        if due is not None:
            self.now = max(self.now, START + timedelta(seconds=due + 0.001))

    @rule()
    def run_pods(self) -> None:
        """The kubelet has as many pods as the Deployment asks for, of its template, and all are ready."""
        deployment = self.api.objects.get(DEPLOYMENT)
        wanted: dict[str, Json] = {}
        if deployment is not None:
            labels = deployment["spec"]["template"]["metadata"]["labels"]
            status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
            for number in range(deployment["spec"]["replicas"]):
                name = f"hello-{labels['lambent.dev/revision']}-{number}"
                wanted[f"{PODS}/{name}"] = {"metadata": {"name": name, "labels": labels}, "status": status}
        for path in [path for path in self.api.objects if path.startswith(PODS) and path not in wanted]:
            self.api.remove(path)
        for path, body in wanted.items():
            if path not in self.api.objects:
                self.api.put(path, body)

    @rule()
    def come_to_rest(self) -> None:
        for _ in range(80):
            self.run_pods()
            self.deliver_all()
            due = self.queue.next_due()
            if due is None or due > self.seconds + SOON_SECONDS:
                break
            self.work([])
        else:
            raise AssertionError("no rest")
        version = self.api.version
        asyncio.run(self.a_reconciler().reconcile("default", "hello"))
        assert self.api.version == version, f"a controller that reads everything writes more: {self.api.calls[-3:]}"
        status = self.api.objects[FUNCTION]["status"]
        assert status["observedGeneration"] == self.api.objects[FUNCTION]["metadata"]["generation"]
        template = self.api.objects[DEPLOYMENT]["spec"]["template"]
        assert template["metadata"]["labels"]["lambent.dev/revision"] == status["latestRevision"]
        assert "hostNetwork" not in template["spec"]


Remembering.TestCase.settings = settings(max_examples=examples(60), stateful_step_count=30)
TestRemembering = Remembering.TestCase
