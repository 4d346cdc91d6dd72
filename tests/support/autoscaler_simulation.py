"""A simulated function: pods that start after a delay, activators that push, an API server whose changes come back late."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil

from lambent.api.functions.scaling import Scaling
from lambent.autoscaler.functions.decision import Policy
from lambent.autoscaler.functions.fleet import Assessment, Fleet
from lambent.autoscaler.functions.observed import DeploymentView, FunctionView
from lambent.autoscaler.statistics import FunctionKey, Push, Report

KEY = FunctionKey("default", "hello")
STEP = 0.05
PUSH_STEPS = 4
WATCH_DELAY_STEPS = 4


@dataclass
class Simulation:
    """`load(t)` invocations are in flight at a time t after the start, however many pods there are."""

    load: Callable[[float], float]
    scaling: Scaling
    concurrency: int = 1
    activators: int = 2
    start_seconds: float = 0.6
    replicas: int = 0
    now: float = 1000.0
    start: float = 1000.0
    history: list[tuple[float, int, float]] = field(default_factory=list)  # (time since the start, replicas, load)
    assessments: list[tuple[float, Assessment]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.fleet = Fleet(Policy(), least_seconds=0.05)
        self.pods = [self.now - 10.0] * self.replicas  # when each became or becomes ready
        self.version = 1
        self.sequence = [0] * self.activators
        self.area = 0.0
        self.steps = 0
        self.was_active = False
        self.late: list[tuple[int, DeploymentView]] = []
        view = FunctionView(self.scaling, self.concurrency, timeout_seconds=3, proving=False, broken=False)
        self.fleet.set_function(KEY, view, self.now)
        self.fleet.set_deployment(KEY, self.deployment, self.now)

    @property
    def ready(self) -> int:
        return sum(at <= self.now for at in self.pods)

    @property
    def deployment(self) -> DeploymentView:
        return DeploymentView(KEY.name, self.replicas, self.ready, self.version)

    @property
    def current_load(self) -> float:
        return max(0.0, self.load(self.now - self.start))

    def run(self, seconds: float) -> Simulation:
        for _ in range(round(seconds / STEP)):
            self.step()
        return self

    def step(self) -> None:
        self.now += STEP
        self.steps += 1
        load = self.current_load
        self.area += load * STEP
        if load > 0 and self.replicas == 0:
            self.scale(min(self.scaling.max_scale, ceil(load / self.concurrency)))  # the activator, from zero
        if self.steps % PUSH_STEPS == 0:
            self.push(load)
        self.act(self.fleet.decide_due(self.now))
        if self.steps % 40 == 0:
            self.act(self.fleet.decide_all(self.now))
        for due, view in [item for item in self.late if item[0] <= self.steps]:
            self.late.remove((due, view))
            self.fleet.set_deployment(KEY, view, self.now)
        self.history.append((self.now - self.start, self.replicas, load))

    def push(self, load: float) -> None:
        interval = PUSH_STEPS * STEP
        mean, self.area = self.area / interval, 0.0
        active = mean > 0 or load > 0
        for index in range(self.activators):
            self.sequence[index] += 1
            reports: tuple[Report, ...] = ()
            if active or self.was_active:
                share = mean / self.activators
                reports = (Report(KEY, share, 0, 1 if active else 0, self.ready),)
            self.fleet.push(Push(f"activator-{index}", self.sequence[index], interval, reports), self.now)
            self.act(self.fleet.decide_due(self.now))
        self.was_active = active

    def act(self, assessments: list[Assessment]) -> None:
        for assessment in assessments:
            self.assessments.append((self.now - self.start, assessment))
            order = assessment.order
            if order is None:
                continue
            lowering = order.desired < order.current
            written = (self.replicas == order.current) if lowering else (self.replicas < order.desired)
            if written:
                self.scale(order.desired)
            self.fleet.applied(KEY, self.replicas, self.version, self.now, written=written)

    def scale(self, replicas: int) -> None:
        self.replicas = replicas
        self.version += 1
        self.pods = self.pods[:replicas] + [self.now + self.start_seconds] * max(0, replicas - len(self.pods))
        self.late.append((self.steps + WATCH_DELAY_STEPS, self.deployment))

    def replicas_between(self, start: float, end: float) -> list[int]:
        return [replicas for at, replicas, _ in self.history if start <= at <= end]
