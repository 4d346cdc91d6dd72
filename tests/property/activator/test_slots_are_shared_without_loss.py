"""Several activators' admission and several shims' arbiters, joined by channels that deliver in order, but whenever they like.

The arbiters are the shim's own (`lambent_shim.link.slots`); what a shim does around them is written down here once more, as its contract
says.
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
    Cancel,
    Close,
    Fail,
    Failure,
    FunctionKey,
    Invocation,
    Limits,
    Return,
    Rules,
    Send,
    State,
    Want,
)
from lambent.api.reasons import FUNCTION_INIT_ERROR, PLATFORM_LINK_LOST
from lambent_shim.link.slots import Slots, Took, Turn
from tests.support.examples_drawn import examples

KEY = FunctionKey("default", "hello")
RULES = Rules(concurrency=2, max_scale=50, timeout_seconds=3, ready_revision="r1", latest_revision="r1", ready=True)


@dataclass
class Work:
    """One invocation, seen from outside."""

    invocation: Invocation
    activator: int
    large: bool = False
    starts: int = 0
    ends: int = 0
    cancelled: bool = False
    pumped: bool = False


@dataclass(eq=False)
class Pod:
    """A shim: its arbiter, what it runs, what it has of each link."""

    slots: Slots[Any]
    links: list[Wire] = field(default_factory=list)
    running: list[tuple[Wire | None, int, Work, bool]] = field(default_factory=list)
    draining: bool = False


@dataclass(eq=False)
class Wire:
    """A link with its two channels."""

    pod: Pod
    activator: int
    number: int
    to_shim: deque[tuple[Any, ...]] = field(default_factory=deque)
    to_activator: deque[tuple[Any, ...]] = field(default_factory=deque)
    partial: dict[int, tuple[Work, bool]] = field(default_factory=dict)
    kept: dict[int, tuple[Work, bool]] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)


class World:
    """`random` decides what happens next."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.now = 100.0
        self.pods: list[Pod] = []
        self.wires: dict[tuple[int, int], Wire] = {}
        self.work: dict[int, Work] = {}
        self.next_number = 0
        self.patience = random.choice((0.0, 0.5))
        limits = Limits(
            queue_seconds=1e9,
            start_patience_seconds=self.patience,
            start_retry_seconds=1,
            ahead_seconds=random.choice((0.0, 1e9)),
            ahead_pause_seconds=random.choice((0.1, 1.0)),
        )
        self.activators = [Admission(limits) for _ in range(random.randint(1, 3))]
        for admission in self.activators:
            admission.set_rules(KEY, RULES, self.now)
        self.calm = random.random() < 0.6
        """Half of the worlds have no broken links, drains and failures: contention alone goes deeper there."""

    # What can happen

    def step(self) -> None:
        random = self.random
        to_shim = [wire for wire in self.wires.values() if wire.to_shim]
        to_activator = [wire for wire in self.wires.values() if wire.to_activator]
        running = [pod for pod in self.pods if pod.running]
        alive = [work for work in self.work.values() if not work.ends and not work.cancelled]
        unpumped = self.unpumped()
        choices: list[tuple[int, Any]] = [
            (1 if self.pods else 50, self.add_pod),
            (max(1, 14 - len(alive)), self.add_request),
            (8 if to_shim else 0, lambda: self.deliver_to_shim(random.choice(to_shim))),
            (8 if to_activator else 0, lambda: self.deliver_to_activator(random.choice(to_activator))),
            (6 if running else 0, lambda: self.finish_one(random.choice(running))),
            (5 if unpumped else 0, lambda: self.send_rest(random.choice(unpumped))),
            (3 if alive else 0, lambda: self.cancel(random.choice(alive))),
            (2 if any(wire.kept for wire in self.wires.values()) else 0, self.bounce_kept),
            (1, self.pass_time),
        ]
        if not self.calm and self.wires:
            choices += [(1, lambda: self.break_one(random.choice(list(self.wires.values())))), (1, self.drain_one)]
        weights, actions = zip(*choices, strict=True)
        random.choices(actions, weights)[0]()
        self.check()

    def add_pod(self) -> None:
        if len(self.pods) >= 2 and self.random.random() < 0.9:
            return
        pod = Pod(Slots(self.random.choice((1, 1, 2, 3))))
        self.pods.append(pod)
        failed = not self.calm and self.random.random() < 0.25
        for index in range(len(self.activators)):
            self.link(pod, index, failed)

    def link(self, pod: Pod, index: int, failed: bool = False) -> None:
        self.next_number += 1
        wire = Wire(pod, index, self.next_number)
        pod.links.append(wire)
        self.wires[index, wire.number] = wire
        admission = self.activators[index]
        self.do(index, admission.open_link(wire.number, KEY, "r1", pod.slots.total, self.now, ahead=True))
        failure = Failure(FUNCTION_INIT_ERROR, "no", "Runtime.ImportModuleError") if failed else None
        self.do(index, admission.initialized(wire.number, failure, self.now))

    def add_request(self) -> None:
        index = self.random.randrange(len(self.activators))
        invocation = Invocation(KEY, b"{}", b"x")
        self.work[id(invocation)] = Work(invocation, index, self.random.random() < 0.2)
        self.do(index, self.activators[index].submit(invocation, self.now))

    def cancel(self, work: Work) -> None:
        work.cancelled = True
        self.do(work.activator, self.activators[work.activator].cancel(work.invocation, self.now))

    def finish_one(self, pod: Pod) -> None:
        self.finish(pod, self.random.randrange(len(pod.running)))

    def break_one(self, wire: Wire) -> None:
        self.break_link(wire)
        if not wire.pod.draining and self.random.random() < 0.7:
            self.link(wire.pod, wire.activator)

    def drain_one(self) -> None:
        pod = self.random.choice(self.pods)
        if not pod.draining and self.random.random() < 0.3:
            pod.draining = True
            kept = pod.slots.drain()
            for wire in pod.links:
                wire.to_activator.append(("draining",))
            for wire, number in kept:
                del wire.kept[number]
                wire.to_activator.append(("bounce", number))

    def bounce_kept(self) -> None:
        wire = self.random.choice([wire for wire in self.wires.values() if wire.kept])
        number = self.random.choice(list(wire.kept))
        del wire.kept[number]
        wire.pod.slots.let_go(wire, (wire, number), wait=True)
        wire.to_activator.append(("bounce", number))

    def pass_time(self) -> None:
        self.now += self.random.uniform(0.01, 2)
        for index, admission in enumerate(self.activators):
            self.do(index, admission.tick(self.now))

    # How it happens

    def unpumped(self) -> list[Work]:
        return [work for work in self.work.values() if work.large and work.invocation.state is State.SENT and not work.invocation.sent]

    def do(self, index: int, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Send):
                work = self.work[id(action.invocation)]
                action.invocation.begun = True
                action.invocation.sent = not work.large
                self.wires[index, action.link].to_shim.append(
                    ("invoke", action.invocation.number, work, action.invocation.wants_more, not work.large, action.invocation.ahead)
                )
            elif isinstance(action, Fail):
                work = self.work[id(action.invocation)]
                work.ends += 1
                assert work.ends == 1, "answered twice"
                if action.failure.reason is PLATFORM_LINK_LOST:
                    assert action.invocation.sent
            elif isinstance(action, Close):
                raise AssertionError(f"an honest shim is cut off: {action.why}")  # noqa: TRY004 - the test has failed
            elif isinstance(action, Cancel):
                self.wires[index, action.link].to_shim.append(("cancel", action.number))
            elif isinstance(action, Want):
                self.wires[index, action.link].to_shim.append(("want",))
            elif isinstance(action, Return):
                self.wires[index, action.link].to_shim.append(("return", action.slots))

    def send_rest(self, work: Work) -> None:
        work.invocation.sent = True
        self.wires[work.activator, work.invocation.link].to_shim.append(("body", work.invocation.number))

    def deliver_to_shim(self, wire: Wire) -> None:
        pod = wire.pod
        kind, *rest = wire.to_shim.popleft()
        if kind == "invoke":
            number, work, wants_more, whole, ahead = rest
            took = pod.slots.take(wire, (wire, number) if ahead and whole else None)
            if took is Took.NOTHING:
                wire.to_activator.append(("bounce", number))
            elif took is Took.KEPT:
                wire.kept[number] = (work, wants_more)
            elif whole:
                self.start(pod, wire, number, work, wants_more)
            else:
                wire.partial[number] = (work, wants_more)
        elif kind == "body":
            if rest[0] in wire.partial:
                work, wants_more = wire.partial.pop(rest[0])
                self.start(pod, wire, rest[0], work, wants_more)
        elif kind == "cancel":
            if rest[0] in wire.kept:
                del wire.kept[rest[0]]
                pod.slots.let_go(wire, (wire, rest[0]), wait=False)
                wire.to_activator.append(("result", rest[0], False))
            if rest[0] in wire.partial:
                del wire.partial[rest[0]]
                self.free(pod, wire, rest[0], False)
            # One that runs is finished for nobody: whether more wait has been overtaken.
            pod.running = [(w, n, work, more and (w, n) != (wire, rest[0])) for w, n, work, more in pod.running]
        elif kind == "want":
            self.turn(pod.slots.want(wire) if not pod.draining else [])
        elif kind == "return":
            self.turn(pod.slots.give_back(wire, rest[0]))
        assert pod.slots.running <= pod.slots.total
        assert len(pod.running) <= pod.slots.total

    def start(self, pod: Pod, wire: Wire, number: int, work: Work, wants_more: bool) -> None:
        work.starts += 1
        assert work.starts == 1, "run twice"
        pod.running.append((wire, number, work, wants_more))

    def finish(self, pod: Pod, index: int) -> None:
        wire, number, _, wants_more = pod.running.pop(index)
        if wire is not None and wire not in pod.links:
            wire = None
        self.free(pod, wire, number, wants_more)

    def free(self, pod: Pod, wire: Wire | None, number: int, wants_more: bool) -> None:
        finished = pod.slots.finish(wire, wants_more=wants_more)
        if wire is not None:
            wire.to_activator.append(("result", number, finished.again))
        if finished.start is not None:
            self.start_kept(*finished.start)
        if finished.grant is not None:
            finished.grant.to_activator.append(("grant", 1))

    def turn(self, turns: list[Turn[Wire]]) -> None:
        for turn in turns:
            if turn.invocation is None:
                turn.link.to_activator.append(("grant", 1))
            else:
                self.start_kept(*turn.invocation)

    def start_kept(self, wire: Wire, number: int) -> None:
        self.start(wire.pod, wire, number, *wire.kept.pop(number))

    def deliver_to_activator(self, wire: Wire) -> None:
        admission = self.activators[wire.activator]
        kind, *rest = wire.to_activator.popleft()
        if kind == "result":
            invocation, actions = admission.result(wire.number, rest[0], self.now, again=rest[1])
            if invocation is not None:
                work = self.work[id(invocation)]
                assert not work.cancelled
                assert work.starts == 1
                work.ends += 1
                assert work.ends == 1, "answered twice"
        elif kind == "bounce":
            actions = admission.bounce(wire.number, rest[0], self.now)
        elif kind == "grant":
            actions = admission.grant(wire.number, rest[0], self.now)
        else:
            actions = admission.drain(wire.number, self.now)
        self.do(wire.activator, actions)

    def break_link(self, wire: Wire) -> None:
        del self.wires[wire.activator, wire.number]
        wire.pod.links.remove(wire)
        wire.kept.clear()
        self.turn(wire.pod.slots.close(wire))
        for _ in wire.partial:
            self.free(wire.pod, None, 0, False)
        wire.partial.clear()
        self.do(wire.activator, self.activators[wire.activator].close_link(wire.number, self.now))

    def settle(self) -> None:
        """Deliver everything that is under way, without ending a handler."""
        for _ in range(10_000):
            for work in self.unpumped():
                self.send_rest(work)
            moving = [wire for wire in self.wires.values() if wire.to_shim or wire.to_activator]
            if not moving:
                return
            for wire in moving:
                if wire.to_shim:
                    self.deliver_to_shim(wire)
                if wire.to_activator:
                    self.deliver_to_activator(wire)
        raise AssertionError("the protocol never comes to rest")

    # What must hold

    def check(self) -> None:
        for index, admission in enumerate(self.activators):
            mine = [work.invocation for work in self.work.values() if work.activator == index]
            sent = sum(invocation.state is State.SENT for invocation in mine)
            waiting = sum(invocation.state is State.WAITING for invocation in mine)
            running = sum(min(len(link.in_flight) + len(link.ghosts), link.slots) for link in admission._links.values())
            assert sent == sum(len(link.in_flight) for link in admission._links.values())
            assert all(link.credit >= 0 for link in admission._links.values())
            for queue in admission._queues.values():
                assert len(queue.waiting.line) == waiting
                assert queue.meter.level == running + queue.waiting.counted
                assert queue.waiting.counted <= len(queue.waiting.line)
                assert queue.waiting.bytes == len(queue.waiting.line)
                sequences = [invocation.sequence for invocation in queue.waiting.line]
                assert sequences == sorted(sequences), "the queue is out of order"

    def end(self) -> None:
        """When all that is under way has arrived, nobody waits where a slot is free; when handlers end, everybody is served."""
        self.settle()
        self.nobody_waits_for_a_free_slot()
        for _ in range(10_000):
            busy = [pod for pod in self.pods if pod.running]
            if not busy:
                break
            self.finish(busy[0], 0)
            self.settle()
            self.nobody_waits_for_a_free_slot()
        usable = [pod for pod in self.pods if not pod.draining]
        for work in self.work.values():
            if any(wire.pod in usable for wire in self.wires.values() if wire.activator == work.activator):
                assert work.ends == 1 or work.cancelled, work
        for admission in self.activators:
            assert admission.running == 0

    def nobody_waits_for_a_free_slot(self) -> None:
        for wire in self.wires.values():
            if wire.pod.draining:
                continue
            admission = self.activators[wire.activator]
            link = admission._links[wire.number]
            healthy = any(other.healthy for other in admission._links.values())
            if link.failure is not None and healthy:
                continue
            assert wire.pod.slots.reserved == 0 or admission.queued == 0, "a slot is kept for nobody"
            assert wire.pod.slots.free == 0 or not wire.kept, "one is kept, and a slot is free"
            assert wire.pod.slots.has_place(wire) or not link.wanting, "it believes to be waited for, and is not"
            if wire.pod.slots.free > 0:
                assert admission.queued == 0, "somebody waits, and a slot is free"


@settings(max_examples=examples(500))
@given(st.integers(0, 2**64))
def test_no_slot_is_lost_or_used_twice_and_nobody_waits_for_a_free_one(seed: int) -> None:
    world = World(Random(seed))
    for _ in range(world.random.randint(5, 150)):
        world.step()
    world.end()
