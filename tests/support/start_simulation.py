"""A burst in virtual time: real admissions, and a cluster whose cores all starts share, so that the more run the later each is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

import pytest

from lambent.activator.admission.admission import Admission
from lambent.activator.admission.model import (
    Action,
    Become,
    Fail,
    FunctionKey,
    Invocation,
    Limits,
    PoolKey,
    Return,
    Rules,
    Send,
    Start,
    Want,
)
from lambent.activator.cluster.adopter import CALM_SECONDS
from lambent.activator.links.exchange import CLOCK_SECONDS, TICK_SECONDS
from lambent.api.functions.scaling import Scaling
from lambent.autoscaler.functions.decision import Policy
from lambent.autoscaler.functions.fleet import Fleet
from lambent.autoscaler.functions.observed import DeploymentView, FunctionView
from lambent.autoscaler.statistics import FunctionKey as AutoscaledKey
from lambent.autoscaler.statistics import Push, Report
from lambent_shim.link.slots import Slots, Took

AUTOSCALED = AutoscaledKey("team", "hello")
KEY = FunctionKey("team", "hello")
POOL = PoolKey("team", "python3.11")
START_CORE_SECONDS = 0.5
BECOME_CORE_SECONDS = 0.008
PUSH_SECONDS = 0.2


@dataclass(eq=False)
class Pod:
    """A shim, with the number that every activator knows its link by."""

    number: int
    slots: Slots[int]
    serves: bool = False
    became_at: float = 0.0


@dataclass
class Job:
    """Work for one core at a time."""

    left: float
    done: Callable[[], None]


@dataclass
class StartSimulation:
    """`run` it with a number of invocations that all come at once, in turn at each of the activators."""

    cores: int
    seconds: float
    """That a handler takes, all of them asleep."""
    max_scale: int = 40
    pool: int = 0
    activators: int = 1
    concurrency: int = 1
    idle_seconds: float = 0.0
    """Of each start, on top of its work: somebody writes, watches, schedules."""
    limits: Limits = field(default_factory=Limits)
    autoscaler: bool = False
    """Whether there is one, told by every activator at once."""

    longest_seconds: float = 300.0
    """Before it counts as forgotten."""
    now: float = 1000.0
    served: list[tuple[float, Invocation]] = field(default_factory=list)
    begun: list[int] = field(default_factory=list)
    """Places in the burst, as they were begun."""
    taken_at: list[float] = field(default_factory=list)
    most_starting: int = 0
    own: int = 0
    """Pods that the Deployment has started."""

    def __post_init__(self) -> None:
        self.origin = self.now
        names = tuple(f"activator-{index}" for index in range(self.activators))
        rules = Rules(self.concurrency, self.max_scale, 900, "r1", "r1", ready=True, pool=POOL.runtime if self.pool else "")
        self.admissions = [Admission(self.limits) for _ in names]
        for admission, name in zip(self.admissions, names, strict=True):
            admission.pools.activators, admission.pools.name = names, name
            admission.set_rules(KEY, rules, self.now)
        self.pods: dict[int, Pod] = {}
        self.turned: set[int] = set()
        self.adopted = 0
        self.scale = 0
        """The Deployment's."""
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._jobs: list[Job] = []
        self._count = count()
        self._sequence = 0
        self.raised_by_autoscaler = 0
        self._fleet = Fleet(Policy(starts_at_once=self.limits.starts_at_once))
        view = FunctionView(Scaling(max_scale=self.max_scale), self.concurrency, timeout_seconds=900, proving=False, broken=False)
        self._fleet.set_function(AUTOSCALED, view, self.now)
        self._watch()
        for _ in range(self.pool):
            pod = self._add_pod()
            for admission in self.admissions:
                admission.open_generic_link(pod.number, POOL)

    def run(self, invocations: int) -> float:
        """Seconds until all are served."""
        before, self.origin = len(self.served), self.now
        for place in range(invocations):
            index = place % self.activators
            invocation = Invocation(KEY, b"{}", b"x", waiter=place)
            self._do(index, self.admissions[index].submit(invocation, self.now))
        self._later(TICK_SECONDS, self._tick)
        if self.autoscaler:
            self._later(PUSH_SECONDS * 0.7, self._push)
        while len(self.served) - before < invocations:
            self._step()
            assert self.now - self.origin < self.longest_seconds, f"{len(self.served) - before} of {invocations} are served"
        self._events.clear()
        return self.now - self.origin

    # Time

    def _step(self) -> None:
        """Up to the next thing that happens."""
        speed = min(1.0, self.cores / len(self._jobs)) if self._jobs else 1.0
        job = min(self._jobs, key=lambda each: each.left) if self._jobs else None
        at = self.now + job.left / speed if job is not None else float("inf")
        event = self._events[0][0] if self._events else float("inf")
        passed = max(0.0, min(at, event) - self.now)
        for each in self._jobs:
            each.left -= passed * speed
        self.now = min(at, event)
        if job is not None and at <= event:
            self._jobs.remove(job)
            job.done()
        else:
            heappop(self._events)[2]()

    def _later(self, seconds: float, what: Callable[[], None]) -> None:
        heappush(self._events, (self.now + seconds, next(self._count), what))

    def _tick(self) -> None:
        self._look_again()
        self._later(TICK_SECONDS, self._tick)

    def _look_again(self) -> None:
        for index, admission in enumerate(self.admissions):
            self._do(index, admission.tick(self.now))

    # What the autoscaler hears and does

    def _push(self) -> None:
        self._sequence += 1
        for index, admission in enumerate(self.admissions):
            reports = tuple(
                Report(AUTOSCALED, each.concurrency, each.queued, each.requests, each.ready, each.starts)
                for each in admission.read_statistics(self.now)
            )
            self._fleet.push(Push(f"activator-{index}", self._sequence, PUSH_SECONDS, reports), self.now)
        self._watch()
        for assessment in self._fleet.decide_all(self.now):
            if assessment.order is not None and assessment.order.desired > assessment.order.current:
                self.raised_by_autoscaler += assessment.order.desired - assessment.order.current
                self._raise_to(assessment.order.desired)
        self._later(PUSH_SECONDS, self._push)

    def _watch(self) -> None:
        """The Deployment, as the API server tells of it."""
        self._fleet.set_deployment(AUTOSCALED, DeploymentView(KEY.name, self.scale, self.scale, next(self._count)), self.now)

    # What activators want done

    def _do(self, index: int, actions: list[Action]) -> None:
        for action in actions:
            self._do_one(index, action)

    def _do_one(self, index: int, action: Action) -> None:
        if isinstance(action, Send):
            self._begin(index, action)
        elif isinstance(action, Want):
            self._grant(self.pods[action.link], [turn.link for turn in self.pods[action.link].slots.want(index)])
        elif isinstance(action, Return):
            turns = self.pods[action.link].slots.give_back(index, action.slots)
            self._grant(self.pods[action.link], [turn.link for turn in turns])
        elif isinstance(action, Start):
            self._raise_to(action.replicas)
        elif isinstance(action, Become):
            self._take(self.pods[action.link])
        else:
            why = action.failure.message if isinstance(action, Fail) else str(action)
            pytest.fail(f"nothing of the sort was to happen: {why}")

    def _begin(self, index: int, action: Send) -> None:
        pod, invocation = self.pods[action.link], action.invocation
        invocation.sent = True
        wants_more, number = invocation.wants_more, invocation.number
        if pod.slots.take(index) is Took.NOTHING:
            self._later(0, lambda: self._do(index, self.admissions[index].bounce(pod.number, number, self.now)))
            return
        self.begun.append(invocation.waiter)
        self._later(self.seconds, lambda: self._end(index, pod, invocation, wants_more))

    def _end(self, index: int, pod: Pod, invocation: Invocation, wants_more: bool) -> None:
        finished = pod.slots.finish(index, wants_more=wants_more)
        found, actions = self.admissions[index].result(pod.number, invocation.number, self.now, again=finished.again)
        assert found is invocation
        self.served.append((self.now - self.origin, invocation))
        self._do(index, actions)
        self._grant(pod, [finished.grant] if finished.grant is not None else [])

    def _grant(self, pod: Pod, indexes: list[int]) -> None:
        for index in indexes:
            self._later(0, lambda index=index: self._do(index, self.admissions[index].grant(pod.number, 1, self.now)))  # type: ignore[misc]

    # What becomes of it

    def _raise_to(self, replicas: int) -> None:
        self.scale = max(self.scale, replicas)
        # Of those that its ReplicaSet makes, a gate holds one for each that is to be handed over.
        while self.own + len(self.turned) < self.scale:
            self.own += 1
            self._later(self.idle_seconds, lambda: self._jobs.append(Job(START_CORE_SECONDS, self._come_up)))
        self._check()

    def _come_up(self) -> None:
        pod = self._add_pod()
        for index, admission in enumerate(self.admissions):
            self._do(index, admission.open_link(pod.number, KEY, "r1", self.concurrency, self.now))
        self._initialise(pod)

    def _take(self, pod: Pod) -> None:
        if pod.number in self.turned:
            return
        self.turned.add(pod.number)
        self.taken_at.append(self.now - self.origin)
        self._jobs.append(Job(BECOME_CORE_SECONDS, lambda: self._become(pod)))
        self._later(CALM_SECONDS, lambda: self._adopt(pod))
        self._check()

    def _become(self, pod: Pod) -> None:
        for index, admission in enumerate(self.admissions):
            self._do(index, admission.became(pod.number, KEY.name, "r1", self.concurrency, self.now))
        self._initialise(pod)

    def _adopt(self, pod: Pod) -> None:
        self.adopted += 1
        self.scale = max(self.scale, self.own + self.adopted)
        for admission in self.admissions:
            admission.moved_over(pod.number)

    def _initialise(self, pod: Pod) -> None:
        pod.serves = True
        for index, admission in enumerate(self.admissions):
            self._do(index, admission.initialized(pod.number, None, self.now))
        self._later(self.limits.settle_seconds + CLOCK_SECONDS, self._look_again)

    def _add_pod(self) -> Pod:
        pod = Pod(next(self._count) + 1, Slots(self.concurrency))
        self.pods[pod.number] = pod
        return pod

    def _check(self) -> None:
        started = self.own + len(self.turned)
        # Until a generic pod is the Deployment's, others count without it, and the Deployment is their bound.
        alone = not self.pool or (self.activators == 1 and not self.autoscaler)
        most = started if alone else max(self.own, len(self.turned))
        assert most <= self.max_scale, f"{most} pods, at most {self.max_scale}"
        self.most_starting = max(self.most_starting, started - sum(pod.serves for pod in self.pods.values()))
