"""Whatever happens to a function that has never initialised, and whenever: trials are few, none is lost, and no slot is.

Pods come for starts that were asked for, initialise or fail to, break and go; callers give up; the Function's status lags behind.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from random import Random

import hypothesis.strategies as st
from hypothesis import given, settings

from lambent.activator.admission.admission import Admission
from lambent.activator.admission.model import Action, Cancel, Fail, Failure, FunctionKey, Invocation, Limits, Rules, Send, Start, State
from lambent.api.reasons import FUNCTION_INIT_ERROR, PLATFORM_NOT_READY
from tests.support.examples_drawn import examples

KEY = FunctionKey("default", "hello")
BAD = Failure(FUNCTION_INIT_ERROR, "no database", "ConnectionError")
BLOCKED = Rules(concurrency=1, max_scale=3, latest_revision="r1", blocked=BAD, recoverable=True)
SERVING = Rules(concurrency=1, max_scale=3, latest_revision="r1", ready_revision="r1", ready=True)
PAUSE = 5.0
LONGEST = 60.0
QUEUE_SECONDS = 60.0


class World:
    """One activator and the pods it hears of; `random` decides what happens next."""

    def __init__(self, random: Random, *, mends: bool) -> None:
        self.random = random
        self.mends = mends
        """Whether the trouble may pass."""
        self.now = 1000.0
        self.admission = Admission(Limits(queue_seconds=QUEUE_SECONDS, initialise_again_seconds=PAUSE, start_retry_seconds=1))
        self.admission.set_rules(KEY, BLOCKED, self.now)
        self.rules = BLOCKED
        self.asked = 0
        """Pods asked for that have not come."""
        self.links: dict[int, bool | None] = {}
        """By number: whether it has initialised, None before that is known."""
        self.number = 0
        self.trials: list[tuple[float, bool]] = []
        """When each was admitted, and whether it had to start a pod."""
        self.all: list[Invocation] = []
        self.running: list[tuple[int, int]] = []
        """Link and id of what pods run, for nobody too."""
        self.answered: dict[int, int] = {}

    def step(self) -> None:
        choices: list[tuple[int, Callable[[], None]]] = [
            (8, self.submit),
            (4, self.pass_time),
            (3 if self.asked else 0, self.pod_comes),
            (3 if None in self.links.values() else 0, self.pod_initialises),
            (2 if self.links else 0, self.link_breaks),
            (4 if self.running else 0, self.pod_answers),
            (1, self.caller_leaves),
            (2, self.status_is_told),
            (1, self.links_are_checked),
        ]
        weights, actions = zip(*choices, strict=True)
        self.random.choices(actions, weights)[0]()
        self.check()

    def submit(self) -> None:
        invocation = Invocation(KEY, b"{}", b"x")
        healthy = any(self.links.values())
        usable = any(ok is not None for ok in self.links.values())
        blocked = self.rules is BLOCKED and not healthy
        waiting = self.admission.queued
        self.all.append(invocation)
        actions = self.admission.submit(invocation, self.now)
        self.do(actions)
        if not blocked:
            assert invocation.state is not State.DONE
            return
        if invocation.state is State.DONE:
            assert actions == [Fail(invocation, BAD)], "all but a trial are answered at once"
            return
        assert not waiting, "while one waits for a pod, nobody joins it"
        self.trials.append((self.now, not usable))
        coming = None in self.links.values()
        assert usable or coming or Start(KEY, 1) in actions, "a trial without a pod asks for one"

    def pass_time(self) -> None:
        self.now += self.random.choice((0.1, 1.0, 4.0, 30.0, 100.0))
        self.do(self.admission.tick(self.now))
        if not self.links and self.admission.queued:
            assert self.asked, "somebody waits for a pod that nobody has asked for"

    def pod_comes(self) -> None:
        self.asked -= 1
        self.number += 1
        self.links[self.number] = None
        self.do(self.admission.open_link(self.number, KEY, "r1", 1, self.now))

    def pod_initialises(self) -> None:
        number = self.random.choice([number for number, ok in self.links.items() if ok is None])
        ok = self.mends and self.random.random() < 0.4
        self.links[number] = ok
        self.do(self.admission.initialized(number, None if ok else BAD, self.now))

    def link_breaks(self) -> None:
        number = self.random.choice(list(self.links))
        del self.links[number]
        self.running = [(link, each) for link, each in self.running if link != number]
        self.do(self.admission.close_link(number, self.now))

    def pod_answers(self) -> None:
        link, identifier = self.running.pop(self.random.randrange(len(self.running)))
        invocation, actions = self.admission.result(link, identifier, self.now, again=True)
        if invocation is not None:
            self.answer(invocation)
        self.do(actions)

    def caller_leaves(self) -> None:
        waiting = [invocation for invocation in self.all if invocation.state in (State.WAITING, State.SENT)]
        if waiting:
            invocation = self.random.choice(waiting)
            self.do(self.admission.cancel(invocation, self.now))
            self.answer(invocation)

    def status_is_told(self) -> None:
        """The Function's status, at last; once it serves, it is not blocked again."""
        if any(self.links.values()):
            self.rules = SERVING
        self.do(self.admission.set_rules(KEY, self.rules, self.now))

    def links_are_checked(self) -> None:
        self.do(self.admission.check_links(self.now))

    def do(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Send):
                action.invocation.sent = self.random.random() < 0.8
                self.running.append((action.link, action.invocation.number))
            elif isinstance(action, Fail):
                self.answer(action.invocation)
                if action.invocation.trial and action.failure.reason is PLATFORM_NOT_READY:
                    assert self.now - action.invocation.enqueued_at >= QUEUE_SECONDS, "a trial was given up early"
                if action.invocation.trial and self.rules is BLOCKED:
                    assert action.failure is not BAD, "a trial was answered with what is known already"
            elif isinstance(action, Start):
                self.asked = max(self.asked, action.replicas - len(self.links))
            elif isinstance(action, Cancel):
                assert action.link in self.links

    def answer(self, invocation: Invocation) -> None:
        self.answered[id(invocation)] = self.answered.get(id(invocation), 0) + 1
        assert self.answered[id(invocation)] == 1, "answered twice"

    def check(self) -> None:
        assert all(after - before >= PAUSE for before, after in pairwise(at for at, _ in self.trials))
        starts = [at for at, started in self.trials if started]
        assert all(after - before >= min(LONGEST, PAUSE * 2**number) for number, (before, after) in enumerate(pairwise(starts)))
        if not self.mends:
            # Several only where links broke under them.
            assert all(invocation.trial for invocation in self.all if invocation.state is State.WAITING)

    def end(self) -> None:
        """Pods end what they run, and nobody waits for ever."""
        while self.running:
            self.pod_answers()
        self.now += 2 * QUEUE_SECONDS
        self.do(self.admission.tick(self.now))
        while self.running:
            self.pod_answers()
        assert all(invocation.state is State.DONE for invocation in self.all)
        assert all(self.answered[id(invocation)] == 1 for invocation in self.all)
        queue = self.admission._queues[KEY]
        assert queue.meter.level == 0
        assert queue.waiting.bytes == 0
        for number, ok in self.links.items():
            link = self.admission._links[number]
            assert (link.credit, link.load) == (0 if ok is None else 1, 0), "a slot is lost"


@settings(max_examples=examples(400))
@given(st.integers(0, 2**64), st.booleans())
def test_trials_are_few_and_none_is_lost(seed: int, mends: bool) -> None:
    world = World(Random(seed), mends=mends)
    for _ in range(world.random.randint(5, 120)):
        world.step()
    world.end()


@settings(max_examples=examples(50))
@given(st.integers(0, 2**64), st.floats(0.1, 30))
def test_a_function_that_is_asked_for_is_tried_within_the_longest_pause(seed: int, interval: float) -> None:
    """However many trials have failed, callers who keep coming find out soon that the trouble has passed."""
    world = World(Random(seed), mends=False)
    for _ in range(world.random.randint(5, 120)):
        world.step()
    while world.links:
        world.link_breaks()
    world.now += QUEUE_SECONDS
    world.do(world.admission.tick(world.now))
    before, since = len(world.trials), world.now
    while len(world.trials) == before:
        assert world.now - since <= LONGEST + interval
        world.now += interval
        # As the exchange does many times a second: the one tick above may come a rounding error before somebody's last moment.
        world.do(world.admission.tick(world.now))
        world.submit()
