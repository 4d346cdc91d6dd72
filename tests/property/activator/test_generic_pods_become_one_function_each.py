"""Several activators' admission and generic pods that are asked to become functions, by channels that deliver in order, but whenever
they like. A pod's handlers end at once, so that slots are never contended: that is the other property's business.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from random import Random
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings

from lambent.activator.admission.admission import Admission
from lambent.activator.admission.model import (
    Action,
    Become,
    Close,
    Fail,
    FunctionKey,
    Invocation,
    Limits,
    PoolKey,
    Retire,
    Rules,
    Send,
    Start,
)
from tests.support.examples_drawn import examples

POOL = PoolKey("team", "python3.11")
NAMES = ("a", "b", "c")


@dataclass(eq=False)
class Pod:
    """A shim: what it is, and whether its handler is imported."""

    generic: bool
    name: str = ""
    ready: bool = False
    ran: set[str] = field(default_factory=set)
    wires: list[Wire] = field(default_factory=list)


@dataclass(eq=False)
class Wire:
    pod: Pod
    activator: int
    number: int
    to_shim: deque[tuple[Any, ...]] = field(default_factory=deque)
    to_activator: deque[tuple[Any, ...]] = field(default_factory=deque)


class World:
    def __init__(self, random: Random) -> None:
        self.random = random
        self.now = 100.0
        self.count = random.randint(1, 3)
        names = tuple(f"activator-{index}" for index in range(self.count))
        self.maximum = random.choice((1, 2, 3, 10))
        self.activators = [Admission(Limits(queue_seconds=1e9, start_patience_seconds=0)) for _ in names]
        for admission, name in zip(self.activators, names, strict=True):
            admission.pools.activators, admission.pools.name = names, name
            for function in NAMES:
                rules = Rules(1, self.maximum, 3, "r1", "r1", ready=True, pool=POOL.runtime)
                admission.set_rules(FunctionKey(POOL.namespace, function), rules, self.now)
        self.pods: list[Pod] = []
        self.wires: dict[tuple[int, int], Wire] = {}
        self.answers: dict[int, int] = {}
        self.invocations: list[Invocation] = []
        self.unmoved: list[tuple[int, int]] = []
        self.number = 0
        self.starts: set[str] = set()

    def step(self) -> None:
        random = self.random
        moving = [wire for wire in self.wires.values() if wire.to_shim or wire.to_activator]
        choices: list[tuple[int, Any]] = [
            (3, self.add_generic),
            (6, self.ask),
            (16 if moving else 0, lambda: self.deliver(random.choice(moving))),
            (4, self.import_one),
            (2 if self.unmoved else 0, self.move_one),
            (1 if self.wires else 0, lambda: self.break_wire(random.choice(list(self.wires.values())))),
            (1, self.pass_time),
        ]
        weights, actions = zip(*choices, strict=True)
        random.choices(actions, weights)[0]()
        self.check()

    def add_generic(self) -> None:
        pod = Pod(generic=True)
        self.pods.append(pod)
        for index in range(self.count):
            self.link(pod, index)

    def link(self, pod: Pod, index: int) -> None:
        self.number += 1
        wire = Wire(pod, index, self.number)
        pod.wires.append(wire)
        self.wires[index, wire.number] = wire
        admission = self.activators[index]
        if pod.name:
            key = FunctionKey(POOL.namespace, pod.name)
            self.do(index, admission.open_link(wire.number, key, "r1", 1, self.now))
            if pod.ready:
                wire.to_activator.append(("init",))
        else:
            admission.open_generic_link(wire.number, POOL)

    def ask(self) -> None:
        index = self.random.randrange(self.count)
        invocation = Invocation(FunctionKey(POOL.namespace, self.random.choice(NAMES)), b"{}", b"x")
        self.invocations.append(invocation)
        self.do(index, self.activators[index].submit(invocation, self.now))

    def do(self, index: int, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Become):
                if self.random.random() < 0.1:
                    self.do(index, self.activators[index].give_back(action.link, self.now))
                else:
                    self.wires[index, action.link].to_shim.append(("become", action.function.name))
            elif isinstance(action, Send):
                action.invocation.sent = True
                self.wires[index, action.link].to_shim.append(("invoke", action.invocation))
            elif isinstance(action, Start):
                self.starts.add(action.function.name)
            elif isinstance(action, Fail):
                self.answers[id(action.invocation)] = self.answers.get(id(action.invocation), 0) + 1
            elif isinstance(action, Close | Retire):
                wire = self.wires.get((index, action.link))
                if wire is not None:
                    self.break_wire(wire, again=False)

    def deliver(self, wire: Wire) -> None:
        if wire.to_shim and (not wire.to_activator or self.random.random() < 0.5):
            self.deliver_to_shim(wire)
        else:
            self.deliver_to_activator(wire)

    def deliver_to_shim(self, wire: Wire) -> None:
        pod = wire.pod
        kind, what = wire.to_shim.popleft()
        if kind == "become":
            if not pod.name:
                pod.name = what
                for other in pod.wires:
                    if other is not wire:
                        other.to_activator.append(("became", pod.name))
            wire.to_activator.append(("became", pod.name))
            if pod.ready and pod.name == what:
                wire.to_activator.append(("init",))
        else:
            assert pod.ready, "an invocation came before the initialisation had ended"
            pod.ran.add(what.function.name)
            wire.to_activator.append(("result", what))

    def deliver_to_activator(self, wire: Wire) -> None:
        admission, index = self.activators[wire.activator], wire.activator
        kind, *rest = wire.to_activator.popleft()
        if kind == "became":
            asked = admission.asked(wire.number)
            self.do(index, admission.became(wire.number, rest[0], "r1", 1, self.now))
            if asked and (index, wire.number) in self.wires:
                self.unmoved.append((index, wire.number))
        elif kind == "init":
            self.do(index, admission.initialized(wire.number, None, self.now))
        else:
            found, actions = admission.result(wire.number, rest[0].number, self.now, again=True)
            if found is not None:
                self.answers[id(found)] = self.answers.get(id(found), 0) + 1
            self.do(index, actions)

    def import_one(self) -> None:
        waiting = [pod for pod in self.pods if pod.name and not pod.ready]
        if waiting:
            pod = self.random.choice(waiting)
            pod.ready = True
            for wire in pod.wires:
                wire.to_activator.append(("init",))

    def move_one(self) -> None:
        index, number = self.unmoved.pop(self.random.randrange(len(self.unmoved)))
        self.activators[index].moved_over(number)

    def break_wire(self, wire: Wire, *, again: bool = True) -> None:
        del self.wires[wire.activator, wire.number]
        wire.pod.wires.remove(wire)
        self.do(wire.activator, self.activators[wire.activator].close_link(wire.number, self.now))
        if again and self.random.random() < 0.7:
            self.link(wire.pod, wire.activator)

    def pass_time(self) -> None:
        self.now += self.random.uniform(0.01, 1.5)
        for index, admission in enumerate(self.activators):
            self.do(index, admission.tick(self.now))
            self.do(index, admission.check_links(self.now))

    def check(self) -> None:
        for pod in self.pods:
            assert pod.ran <= {pod.name}, f"a pod that is {pod.name!r} ran {pod.ran}"
        for name in NAMES:
            linked = [pod for pod in self.pods if pod.name == name and len(pod.wires) == self.count]
            if not self.broken:
                assert len(linked) <= self.maximum, f"{len(linked)} pods of {name}, at most {self.maximum}"
        for answers in self.answers.values():
            assert answers == 1, "answered twice"

    broken = False

    def end(self) -> None:
        """With all that is under way delivered and time gone by, who waits had no generic pod left to take, or was told to start one."""
        for _ in range(200):
            for wire in list(self.wires.values()):
                while wire.to_shim:
                    self.deliver_to_shim(wire)
                while wire.to_activator and (wire.activator, wire.number) in self.wires:
                    self.deliver_to_activator(wire)
            while self.unmoved:
                self.move_one()
            for pod in self.pods:
                if pod.name and not pod.ready:
                    self.import_one()
            if not any(wire.to_shim or wire.to_activator for wire in self.wires.values()):
                self.pass_time()
        for admission in self.activators:
            for queue in admission._queues.values():
                if queue.waiting.line:
                    assert queue.key.name in self.starts, "somebody waits, and no pod was asked for"


class CalmWorld(World):
    """Without broken links all activators see the same pods, so that the bound on their number is exact."""

    def step(self) -> None:
        random = self.random
        moving = [wire for wire in self.wires.values() if wire.to_shim or wire.to_activator]
        actions = [self.add_generic, self.ask, self.ask, self.import_one] + [lambda: self.deliver(random.choice(moving))] * (
            4 if moving else 0
        )
        random.choice(actions)()
        if self.unmoved and random.random() < 0.3:
            self.settle_and_move()
        self.check()

    def settle_and_move(self) -> None:
        """A pod is moved over by writes to Kubernetes: the frames that were sent before it have long arrived."""
        for wire in list(self.wires.values()):
            while wire.to_activator:
                self.deliver_to_activator(wire)
        self.move_one()


class WildWorld(World):
    """With broken links an activator may not see a pod for a while, and take another."""

    broken = True


@settings(max_examples=examples(300))
@given(st.integers(0, 2**64), st.sampled_from((CalmWorld, WildWorld)))
def test_a_pod_runs_one_function_and_nobody_takes_more_of_them_than_are_allowed(seed: int, world_type: type[World]) -> None:
    world = world_type(Random(seed))
    for _ in range(world.random.randint(5, 120)):
        world.step()
    world.end()
