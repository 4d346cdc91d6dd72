"""One function's queue and links: who goes next, where to, and when more pods are asked for.

What always holds after each call: if somebody waits, no usable link has credit, and every usable link either is full with this
activator's own invocations (its next RESULT says what becomes of the slot) or has been told, by WANT, BOUNCE or WAITING, that we wait.
So a slot that frees always brings a message.
"""

from __future__ import annotations

from collections import deque
from math import ceil

from lambent.activator.admission.link import Link, Shelf
from lambent.activator.admission.meter import Meter
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
    Start,
    State,
    Want,
)
from lambent.api.reasons import PLATFORM_LINK_LOST, PLATFORM_NOT_READY, PLATFORM_QUEUE_TIMEOUT


class FunctionQueue:
    """Changes synchronously, appends what is to be done to `out`, and does nothing else."""

    def __init__(self, key: FunctionKey, limits: Limits, now: float) -> None:
        self.key = key
        self.rules: Rules | None = None
        """None until the Function is known: a link may come before it."""
        self.waiting: deque[Invocation] = deque()
        self.waiting_bytes = 0
        self.links: dict[int, Link] = {}
        self.meter = Meter(now)
        self.ready = 0
        """Healthy links: pods that are likely to serve."""
        self._limits = limits
        self._shelf = Shelf()
        self._requested = 0
        self._requested_at = 0.0
        self._try_again_at = 0.0

    @property
    def empty(self) -> bool:
        """Whether nothing of it is left to remember."""
        return self.rules is None and not self.waiting and not self.links and self.meter.level == 0

    # Invocations

    def enqueue(self, invocation: Invocation, now: float, out: list[Action]) -> None:
        """Take an invocation: it is sent at once where a link has credit and nobody is before it."""
        invocation.enqueued_at = now
        self.meter.requests += 1
        self.meter.change(1, now)
        if not self.waiting:
            link = self._best()
            if link is not None:
                self._send(link, invocation, now, out)
                return
        invocation.state = State.WAITING
        invocation.waited_for_start = not self.ready
        self.waiting.append(invocation)
        self.waiting_bytes += len(invocation.payload)
        if len(self.waiting) == 1:
            # Whoever waits after it finds every shim told already.
            self._want(out)
        self.plan_start(now, out)

    def may_initialise_again(self, now: float) -> bool:
        """Whether this invocation may try a pod that failed to initialise, although the function has never served.

        As on Lambda, where each invocation repeats a failed initialisation; but only one in a while, so that others are answered at once.
        """
        if now < self._try_again_at or not any(link.usable for link in self.links.values()):
            return False
        self._try_again_at = now + self._limits.initialise_again_seconds
        return True

    def cancel(self, invocation: Invocation, now: float, out: list[Action]) -> None:
        """The caller is gone. A handler that may have started runs on and holds its slot."""
        if invocation.state is State.WAITING:
            self.waiting.remove(invocation)
            self._left(invocation, now)
        elif invocation.state is State.SENT:
            link = self.links[invocation.link]
            del link.in_flight[invocation.number]
            invocation.state = State.DONE
            out.append(Cancel(link.number, invocation.number))
            if invocation.sent:
                link.ghosts[invocation.number] = now + self._longest()
            else:
                link.add_credit(1)
                self.meter.change(-1, now)
            self._settle(link, now, out)

    def expire(self, now: float, out: list[Action]) -> None:
        """Fail who has waited too long; each function's queue is in order of arrival."""
        deadline = now - self._limits.queue_seconds
        while self.waiting and self.waiting[0].enqueued_at <= deadline:
            invocation = self.waiting.popleft()
            waited = f"no free slot within {self._limits.queue_seconds:g} s"
            failure = (
                Failure(PLATFORM_QUEUE_TIMEOUT, f"{waited}: all {self.ready} ready pods are busy")
                if self.ready
                else Failure(PLATFORM_NOT_READY, f"{waited}: no pod of the function is ready")
            )
            self._left(invocation, now)
            out.append(Fail(invocation, failure))

    def check_links(self, now: float, out: list[Action]) -> None:
        """Close links whose shim owes an answer far beyond the timeout; forget ghosts that must have ended."""
        longest = self._longest()
        for link in list(self.links.values()):
            if any(now > invocation.dispatched_at + longest for invocation in link.in_flight.values()):
                out.append(Close(link.number, f"no answer within {longest:g} s"))
            for number in [number for number, until in link.ghosts.items() if until <= now]:
                self._end_ghost(link, number, now)
                link.add_credit(1)
                self._settle(link, now, out)

    # Links

    def add_link(self, link: Link) -> None:
        """A pod has said hello; it takes invocations once it is initialised."""
        self.links[link.number] = link
        link.rank = self._rank(link)
        self._count_ready()

    def initialized(self, link: Link, failure: Failure | None, now: float, out: list[Action]) -> None:
        """Its initialisation has ended, well or not; it may be told again with another outcome."""
        if not link.initialized:
            link.initialized = True
            link.credit = link.slots
        link.failure = failure
        self._count_ready()
        self._settle(link, now, out)

    def result(self, link: Link, number: int, again: bool, now: float, out: list[Action]) -> Invocation | None:
        """An answer is complete; None where nobody waits for it any more."""
        invocation = link.in_flight.pop(number, None)
        held = True
        if invocation is not None:
            invocation.state = State.DONE
            self.meter.change(-1, now)
            if invocation.wants_more and not again:
                link.wanting = True
        else:
            # Of one that was cancelled before its last byte had left, the credit was taken back then.
            held = self._end_ghost(link, number, now)
        if again:
            # Nobody waits there: if we believed we did, the shim has not heard of it yet, or has answered by a GRANT that is on its way.
            link.wanting = False
            if held:
                link.add_credit(1)
        self._settle(link, now, out)
        return invocation

    def bounce(self, link: Link, number: int, now: float, out: list[Action]) -> None:
        """The shim had no slot free: the invocation goes back to its place in the queue, and a grant will come."""
        invocation = link.in_flight.pop(number, None)
        if invocation is None:
            self._end_ghost(link, number, now)
        else:
            invocation.bounces += 1
            self._requeue(invocation)
        link.credit = 0
        link.wanting = True
        self._settle(link, now, out)

    def grant(self, link: Link, count: int, now: float, out: list[Action]) -> None:
        """Slots are kept for us: use them or give them back."""
        link.wanting = False
        link.add_credit(count)
        used = self._settle(link, now, out)
        if used < count:
            out.append(Return(link.number, count - used))

    def drain(self, link: Link, now: float, out: list[Action]) -> None:
        """It takes no more; what it runs it answers."""
        link.draining = True
        self._count_ready()
        self._settle(link, now, out)

    def remove_link(self, link: Link, now: float, out: list[Action]) -> None:
        """The link is broken: what has not started goes elsewhere, what may have started fails and is never run twice."""
        del self.links[link.number]
        self._shelf.remove(link)
        self._count_ready()
        for number in list(link.ghosts):
            self._end_ghost(link, number, now)
        for invocation in sorted(link.in_flight.values(), key=lambda invocation: -invocation.sequence):
            if invocation.sent:
                invocation.state = State.DONE
                self.meter.change(-1, now)
                out.append(Fail(invocation, Failure(PLATFORM_LINK_LOST, "the pod went away while the function ran")))
            else:
                self._requeue(invocation)
        link.in_flight.clear()
        self._requested = min(self._requested, len(self.links))
        self.pump(now, out)

    # Rules

    def set_rules(self, rules: Rules | None, gone: Failure, now: float, out: list[Action]) -> None:
        """The Function was added or changed, or (None) deleted: then those that wait are answered with `gone`."""
        self.rules = rules
        for link in self.links.values():
            link.rank = self._rank(link)
            self._shelf.place(link)
        self._count_ready()
        blocked = gone if rules is None else rules.blocked
        if blocked is not None:
            self._fail_waiting(blocked, len(self.waiting), now, out)
        self.pump(now, out)

    def _count_ready(self) -> None:
        self.ready = sum(link.healthy for link in self.links.values())

    def _rank(self, link: Link) -> int | None:
        """Contract "Revisions", 4: the ready revision, else while Ready is not True older proven ones, never the unproven newest."""
        rules = self.rules
        if rules is None:
            return None
        if link.revision == (rules.ready_revision or rules.latest_revision):
            return 0
        if rules.ready or not rules.ready_revision or link.revision == rules.latest_revision:
            return None
        return 1

    def _longest(self) -> float:
        return (self.rules.timeout_seconds if self.rules else 900.0) + self._limits.answer_grace_seconds

    # Moving on

    def pump(self, now: float, out: list[Action]) -> None:
        """Send what waits into what is free, then see to it that what stays waiting is known where it must be."""
        waiting = self.waiting
        while waiting:
            link = self._best()
            if link is None:
                self._want(out)
                self.plan_start(now, out)
                return
            invocation = waiting.popleft()
            self.waiting_bytes -= len(invocation.payload)
            self._send(link, invocation, now, out)
        self._requested = 0

    def _best(self) -> Link | None:
        """The link for the next invocation. One that failed to initialise only where there is no other to wait for."""
        link = self._shelf.best()
        return None if link is not None and link.failure is not None and self.ready else link

    def _settle(self, link: Link, now: float, out: list[Action]) -> int:
        """After a change of one link: how many invocations were sent to it."""
        self._shelf.place(link)
        if not self.waiting:
            return 0
        before = len(link.in_flight)
        self.pump(now, out)
        return len(link.in_flight) - before

    def _send(self, link: Link, invocation: Invocation, now: float, out: list[Action]) -> None:
        number = link.take_number()
        invocation.state = State.SENT
        invocation.link = link.number
        invocation.number = number
        invocation.dispatched_at = now
        invocation.sent = False
        invocation.wants_more = bool(self.waiting)
        link.credit -= 1
        link.in_flight[number] = invocation
        self._shelf.place(link)
        out.append(Send(link.number, invocation))

    def _want(self, out: list[Action]) -> None:
        for link in self.links.values():
            if not link.wanting and len(link.in_flight) < link.slots and not link.credit and (link.healthy if self.ready else link.usable):
                link.wanting = True
                out.append(Want(link.number))

    def plan_start(self, now: float, out: list[Action]) -> None:
        """Ask for as many pods as those that wait need, on top of those there are."""
        rules = self.rules
        if rules is None or not self.waiting:
            return
        if self.ready and now - self.waiting[0].enqueued_at < self._limits.start_patience_seconds:
            return
        serving = [link for link in self.links.values() if link.serving]
        coming = sum(not link.initialized for link in serving) * rules.concurrency
        needed = min(rules.max_scale, len(serving) + ceil(max(0, len(self.waiting) - coming) / rules.concurrency))
        overdue = now - self._requested_at >= self._limits.start_retry_seconds
        if needed > len(serving) and (needed > self._requested or overdue):
            self._requested = max(needed, self._requested)
            self._requested_at = now
            out.append(Start(self.key, needed))

    def _requeue(self, invocation: Invocation) -> None:
        """Back to its place: the queue is in order of arrival."""
        invocation.state = State.WAITING
        later = deque[Invocation]()
        while self.waiting and self.waiting[0].sequence < invocation.sequence:
            later.append(self.waiting.popleft())
        self.waiting.appendleft(invocation)
        self.waiting.extendleft(reversed(later))
        self.waiting_bytes += len(invocation.payload)

    def _left(self, invocation: Invocation, now: float) -> None:
        """It no longer waits, and is not sent."""
        invocation.state = State.DONE
        self.waiting_bytes -= len(invocation.payload)
        self.meter.change(-1, now)
        if not self.waiting:
            self._requested = 0

    def _fail_waiting(self, failure: Failure, count: int, now: float, out: list[Action]) -> None:
        for _ in range(min(count, len(self.waiting))):
            invocation = self.waiting.popleft()
            self._left(invocation, now)
            out.append(Fail(invocation, failure))

    def _end_ghost(self, link: Link, number: int, now: float) -> bool:
        """A started invocation without caller has ended."""
        if link.ghosts.pop(number, None) is None:
            return False
        self.meter.change(-1, now)
        return True
