"""Between callers and links: asks admission, does what it says, hands answers back. All state is in `Admission` and the sessions."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from lambent.activator.admission.admission import Admission
from lambent.activator.admission.model import (
    Action,
    Become,
    Cancel,
    Close,
    Fail,
    Failure,
    FunctionKey,
    Invocation,
    Retire,
    Return,
    Rules,
    Send,
    Start,
    State,
    Want,
)
from lambent.activator.links.became import parse_became
from lambent.activator.links.hello import Hello, Identity, LinkRefusedError
from lambent.activator.links.initialization import parse_initialization, parse_phases
from lambent.activator.links.pod_links import PodLinks
from lambent.activator.links.pool_pods import Desk
from lambent.activator.links.ports import Adopter, Blueprints, InitializationReporter, Provisioner, Verifier
from lambent.activator.links.session import MAX_RESPONSE_BYTES, Connection, LinkSession, parse_meta
from lambent.activator.links.start_parts import start_parts
from lambent.activator.reply import Reply
from lambent.api import link as wire
from lambent.api.reasons import FUNCTION_INIT_ERROR, FUNCTION_RESPONSE_TOO_LARGE, PLATFORM_INTERNAL
from lambent.tasks.supervisor import Failed
from lambent.telemetry.activator_metrics import ActivatorMetrics

TICK_SECONDS = 0.05
CLOCK_SECONDS = 0.002
"""The event loop's clock tells milliseconds: what is to happen after some of them is sure to be due that much later."""
TICKS_PER_CHECK = 20
TICKS_PER_PING = 100
STOPPED_SECONDS = 2.0
"""A clock that has not ticked for so long did not tick because nothing ran."""
DOUBT_SECONDS = 5.0
"""How long links have to show that they live, after that."""

_BROKEN = Failure(PLATFORM_INTERNAL, "an error inside the activator, which its log tells")

_log = logging.getLogger("lambent.activator.links.exchange")


