"""One function's invocations: who goes next, where to, and who is not served at all.

What always holds after each call: if somebody waits, no usable link has credit, and every usable link either is full with this
activator's own invocations (its next RESULT says what becomes of the slot) or has been told, by WANT, BOUNCE or WAITING, that we wait.
So a slot that frees always brings a message.
"""

from __future__ import annotations

from typing import Final

from lambent.activator.admission.budget import Budget
from lambent.activator.admission.link import Link
from lambent.activator.admission.links import Links
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
    State,
    Want,
)
from lambent.activator.admission.pace import Pace
from lambent.activator.admission.pools import Pools
from lambent.activator.admission.recruiter import Recruiter
from lambent.activator.admission.trials import Trials
from lambent.activator.admission.waiting import Waiting
from lambent.api.reasons import PLATFORM_LINK_LOST, PLATFORM_NOT_READY, PLATFORM_QUEUE_TIMEOUT

_FORGOTTEN: Final = 1024
"""Invocations cancelled half-sent that a shim may leave unanswered."""


class FunctionQueue:
    """Changes synchronously, appends what is to be done to `out`, and does nothing else."""

    def __init__(self, key: FunctionKey, limits: Limits, pools: Pools, budget: Budget, now: float) -> None:
        self.key = key
        self.rules: Rules | None = None
        """None until the Function is known: a link may come before it."""
        self.links = Links()
        self.meter = Meter(now)
        self.waiting = Waiting(self.meter, limits.start_patience_seconds)
        self.held = 0
        """Bytes of payloads that are kept for it."""
        self._budget = budget
        self._limits = limits
        self._pace = Pace(limits)
        self._recruiter = Recruiter(key, limits, pools, links=self.links, waiting=self.waiting, meter=self.meter, pace=self._pace)
        self._trials = Trials(limits)

    @property
    def empty(self) -> bool:
        """Whether nothing of it is left to remember."""
        return self.rules is None and not self.waiting.line and not self.links.by_number and self.meter.level == 0

    # Invocations

    def enqueue(self, invocation: Invocation, now: float, out: list[Action]) -> None:
        """Take an invocation: it is sent at once where a link has credit and nobody is before it."""
        invocation.enqueued_at = now
        self.meter.requests += 1
        size = len(invocation.payload)
        self.held += size
        self._budget.take(size)
        if not self.waiting.line:
            link = self.links.best()
            if link is not None:
                self.meter.change(1, now)
                self._send(link, invocation, now, out)
                return
        invocation.waited_for_start = not self.links.ready
        self.waiting.add(invocation)
        if len(self.waiting.line) == 1:
            # Whoever waits after it finds every shim told already.
            self._want(out)
        self.plan_start(now, out)

    def refuses(self, invocation: Invocation, now: float) -> bool:
        """Whether an invocation of a blocked function is answered at once with why it is blocked.

        Not where it is to be the trial, nor where a pod has initialised meanwhile: the Function's status will say so in a moment.
        While a trial waits for its pod, there is no other.
        """
        rules = self.rules
        if rules is None or rules.blocked is None or (rules.recoverable and self.links.ready):
            return False
        if self.waiting.line or not self._trials.admit(now, pod=self.links.usable, may_start=rules.recoverable):
            return True
        invocation.trial = True
        return False

    def cancel(self, invocation: Invocation, now: float, out: list[Action]) -> None:
        """The caller is gone. A handler that may have started runs on and holds its slot."""
        if invocation.state is State.WAITING:
            self.waiting.drop(invocation, now)
            self._left(invocation)
        elif invocation.state is State.SENT:
            link = self.links.by_number[invocation.link]
            del link.in_flight[invocation.number]
            if invocation.begun or invocation.sent:
                out.append(Cancel(link.number, invocation.number))
                if not invocation.sent:
                    self._forget(link, invocation.number, now, out)
            self._end(invocation)
            if invocation.sent:
                link.ghosts[invocation.number] = now + self._longest()
            else:
                if not invocation.ahead:
                    link.add_credit(1)
                self._vacated(link, now)
            self._settle(link, now, out)

    def expire(self, now: float, out: list[Action]) -> None:
        """Fail who has waited too long; each function's queue is in order of arrival."""
        deadline = now - self._limits.queue_seconds
        while self.waiting.line and self.waiting.line[0].enqueued_at <= deadline:
            invocation = self.waiting.take_to_fail(now)
            waited = f"no free slot within {self._limits.queue_seconds:g} s"
            failure = (
                Failure(PLATFORM_QUEUE_TIMEOUT, f"{waited}: all {self.links.ready} ready pods are busy")
                if self.links.ready
                else Failure(PLATFORM_NOT_READY, f"{waited}: no pod of the function is ready")
            )
            self._left(invocation)
            out.append(Fail(invocation, failure))

    def check_links(self, now: float, out: list[Action]) -> None:
        """Close links whose shim owes an answer far beyond the timeout; forget ghosts that must have ended."""
        longest = self._longest()
        for link in list(self.links.by_number.values()):
            if link.asked_at and now > link.asked_at + self._limits.become_seconds:
                out.append(Close(link.number, f"it did not become {self.key.name} within {self._limits.become_seconds:g} s"))
            if any(now > invocation.dispatched_at + longest for invocation in link.in_flight.values()):
                out.append(Close(link.number, f"no answer within {longest:g} s"))
            for number in [number for number, until in link.forgotten.items() if until <= now]:
                del link.forgotten[number]
            for number in [number for number, until in link.ghosts.items() if until <= now]:
                self._end_ghost(link, number, now)
                link.add_credit(1)
                self._settle(link, now, out)

    # Links

    def add_link(self, link: Link) -> None:
        """A pod has said hello; it takes invocations once it is initialised."""
        self.links.add(link)

    def initialized(self, link: Link, failure: Failure | None, now: float, out: list[Action]) -> None:
        """Its initialisation has ended, well or not; it may be told again with another outcome."""
        if not link.initialized:
            link.initialized = True
            link.credit = link.slots
        link.failure = failure
        self.links.count()
        self._recruiter.starts.came(now, self.links)
        self._settle(link, now, out)

    def result(self, link: Link, number: int, again: bool, now: float, out: list[Action]) -> Invocation | None:
        """An answer is complete; None where nobody waits for it any more."""
        invocation = link.in_flight.pop(number, None)
        held = True
        if invocation is not None:
            self._end(invocation)
            self._vacated(link, now)
            self._pace.ended(invocation, now)
            if invocation.wants_more and not again:
                link.wanting = True
        else:
            if not link.knows(number):
                out.append(Close(link.number, f"RESULT of {number}, which is not under way on this link"))
                return None
            # Of one that was cancelled before its last byte had left, the credit was taken back then.
            held = self._end_ghost(link, number, now)
            link.forgotten.pop(number, None)
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
            if not link.knows(number):
                out.append(Close(link.number, f"BOUNCE of {number}, which is not under way on this link"))
                return
            self._end_ghost(link, number, now)
            link.forgotten.pop(number, None)
        elif invocation.taken:
            # Its shim has had it for good, and let it go all the same: there is nothing left to send elsewhere.
            self._lose(link, invocation, now, out)
            out.append(Close(link.number, f"BOUNCE of {number}, which was taken"))
        else:
            self._pace.came_back(invocation, now)
            self._put_back(link, invocation, now)
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
        self.links.count()
        self._settle(link, now, out)

    def remove_link(self, link: Link, now: float, out: list[Action]) -> None:
        """The link is broken: what has not started goes elsewhere, what may have started fails and is never run twice."""
        self.links.lose(link)
        for number in list(link.ghosts):
            self._end_ghost(link, number, now)
        for invocation in sorted(link.in_flight.values(), key=lambda invocation: -invocation.sequence):
            del link.in_flight[invocation.number]
            if invocation.sent:
                self._lose(link, invocation, now, out)
            else:
                self._put_back(link, invocation, now)
        self._recruiter.starts.lost(len(self.links.by_number))
        self.pump(now, out)

    def doubt_links(self) -> None:
        """Nobody knows which links live: nothing is sent on them before they have said so."""
        for link in self.links.by_number.values():
            link.doubted = True
            self.links.place(link)

    def trust_link(self, link: Link, now: float, out: list[Action]) -> None:
        """A link lives."""
        link.doubted = False
        self._settle(link, now, out)

    def take(self, invocation: Invocation) -> None:
        """Its shim has it for good: its payload is kept no longer."""
        invocation.taken = True
        self._let_go(invocation)

    # Rules

    def set_rules(self, rules: Rules | None, gone: Failure, now: float, out: list[Action]) -> None:
        """The Function was added or changed, or (None) deleted: then those that wait are answered with `gone`.

        Where it is blocked, with the reason, unless it may pass: then the trial goes on waiting for it.
        """
        self.rules = rules
        self.links.judge(rules)
        blocked = gone if rules is None else rules.blocked
        if blocked is None:
            self._trials.forget()
        elif rules is None or not rules.recoverable:
            self._fail_waiting(blocked, now, out, trials=True)
        elif not self.links.ready:
            self._fail_waiting(blocked, now, out, trials=False)
        self.pump(now, out)

    def _longest(self) -> float:
        return (self.rules.timeout_seconds if self.rules else 900.0) + self._limits.answer_grace_seconds

    # Moving on

    def pump(self, now: float, out: list[Action], busy: Link | None = None) -> None:
        """Send what waits into what is free, then see to it that what stays waiting is known where it must be.

        `busy`: a link that has just had one invocation less, and may have one ahead of its next slot.
        """
        waiting = self.waiting
        while waiting.line:
            link = self.links.best()
            if link is not None:
                self._send(link, waiting.take_to_send(now), now, out)
            elif busy is not None and self._pace.sends_ahead(waiting.line[0], busy, now):
                self._send(busy, waiting.take_to_send(now), now, out, ahead=True)
            else:
                self._want(out)
                self.plan_start(now, out)
                return
        self._recruiter.starts.forget()

    def plan_start(self, now: float, out: list[Action]) -> None:
        """Ask for the pods that are missing: generic ones, and where there are not enough of them, the Deployment's."""
        self._recruiter.plan(self.rules, now, out)

    @property
    def wanted(self) -> int:
        """Pods in all that it has or has asked for."""
        return self._recruiter.wanted

    def dismiss(self, link: Link, now: float, out: list[Action], *, unfit: bool) -> None:
        """A pod that was asked to become this function's did not. Nothing was sent to it. `unfit`: nor would others."""
        if unfit:
            self._recruiter.find_unfit(now)
        link.asked_at = 0.0
        link.held = False
        self.links.lose(link)
        self._recruiter.starts.lost(len(self.links.by_number))
        self.plan_start(now, out)

    def _settle(self, link: Link, now: float, out: list[Action]) -> int:
        """After a change of one link: how many invocations were sent to it."""
        self.links.place(link)
        if not self.waiting.line:
            return 0
        before = len(link.in_flight)
        self.pump(now, out, link)
        return len(link.in_flight) - before

    def _send(self, link: Link, invocation: Invocation, now: float, out: list[Action], *, ahead: bool = False) -> None:
        number = link.take_number()
        invocation.state = State.SENT
        invocation.link = link.number
        invocation.number = number
        invocation.dispatched_at = now
        invocation.begun = invocation.sent = False
        invocation.wants_more = bool(self.waiting.line)
        invocation.ahead = ahead
        if not ahead:
            link.credit -= 1
        link.in_flight[number] = invocation
        if link.load > link.slots:
            self.meter.change(-1, now)  # only so many of them are load: the others still wait, for a moment
        self.links.place(link)
        out.append(Send(link.number, invocation))

    def _want(self, out: list[Action]) -> None:
        for link in self.links.untold:
            link.wanting = True
            out.append(Want(link.number))

    def _left(self, invocation: Invocation) -> None:
        """It no longer waits, and is not sent."""
        self._end(invocation)
        if not self.waiting.line:
            self._recruiter.starts.forget()

    def _end(self, invocation: Invocation) -> None:
        """Nothing more is done for it."""
        invocation.state = State.DONE
        self._let_go(invocation)

    def _let_go(self, invocation: Invocation) -> None:
        size = len(invocation.payload)
        if size:
            self.held -= size
            self._budget.let_go(size)
            invocation.payload = b""

    def _lose(self, link: Link, invocation: Invocation, now: float, out: list[Action]) -> None:
        """It may have started, and nobody will say how it ended."""
        self._end(invocation)
        self._vacated(link, now)
        out.append(Fail(invocation, Failure(PLATFORM_LINK_LOST, "the pod went away while the function ran")))

    def _forget(self, link: Link, number: int, now: float, out: list[Action]) -> None:
        """Its shim, which knows a part of it, owes an empty RESULT."""
        link.forgotten[number] = now + self._longest()
        if len(link.forgotten) > _FORGOTTEN:
            out.append(Close(link.number, f"{_FORGOTTEN} invocations were cancelled that it has not let go of"))

    def _fail_waiting(self, failure: Failure, now: float, out: list[Action], *, trials: bool) -> None:
        """All who wait, those that try a blocked function only where `trials` says so."""
        for invocation in [each for each in self.waiting.line if trials or not each.trial]:
            self.waiting.drop(invocation, now)
            self._left(invocation)
            out.append(Fail(invocation, failure))

    def _end_ghost(self, link: Link, number: int, now: float) -> bool:
        """A started invocation without caller has ended."""
        if link.ghosts.pop(number, None) is None:
            return False
        self._vacated(link, now)
        return True

    def _vacated(self, link: Link, now: float) -> None:
        """A link has one invocation less."""
        if link.load < link.slots:
            self.meter.change(-1, now)

    def _put_back(self, link: Link, invocation: Invocation, now: float) -> None:
        """One that the link had has not started: back to its place."""
        if link.load >= link.slots:
            self.meter.change(1, now)  # as all that were sent and are put back
        self.waiting.put_back(invocation, now)
