"""Several activators, a ReplicaSet and handovers to it, with news that come late, or not at all.

Times are in steps of 50 ms. A ReplicaSet makes pods until there are as many as its scale, and deletes gated ones where it has adopted
others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings

from lambent.activator.admission.model import FunctionKey
from lambent.activator.pool.gates import LEFT_BEHIND_SECONDS, OTHERS_SECONDS, RETRY_SECONDS, Gates, StartingPod
from tests.support.examples_drawn import examples

KEY = FunctionKey("team", "hello")
STEP = 0.05


@dataclass(eq=False)
class Pod:
    name: str
    made_at: int
    gated: bool = True
    node: bool = False

    def view(self) -> StartingPod:
        return StartingPod(KEY, f"uid-{self.name}", self.name, f"T{self.made_at // 20:04}", 0 if self.gated else None, deleting=False)


@dataclass(eq=False)
class Activator:
    gates: Gates
    news: deque[tuple[int, Callable[[Gates, float], Any]]] = field(default_factory=deque)
    lifted: dict[str, list[float]] = field(default_factory=dict)


class World:
    """`lossy`: news are lost, handovers take as long as they like, are given up or hang, activators are restarted, writes fail."""

    def __init__(self, random: Random, *, lossy: bool) -> None:
        self.random = random
        self.lossy = lossy
        self.step_number = 0
        self.names = [f"activator-{number}" for number in range(random.randint(1, 3))]
        self.leader = random.choice(self.names)
        self.becoming = dict.fromkeys(self.names, 0)
        self.activators = {name: self.new_activator(name) for name in self.names}
        self.pods: dict[str, Pod] = {}
        self.later: list[tuple[int, Callable[[], None]]] = []
        self.made = self.asked = self.started = self.writes = 0
        self.scale = 0
        self.takes: dict[str, str] = {}
        """Pods of the pool, by who took them."""
        self.adopted: set[str] = set()

    @property
    def now(self) -> float:
        return self.step_number * STEP

    def new_activator(self, name: str) -> Activator:
        return Activator(Gates(lambda _: name == self.leader, lambda _: self.becoming[name]))

    # The cluster

    def raise_scale(self, scale: int) -> None:
        self.scale = max(self.scale, scale)
        self.in_steps(self.random.randint(0, 1), self.replicate)

    def replicate(self) -> None:
        """What a ReplicaSet does: it makes pods, or deletes such as are gated, the younger ones, to the second."""
        missing = self.scale - len(self.pods) - self.started - len(self.adopted)
        for _ in range(missing):
            pod = Pod(f"p{self.made}", self.step_number)
            self.made += 1
            self.pods[pod.name] = pod
            self.tell_seen(pod)
        gated = [pod for pod in self.pods.values() if pod.gated]
        gated.sort(key=lambda each: (each.made_at // 20, self.random.random()))
        for pod in gated[len(gated) + min(0, missing) :]:
            del self.pods[pod.name]
            self.tell_lost(pod)

    def schedule(self, pod: Pod) -> None:
        if pod.name in self.pods:
            pod.node = True
            del self.pods[pod.name]
            self.started += 1
            self.tell_lost(pod)

    def write(self, activator: Activator, view: StartingPod) -> None:
        if self.lossy and self.random.random() < 0.2:
            return
        self.writes += 1
        pod = self.pods.get(view.name)
        if pod is None or not pod.gated:
            return
        pod.gated = False
        activator.gates.lifted(view, self.now)
        self.tell_seen(pod)
        self.in_steps(self.random.randint(0, 4), lambda: self.schedule(pod))

    # News

    def in_steps(self, steps: int, act: Callable[[], None]) -> None:
        self.later.append((self.step_number + steps, act))

    def tell_seen(self, pod: Pod) -> None:
        view = pod.view()
        self.tell_all(lambda gates, now: gates.see(view, now))

    def tell_lost(self, pod: Pod) -> None:
        view = pod.view()
        self.tell_all(lambda gates, _: gates.lose(view))

    def tell_all(self, news: Callable[[Gates, float], Any]) -> None:
        for activator in self.activators.values():
            self.tell(activator, news, self.random.randint(0, 2))

    def tell(self, activator: Activator, news: Callable[[Gates, float], Any], delay: int) -> None:
        """By a channel that keeps the order."""
        if self.lossy and self.random.random() < 0.1:
            return
        at = max(self.step_number + delay, activator.news[-1][0] if activator.news else 0)
        activator.news.append((at, news))

    # What happens

    def ask(self) -> None:
        """For a pod more than there are, are asked for, or are to be handed over."""
        self.asked += 1
        self.raise_scale(self.asked + len(self.takes))

    def hand_over(self) -> None:
        """A generic pod becomes the function: the one that took it hands it over, the others hear of it when it has answered."""
        uid, owner = f"pool-{len(self.takes)}", self.random.choice(self.names)
        self.takes[uid] = owner
        self.becoming[owner] += 1
        hears = [name for name in self.names if name == owner or not (self.lossy and self.random.random() < 0.3)]

        def answer() -> None:
            self.becoming[owner] -= 1
            for name in hears:
                self.activators[name].gates.took(KEY, uid)

        # At once, where others are to hear of it: between two of its own steps only who has asked it knows.
        if len(self.names) == 1:
            self.in_steps(self.random.randint(0, 1), answer)
        else:
            answer()
        slowest = 200 if self.lossy else 10

        def raise_scale() -> None:
            self.raise_scale(self.asked + len(self.takes))
            chance = self.random.random() if self.lossy else 1.0
            if chance < 0.1:
                pass  # it hangs, for good
            elif chance < 0.3:
                self.in_steps(self.random.randint(1, 40), drop)
            else:
                self.in_steps(self.random.randint(2, slowest), move)

        def drop() -> None:
            """The pod has died meanwhile: the one made for it is wanted."""
            self.activators[owner].gates.dropped(KEY, uid)

        def move() -> None:
            self.adopted.add(uid)
            self.activators[owner].gates.moved(KEY, uid, self.now)
            self.in_steps(self.random.randint(0, slowest), self.replicate)
            for name in self.names:
                if name != owner:
                    self.in_steps(self.random.randint(30, 60), lambda name=name: self.activators[name].gates.moved(KEY, uid, self.now))

        self.in_steps(self.random.choice((2, 10)), raise_scale)

    def disturb(self) -> None:
        name = self.random.choice(self.names)
        if self.random.random() < 0.5:
            self.activators[name] = self.new_activator(name)
        else:
            self.activators[name].news.clear()
        if self.random.random() < 0.2:
            self.leader = self.random.choice([*self.names, "nobody"])
        self.list_again(self.activators[name])

    def list_again(self, activator: Activator) -> None:
        views = [pod.view() for pod in self.pods.values()]
        activator.gates.keep(views, self.now)

    # Time

    def step(self) -> None:
        self.step_number += 1
        due = [act for at, act in self.later if at <= self.step_number]
        self.later = [(at, act) for at, act in self.later if at > self.step_number]
        for act in due:
            act()
        for activator in self.activators.values():
            while activator.news and activator.news[0][0] <= self.step_number:
                activator.news.popleft()[1](activator.gates, self.now)
            for lift in activator.gates.decide(self.now):
                activator.lifted.setdefault(lift.pod.name, []).append(self.now)
                self.in_steps(self.random.randint(0, 2), lambda activator=activator, view=lift.pod: self.write(activator, view))

    def run(self, steps: int) -> None:
        for _ in range(steps):
            chance = self.random.random()
            if chance < 0.15:
                self.ask()
            elif chance < 0.3:
                self.hand_over()
            elif self.lossy and chance < 0.34:
                self.disturb()
            self.step()
            self.check_pace()

    def check_pace(self) -> None:
        for activator in self.activators.values():
            for name, times in activator.lifted.items():
                pauses = [later - earlier for earlier, later in pairwise(times)]
                assert all(pause >= RETRY_SECONDS - 1e-6 for pause in pauses), f"{name} was let go twice: {times}"


worlds = st.randoms(use_true_random=False)


@settings(max_examples=examples(200))
@given(worlds, st.integers(1, 40))
def test_no_pod_starts_in_vain_and_all_that_are_wanted_do(random: Random, steps: int) -> None:
    world = World(random, lossy=False)
    for _ in range(steps):
        world.run(1)
        assert world.started + sum(not pod.gated for pod in world.pods.values()) <= world.asked
    for _ in range(int(15 / STEP)):
        world.step()
        assert world.started <= world.asked
    world.check_pace()

    assert world.started == world.asked
    assert world.pods == {}
    assert not any(activator.gates.busy for activator in world.activators.values())


@settings(max_examples=examples(200))
@given(worlds, st.integers(1, 100))
def test_no_pod_stays_behind_whatever_is_lost(random: Random, steps: int) -> None:
    world = World(random, lossy=True)
    world.run(steps)
    while world.later:
        world.step()
    world.lossy = False
    for activator in world.activators.values():
        world.list_again(activator)
    for _ in range(int((LEFT_BEHIND_SECONDS + RETRY_SECONDS) / STEP) + 10):
        world.step()
    world.check_pace()

    assert world.pods == {}


@settings(max_examples=examples(50))
@given(worlds, st.integers(1, 10))
def test_where_nothing_comes_from_a_pool_one_write_starts_a_pod(random: Random, pods: int) -> None:
    world = World(random, lossy=False)
    for _ in range(pods):
        world.ask()
    for _ in range(int(2 / STEP)):
        world.step()

    assert world.started == world.writes == pods


@settings(max_examples=examples(50))
@given(worlds)
def test_where_nobody_leads_it_takes_a_moment_longer(random: Random) -> None:
    world = World(random, lossy=False)
    world.leader = "nobody"
    world.ask()
    for _ in range(int(OTHERS_SECONDS / STEP) + 12):
        world.step()

    assert world.started == 1