class Exchange:
    """Owns the sessions; runs on one event loop."""

    def __init__(
        self,
        admission: Admission,
        provisioner: Provisioner,
        verifier: Verifier,
        reporter: InitializationReporter,
        metrics: ActivatorMetrics,
        *,
        identity: str,
        blueprints: Blueprints | None = None,
        adopter: Adopter | None = None,
        failed: Failed | None = None,
    ) -> None:
        """Without `blueprints` and `adopter` it takes no generic pods. `failed` counts tasks that end with an exception."""
        self.admission = admission
        self.peers: tuple[str, ...] = ()
        self._provisioner = provisioner
        self._verifier = verifier
        self._reporter = reporter
        self._metrics = metrics
        self._identity = identity
        self._loop = asyncio.get_running_loop()
        self._sessions: dict[int, LinkSession] = {}
        self._pods = PodLinks()
        self._next_session = 0
        self._ticked_at = self._loop.time()
        self._doubted: set[int] = set()
        """Links that have to show that they live."""
        self._doubt_until = 0.0
        self._todo: deque[Action] = deque()
        self._performing = False
        self._desk: Desk | None = None
        if blueprints is not None and adopter is not None:
            self._desk = Desk(blueprints, adopter, self._give_back, failed=failed)

    # Callers

    def submit(self, invocation: Invocation) -> None:
        """Have it answered by `invocation.waiter`, before this returns or later: the function's answer, or why there is none."""
        self._perform(self.admission.submit(invocation, self._now()))

    def cancel(self, invocation: Invocation) -> None:
        """Its caller is gone: `waiter` is called no more."""
        self._perform(self.admission.cancel(invocation, self._loop.time()))

    def set_rules(self, function: FunctionKey, rules: Rules | None) -> None:
        """A Function was added or changed, or (None) deleted."""
        self._perform(self.admission.set_rules(function, rules, self._loop.time()))

    # Links

    def accept(self, connection: Connection) -> LinkSession:
        """A WebSocket is open on the link port."""
        self._next_session += 1
        return LinkSession(self._next_session, self, connection)

    async def verify(self, hello: Hello) -> Identity:
        """Whose it is. Raises `LinkRefusedError` unless the hello is true, `DuplicateLinkError` where its pod is linked already."""
        identity = await self._verifier.verify(hello)
        await self._pods.make_room(identity.uid)
        if hello.pool is None:
            return identity
        if self._desk is None:
            raise LinkRefusedError("no pools here")
        return await self._desk.admit(hello, identity, self._verifier.verify)

    def opened(self, session: LinkSession, hello: Hello, identity: Identity) -> dict[str, Any]:
        """A verified link; returns the fields of its WELCOME. Raises `DuplicateLinkError` where its pod has got another meanwhile."""
        self._pods.opened(identity.uid, session)
        self._sessions[session.number] = session
        if hello.pool is not None and self._desk is not None:
            self._desk.opened(session.number, identity)
        if hello.pool is not None and hello.generic:
            self.admission.open_generic_link(session.number, hello.pool, draining=hello.draining, ahead=hello.ahead)
        else:
            now = self._loop.time()
            opened = self.admission.open_link(
                session.number,
                hello.function,
                hello.revision,
                hello.slots,
                now,
                draining=hello.draining,
                ahead=hello.ahead,
                proved=not identity.claims,
            )
            self._perform(opened)
        if hello.pool is not None and not hello.generic and not identity.moved:
            # Its link broke before it was moved over.
            self._adopt(session, asked=True)
        return self.welcome()

    def welcome(self) -> dict[str, Any]:
        """The fields of WELCOME."""
        return {"activator": self._identity, "peers": list(self.peers)}

    def became(self, session: LinkSession, fields: dict[str, Any]) -> None:
        """A generic pod has become a function, or says why not."""
        hello = session.hello
        if hello is None or hello.pool is None:
            raise wire.FrameError("BECAME of a pod that comes from no pool")
        became = parse_became(fields)
        asked = self.admission.asked(session.number)
        self._count(session, "took" if asked and became.ok else "refused" if asked else "told")
        if not became.name:
            _log.warning("a generic pod could not become a function: %s", became.error, extra={"pod": hello.pod})
        actions = self.admission.became(session.number, became.name, became.revision, became.slots, self._loop.time())
        if became.name and hello.generic:
            function = FunctionKey(hello.function.namespace, became.name)
            session.hello = replace(hello, function=function, revision=became.revision, slots=became.slots)
            session.turn_into_function()
            self._adopt(session, asked=asked)
        self._perform(actions)

    def _count(self, session: LinkSession, outcome: str) -> None:
        """What came of a generic pod."""
        if session.hello is not None and session.hello.pool is not None:
            self._metrics.became(session.hello.pool, outcome)

    def _adopt(self, session: LinkSession, *, asked: bool) -> None:
        hello = session.hello
        if hello is not None and self._desk is not None:
            moved = partial(self.admission.moved_over, session.number)
            pods = self.admission.count_pods(hello.function)
            self._desk.became(session.number, hello.function, hello.revision, pods, moved, asked=asked)

    def _give_back(self, number: int) -> None:
        session = self._sessions.get(number)
        if session is not None:
            self._count(session, "unfit")
        self._perform(self.admission.give_back(number, self._loop.time()))

    def initialized(self, session: LinkSession, fields: dict[str, Any]) -> None:
        """A pod's initialisation has ended."""
        hello = session.hello
        if hello is None:
            return
        outcome = parse_initialization(hello.revision, fields)
        failure = None
        if not outcome.succeeded:
            failure = Failure(FUNCTION_INIT_ERROR, outcome.error_message, outcome.error_type, outcome.stack_trace)
        session.phases = {**hello.phases, **parse_phases(fields)}
        # Of a pod that waited in a pool, times since its start say nothing.
        phases = session.phases if hello.pool is None else {}
        self._metrics.initialized(hello.function, outcome.duration_ms / 1000, phases, failed=failure is not None)
        self._reporter.report(hello.function, outcome)
        calm = failure is None and hello.pool is None and self.admission.pools.leads(hello.function)
        if calm and self._desk is not None and session.identity is not None:
            self._desk.calm(session.identity, hello.function)
        self._perform(self.admission.initialized(session.number, failure, self._now()))
        if self.admission.queued:
            # More pods may be taken once this one has been at work for a moment, which the next tick may be long after.
            self._loop.call_later(self.admission.limits.settle_seconds + CLOCK_SECONDS, self._look_again)

    def expects(self, session: LinkSession, number: int) -> bool:
        """Whether an invocation of that id is under way there."""
        return self.admission.expects(session.number, number)

    def hold(self, size: int) -> bool:
        """Count so many bytes of an answer, if there is room for them."""
        return self.admission.budget.hold(size)

    def let_go(self, size: int) -> None:
        """So many bytes that were counted are held no longer."""
        self.admission.budget.let_go(size)

    def taken(self, session: LinkSession, invocation: Invocation, number: int) -> None:
        """A large event is its shim's: it will not come back, and is not kept."""
        self.admission.taken(session.number, invocation, number)

    def answered(self, session: LinkSession, number: int, flags: int, meta: bytes, payload: bytes | None) -> None:
        """A whole RESULT; None: there was no room for it."""
        now = self._now()
        fields = parse_meta(meta)
        invocation, actions = self.admission.result(session.number, number, now, again=bool(flags & wire.AGAIN))
        self._perform(actions)
        if invocation is None:
            return
        if payload is None:
            invocation.waiter(self.admission.budget.word_full("its answer", 0))
            return
        if len(payload) > MAX_RESPONSE_BYTES:
            invocation.waiter(Failure(FUNCTION_RESPONSE_TOO_LARGE, f"the response has over {MAX_RESPONSE_BYTES} bytes"))
            return
        reply = Reply(
            payload,
            bool(flags & wire.FUNCTION_ERROR),
            fields,
            invocation.dispatched_at - invocation.enqueued_at,
            now - invocation.enqueued_at,
            invocation.waited_for_start,
        )
        try:
            if invocation.waited_for_start:
                asked_at = time.time() - reply.total_seconds
                raised_at = self._provisioner.raised_at(invocation.function)
                reply.start_parts = start_parts(asked_at, reply.queue_seconds, raised_at, session.phases)
            invocation.waiter(reply)
        except Exception as error:  # noqa: BLE001 - this runs in the midst of reading a link, which is others' too
            self._metrics.action_failed("Answer")
            _log.error("an answer could not be handed on", exc_info=error)
            if invocation.waiter is not None:
                self._perform([Fail(invocation, _BROKEN)])

    def bounced(self, session: LinkSession, number: int) -> None:
        """An invocation that has not started comes back."""
        self._metrics.bounced()
        self._perform(self.admission.bounce(session.number, number, self._now()))

    def granted(self, session: LinkSession, count: int) -> None:
        """Slots are kept for us."""
        self._perform(self.admission.grant(session.number, count, self._now()))

    def draining(self, session: LinkSession) -> None:
        """A pod goes away after what it runs."""
        self._perform(self.admission.drain(session.number, self._loop.time()))

    def closed(self, session: LinkSession) -> None:
        """A link is gone."""
        del self._sessions[session.number]
        self._doubted.discard(session.number)
        if session.identity is not None:
            self._pods.closed(session.identity.uid, session)
        if self._desk is not None:
            self._desk.closed(session.number)
        if self.admission.asked(session.number):
            self._count(session, "lost")
        self._perform(self.admission.close_link(session.number, self._loop.time()))

    def set_peers(self, peers: Sequence[str], names: Sequence[str] = ()) -> None:
        """Activators have come or gone: every shim is told. `peers` are their link addresses, `names` theirs."""
        self.admission.pools.activators = tuple(sorted(names))
        fresh = tuple(sorted(peers))
        if fresh == self.peers:
            return
        self.peers = fresh
        for session in list(self._sessions.values()):
            session.writer.send_control(wire.PEERS, {"peers": list(fresh)})

    def count_links(self) -> int:
        """Links of proved pods."""
        return len(self._sessions)

    def leave(self) -> None:
        """Close every link."""
        for session in list(self._sessions.values()):
            session.leave()

    # Time

    async def run(self) -> None:
        """Deadlines; until cancelled."""
        ticks = 0
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = self._now()
            self._ticked_at = now
            if self._is_in_doubt(now):
                continue
            self._perform(self.admission.tick(now))
            ticks += 1
            if ticks % TICKS_PER_CHECK == 0:
                self._perform(self.admission.check_links(now))
            if ticks % TICKS_PER_PING == 0:
                for session in list(self._sessions.values()):
                    session.ping()

    def _now(self) -> float:
        """The loop's time, whenever something is to be decided by it. Where it has jumped, this process was stopped, with its machine or by
        a signal: what links there were may be gone, which the kernel tells one after the other, and not before what else has come. So
        nothing is sent on them, and no deadline is judged, before they have shown that they live."""
        now = self._loop.time()
        if now - self._ticked_at > STOPPED_SECONDS:
            _log.warning("this process was stopped for some %.1f s: looking which links live", now - self._ticked_at)
            self._ticked_at = now
            self._doubt_until = now + DOUBT_SECONDS
            self.admission.doubt_links()
            self._doubted = {session.number for session in self._sessions.values() if not session.generic}
            for number in self._doubted:
                self._sessions[number].doubt()
        return now

    def _is_in_doubt(self, now: float) -> bool:
        """Whether it is not known yet which links live; those that have not answered in time are cut."""
        if not self._doubted:
            return False
        if now < self._doubt_until:
            return True
        silent, self._doubted = self._doubted, set()
        for number in silent:
            if (session := self._sessions.get(number)) is not None and session.doubted:
                session.abort(f"no answer within {DOUBT_SECONDS:g} s after this process was stopped", "lost")
        return False

    def lives(self, session: LinkSession) -> None:
        """A link that was doubted has answered."""
        self._doubted.discard(session.number)
        self._perform(self.admission.trust_link(session.number, self._loop.time()))

    def failed(self, what: str, error: Exception) -> None:
        """A defect, met while a link's frame was taken."""
        self._metrics.action_failed(what)
        _log.error("%s has failed", what, exc_info=error)

    def _look_again(self) -> None:
        self._perform(self.admission.tick(self._loop.time()))

    # Doing

    def _perform(self, actions: list[Action]) -> None:
        """In the order they were decided: what a caller asks for while it is being answered comes after what is still to be done."""
        if not actions:
            return
        self._todo.extend(actions)
        if self._performing:
            return
        self._performing = True
        try:
            while self._todo:
                action = self._todo.popleft()
                try:
                    self._do(action)
                except Exception as error:  # noqa: BLE001 - one action's defect is nobody's but that invocation's
                    self._failed(action, error)
        finally:
            self._performing = False

    def _failed(self, action: Action, error: Exception) -> None:
        """An action could not be done: whoever it was for is answered, what it took is given back, and all others go on."""
        name = type(action).__name__
        self._metrics.action_failed(name)
        _log.error("%s could not be done", name, exc_info=error)
        if isinstance(action, Send):
            self._todo.extend(self.admission.abandon(action.invocation, _BROKEN, self._loop.time()))
        elif isinstance(action, Become) and self.admission.asked(action.link):
            self._todo.extend(self.admission.give_back(action.link, self._loop.time()))

    def _do(self, action: Action) -> None:
        if isinstance(action, Send):
            self._send(action)
        elif isinstance(action, Fail):
            action.invocation.waiter(action.failure)
        elif isinstance(action, Start):
            self._metrics.start_asked(action.function)
            self._provisioner.raise_to(action.function, action.replicas)
        elif isinstance(action, Become):
            session = self._sessions.get(action.link)
            if session is not None and self._desk is not None:
                self._desk.send(session.writer, action)
        elif isinstance(action, Retire):
            if self._desk is not None:
                self._retire(action, self._desk)
        elif isinstance(action, Close):
            if (session := self._sessions.get(action.link)) is not None:
                session.abort(action.why, "protocol")
        elif (session := self._sessions.get(action.link)) is not None:
            if isinstance(action, Cancel):
                session.writer.send_cancel(action.number)
            elif isinstance(action, Want):
                session.writer.send_control(wire.WANT)
            elif isinstance(action, Return):
                session.writer.send_return(action.slots)

    def _retire(self, action: Retire, desk: Desk) -> None:
        session = self._sessions.get(action.link)
        if session is not None and session.hello is not None:
            desk.retire(action.link, session.hello.function.namespace, action.why)

    def _send(self, action: Send) -> None:
        session = self._sessions.get(action.link)
        invocation = action.invocation
        # A link that broke in this very moment gives everything back as soon as the loop tells; its caller may be gone as well.
        if session is not None and invocation.state is State.SENT and invocation.link == action.link:
            session.writer.send_invocation(invocation)
