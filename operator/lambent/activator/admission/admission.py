"""Admission as a whole: all functions, the bound on queued bytes that they share, and time."""

from __future__ import annotations

from dataclasses import dataclass

from lambent.activator.admission.budget import Budget
from lambent.activator.admission.function_queue import FunctionQueue
from lambent.activator.admission.link import Link
from lambent.activator.admission.model import (
    Action,
    Fail,
    Failure,
    FunctionKey,
    Invocation,
    Limits,
    PoolKey,
    Retire,
    Rules,
    State,
)
from lambent.activator.admission.pools import Pools
from lambent.api.reasons import CALLER_NOT_FOUND, PLATFORM_QUEUE_FULL


@dataclass(frozen=True, slots=True)
class Observed:
    """One function's figures since the last reading; see docs/decisions/0002, "Statistics"."""

    function: FunctionKey
    concurrency: float
    queued: int
    requests: int
    ready: int
    starts: int = 0


class Admission:
    """Decides synchronously; each method returns what is to be done now, in that order."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.pools = Pools()
        self.budget = Budget(limits.payload_bytes)
        self._queues: dict[FunctionKey, FunctionQueue] = {}
        self._links: dict[int, Link] = {}
        self._active: dict[FunctionKey, FunctionQueue] = {}
        self._waiting: dict[FunctionKey, FunctionQueue] = {}
        self._sequence = 0

    # Functions

    def set_rules(self, key: FunctionKey, rules: Rules | None, now: float) -> list[Action]:
        """A Function was added or changed, or (None) deleted."""
        queue = self._queue(key, now)
        out: list[Action] = []
        queue.set_rules(rules, not_found(key), now, out)
        self._note(queue)
        if queue.empty:
            del self._queues[key]
            self._active.pop(key, None)
        return out

    # Invocations

    def submit(self, invocation: Invocation, now: float) -> list[Action]:
        """Send it, queue it, or refuse it."""
        queue = self._queues.get(invocation.function)
        if queue is None or queue.rules is None:
            return self._refuse(invocation, not_found(invocation.function))
        if queue.rules.blocked is not None and queue.refuses(invocation, now):
            return self._refuse(invocation, queue.rules.blocked)
        size = len(invocation.payload)
        full: Failure | None = None
        if not self.budget.has_room(size, queue.held):
            self.budget.refused += 1
            full = self.budget.word_full("an event", size)
        elif queue.waiting.line:
            full = self._full(queue, size)
        if full is not None:
            queue.meter.requests += 1
            self._active[queue.key] = queue
            return self._refuse(invocation, full)
        self._sequence += 1
        invocation.sequence = self._sequence
        out: list[Action] = []
        queue.enqueue(invocation, now, out)
        self._active[queue.key] = queue
        if queue.waiting.line:
            self._waiting[queue.key] = queue
        return out

    def cancel(self, invocation: Invocation, now: float) -> list[Action]:
        """The caller is gone; harmless at any time."""
        queue = self._queues.get(invocation.function)
        out: list[Action] = []
        if queue is not None and invocation.state in (State.WAITING, State.SENT):
            queue.cancel(invocation, now, out)
            self._note(queue)
        return out

    def abandon(self, invocation: Invocation, failure: Failure, now: float) -> list[Action]:
        """It could not be sent, or not be sent whole, for a reason that is nobody's but ours: its slot is free, its caller is told why."""
        if invocation.state not in (State.WAITING, State.SENT):
            return []
        out = self.cancel(invocation, now)
        out.append(Fail(invocation, failure))
        return out

    # Links

    def open_link(
        self,
        number: int,
        key: FunctionKey,
        revision: str,
        slots: int,
        now: float,
        *,
        draining: bool = False,
        ahead: bool = False,
        proved: bool = True,
    ) -> list[Action]:
        """A verified hello; `number` is the caller's and unique. `proved`: the slots are not the pod's own claim."""
        link = Link(number, key, revision, slots)
        link.claimed = 0 if proved else slots
        link.draining = draining
        link.ahead = ahead
        self._links[number] = link
        self._queue(key, now).add_link(link)
        return []

    def open_generic_link(self, number: int, pool: PoolKey, *, draining: bool = False, ahead: bool = False) -> None:
        """A verified hello of a pod that is no function's yet."""
        link = Link(number, FunctionKey(pool.namespace, ""), "", 1)
        link.born = pool
        link.draining = draining
        link.ahead = ahead
        self._links[number] = link
        if not draining:
            self.pools.add(link)

    def became(self, number: int, name: str, revision: str, slots: int, now: float) -> list[Action]:
        """BECAME: what the pod is from now on, whoever has asked it; without a name, why it could not be what was asked is in the log."""
        link = self._links[number]
        out: list[Action] = []
        if link.generic:
            if name:
                self.pools.remove(link)
                self._turn(link, name, revision, slots, now)
            return out
        queue = self._queues[link.function]
        if (name, revision) == (link.function.name, link.revision):
            link.asked_at = 0.0
            link.slots = min(link.slots, slots)
            return out
        if not link.asked_at:
            return [*out, Retire(number, f"it was {link.function.name} and says now that it is {name or 'none'}")]
        queue.dismiss(link, now, out, unfit=False)
        if name:
            self._turn(link, name, revision, slots, now)
        else:
            link.turn_generic()
            out.append(Retire(number, "it could not become what it was asked to"))
        return self._done(queue, out)

    def give_back(self, number: int, now: float) -> list[Action]:
        """BECOME could not be sent, for a reason that lies in the function: the pod goes back, and the function starts without."""
        link, queue, out = self._find(number)
        queue.dismiss(link, now, out, unfit=True)
        link.turn_generic()
        if not link.draining:
            self.pools.add(link)
        return self._done(queue, out)

    def asked(self, number: int) -> bool:
        """Whether the pod was asked by this activator to become something, and has not answered."""
        return bool(self._links[number].asked_at)

    def count_pods(self, key: FunctionKey) -> int:
        """Pods that serve a function, or will, those that are only asked for too."""
        queue = self._queues.get(key)
        return queue.wanted if queue is not None else 0

    def count_becoming(self, key: FunctionKey) -> int:
        """Generic pods that this activator has asked to become the function's, and that have not answered."""
        queue = self._queues.get(key)
        return sum(link.asked_at > 0 for link in queue.links.by_number.values()) if queue is not None else 0

    def moved_over(self, number: int) -> None:
        """Kubernetes knows the pod as its function's; harmless where the link is gone."""
        link = self._links.get(number)
        if link is not None:
            link.held = False

    def _turn(self, link: Link, name: str, revision: str, slots: int, now: float) -> None:
        key = FunctionKey(link.function.namespace, name)
        link.turn_into(key, revision, slots)
        link.claimed = slots
        self._queue(key, now).add_link(link)

    def initialized(self, number: int, failure: Failure | None, now: float) -> list[Action]:
        """INIT: how the pod's initialisation ended."""
        link, queue, out = self._find(number)
        queue.initialized(link, failure, now, out)
        return self._done(queue, out)

    def result(self, number: int, identifier: int, now: float, *, again: bool) -> tuple[Invocation | None, list[Action]]:
        """RESULT with its last byte: whose it is, None where its caller is gone."""
        link, queue, out = self._find(number)
        invocation = queue.result(link, identifier, again, now, out)
        return invocation, self._done(queue, out)

    def expects(self, number: int, identifier: int) -> bool:
        """Whether the pod of that link may still answer an invocation of that id, its caller gone or not."""
        return self._links[number].knows(identifier)

    def taken(self, number: int, invocation: Invocation, identifier: int) -> None:
        """The link's shim has read it whole and not bounced it; harmless where it has ended, or gone elsewhere."""
        if invocation.state is State.SENT and invocation.link == number and invocation.number == identifier:
            self._queues[invocation.function].take(invocation)

    def doubt_links(self) -> None:
        """This process was stopped: which links live is not known until each has said so."""
        for queue in self._queues.values():
            queue.doubt_links()

    def trust_link(self, number: int, now: float) -> list[Action]:
        """A link that was doubted lives; harmless where it is gone."""
        if number not in self._links or self._links[number].generic:
            return []
        link, queue, out = self._find(number)
        queue.trust_link(link, now, out)
        return self._done(queue, out)

    def bounce(self, number: int, identifier: int, now: float) -> list[Action]:
        """BOUNCE."""
        link, queue, out = self._find(number)
        queue.bounce(link, identifier, now, out)
        return self._done(queue, out)

    def grant(self, number: int, count: int, now: float) -> list[Action]:
        """GRANT."""
        link, queue, out = self._find(number)
        queue.grant(link, count, now, out)
        return self._done(queue, out)

    def drain(self, number: int, now: float) -> list[Action]:
        """DRAINING."""
        generic = self._links[number]
        if generic.generic:
            generic.draining = True
            self.pools.remove(generic)
            return []
        link, queue, out = self._find(number)
        queue.drain(link, now, out)
        return self._done(queue, out)

    def close_link(self, number: int, now: float) -> list[Action]:
        """The link is gone."""
        generic = self._links[number]
        if generic.generic:
            del self._links[number]
            self.pools.remove(generic)
            return []
        link, queue, out = self._find(number)
        del self._links[number]
        queue.remove_link(link, now, out)
        self._done(queue, out)
        if queue.empty:
            del self._queues[queue.key]
            self._active.pop(queue.key, None)
        return out

    # Time

    def tick(self, now: float) -> list[Action]:
        """Deadlines and starts of those that wait; call several times a second. Costs nothing where nobody waits."""
        out: list[Action] = []
        for queue in list(self._waiting.values()):
            queue.expire(now, out)
            queue.waiting.age(now)
            queue.plan_start(now, out)
            self._note(queue)
        return out

    def check_links(self, now: float) -> list[Action]:
        """Look for shims that owe an answer; call about once a second."""
        out: list[Action] = []
        for key in {link.function for link in self._links.values() if not link.generic}:
            queue = self._queues[key]
            queue.check_links(now, out)
            self._note(queue)
        return out

    def read_statistics(self, now: float) -> list[Observed]:
        """Figures of the functions with something to say since the last reading, and once more when they turn idle."""
        observed = []
        for key, queue in list(self._active.items()):
            if queue.meter.idle and not queue.waiting.line:
                del self._active[key]
            concurrency, requests, starts = queue.meter.read(now)
            observed.append(Observed(key, concurrency, len(queue.waiting.line), requests, queue.links.ready, starts))
        return observed

    @property
    def queued_bytes(self) -> int:
        """Payloads that wait, of all functions."""
        return sum(queue.waiting.bytes for queue in self._waiting.values())

    @property
    def queued(self) -> int:
        """Invocations that wait, of all functions."""
        return sum(len(queue.waiting.line) for queue in self._waiting.values())

    @property
    def running(self) -> int:
        """Invocations that pods run, those without caller too."""
        return sum(link.running for link in self._links.values())

    def figures(self) -> list[tuple[FunctionKey, int, int, int]]:
        """(function, running, queued, ready) of each function that has links or waiting invocations."""
        return [
            (queue.key, sum(link.running for link in queue.links.by_number.values()), len(queue.waiting.line), queue.links.ready)
            for queue in self._queues.values()
            if queue.links.by_number or queue.waiting.line
        ]

    # Inside

    def _full(self, queue: FunctionQueue, size: int) -> Failure | None:
        limits = self.limits
        if len(queue.waiting.line) >= limits.queue_count:
            return Failure(PLATFORM_QUEUE_FULL, f"{limits.queue_count} invocations of the function wait already", retry_after_seconds=1)
        free = limits.queue_bytes - self.queued_bytes
        if queue.waiting.bytes + size > max(free, 0):
            message = f"payloads of {queue.waiting.bytes} bytes wait for the function already and {max(free, 0)} bytes are left for all"
            return Failure(PLATFORM_QUEUE_FULL, message, retry_after_seconds=1)
        return None

    def _queue(self, key: FunctionKey, now: float) -> FunctionQueue:
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = FunctionQueue(key, self.limits, self.pools, self.budget, now)
        return queue

    def _find(self, number: int) -> tuple[Link, FunctionQueue, list[Action]]:
        link = self._links[number]
        return link, self._queues[link.function], []

    def _done(self, queue: FunctionQueue, out: list[Action]) -> list[Action]:
        if queue.waiting.line or queue.key in self._waiting:
            self._note(queue)
        return out

    def _note(self, queue: FunctionQueue) -> None:
        if queue.waiting.line:
            self._waiting[queue.key] = queue
        else:
            self._waiting.pop(queue.key, None)

    @staticmethod
    def _refuse(invocation: Invocation, failure: Failure) -> list[Action]:
        invocation.state = State.DONE
        return [Fail(invocation, failure)]


def not_found(key: FunctionKey) -> Failure:
    """No such Function."""
    return Failure(CALLER_NOT_FOUND, f"there is no Function {key.name} in namespace {key.namespace}")
