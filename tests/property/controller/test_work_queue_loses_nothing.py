"""Against a naive model: no key is lost, worked on twice at a time, or taken early; no namespace is taken twice before another."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from lambent.controller.queue.work_queue import Key, WorkQueue

KEYS = [Key("Function", namespace, name) for namespace in ("one", "two", "three") for name in "abc"]


class Queues(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.queue = WorkQueue()
        self.due: dict[Key, float] = {}
        self.working: set[Key] = set()
        self.now = 0.0
        self.passed_over: dict[str, list[str]] = {}
        """By namespace with a key that may be taken: the namespaces that were served since."""

    @rule(key=st.sampled_from(KEYS), delay=st.sampled_from([0.0, 1.0, 5.0]))
    def add(self, key: Key, delay: float) -> None:
        self.queue.add(key, self.now, delay)
        self.due[key] = min(self.due.get(key, self.now + delay), self.now + delay)

    @rule()
    def take(self) -> None:
        ready = {key for key, due in self.due.items() if due <= self.now and key not in self.working}
        key = self.queue.take(self.now)
        if key is None:
            assert not ready
            return
        assert key in ready
        assert self.due[key] == min(self.due[other] for other in ready if other.namespace == key.namespace)
        self.passed_over = {other.namespace: [*self.passed_over.get(other.namespace, []), key.namespace] for other in ready}
        self.passed_over.pop(key.namespace)
        assert all(len(served) == len(set(served)) for served in self.passed_over.values())
        del self.due[key]
        self.working.add(key)

    @rule(again=st.sampled_from([None, 0.0, 3.0]))
    def finish(self, again: float | None) -> None:
        if self.working:
            key = min(self.working)
            self.working.discard(key)
            self.queue.finish(key, self.now, again)
            if again is not None:
                self.due[key] = min(self.due.get(key, self.now + again), self.now + again)

    @rule()
    def fail(self) -> None:
        if self.working:
            key = max(self.working)
            self.working.discard(key)
            self.due[key] = self.now + self.queue.fail(key, self.now)

    @rule(seconds=st.sampled_from([0.5, 2.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def it_knows_what_waits_and_when(self) -> None:
        assert len(self.queue) == len(self.due)
        free = [due for key, due in self.due.items() if key not in self.working]
        assert self.queue.next_due() == min(free, default=None)


TestQueues = Queues.TestCase
