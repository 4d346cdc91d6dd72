"""All links of the pod and the slots they share: says hello, takes or bounces invocations, answers, grants, drains.

Runs nothing itself: a whole event goes to `Runner`, and its outcome comes back by `answer`. Synchronous; nothing here awaits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from lambent_shim.configuration import Configuration
from lambent_shim.link import wire
from lambent_shim.link.ahead import KEEP_SECONDS, Kept
from lambent_shim.link.invocation import Invocation
from lambent_shim.link.link import Link
from lambent_shim.link.slots import Slots, Took, Turn

MAX_EVENT_BYTES: Final = 7 << 20
"""The activator refuses what is over AWS's limit with a clear error; this only bounds the shim's memory."""
NO_POOL_POD: Final = "the pod was started for its function, it becomes none"


_KEPT: Final = wire.AHEAD | wire.LAST
"""Flags of an INVOKE that may be kept: it is whole, so that what waits here is bounded by frames."""


class Runner(Protocol):
    """Who runs invocations."""

    def begin(self, invocation: Invocation) -> None:
        """All of its event is here."""

    def withdraw(self, invocation: Invocation) -> None:
        """It has not started and shall not; its slot is freed by the caller."""

    def refuse_too_large(self, invocation: Invocation, limit: int) -> None:
        """Its event is over the limit: answer it."""


class Links:
    """The shim's side of every link; implements link.LinkEvents."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        started_at: float,
        read_token: Callable[[], str],
        used: bool = False,
        keep_seconds: float = KEEP_SECONDS,
    ) -> None:
        # A generic pod has none until it has become something; its HELLO's one says that it takes a function.
        self.slots: Slots[Link] = Slots(configuration.concurrency if configuration.function else 0)
        self.open: set[Link] = set()
        self.phases: dict[str, float] = {"startedAt": round(started_at * 1000, 3)}
        """For HELLO and INIT: `startedAt` in milliseconds since the epoch, the others in milliseconds after it."""
        self.bounced = 0
        self.draining = False
        self.drained: set[Link] = set()
        """Links whose activator is known to have read DRAINING."""
        self.runner: Runner
        self.on_become: Callable[[Mapping[str, Any], Mapping[str, bytes]], str] = lambda _head, _files: NO_POOL_POD
        """BECOME's head and files: why the pod does not become that, or empty. Where it does, `become` has been called by then."""
        self.on_peers: Callable[[Link, list[str]], None] = lambda _link, _peers: None
        self.on_closed: Callable[[Link], None] = lambda _link: None
        self.on_change: Callable[[], None] = lambda: None
        """Called when something has happened that draining may wait for."""
        self._configuration = configuration
        self._started_at = started_at
        self._read_token = read_token
        self._used = used
        self._init: dict[str, Any] | None = None
        self._kept = Kept(self._keep_no_longer, keep_seconds)

    @property
    def welcomed(self) -> bool:
        """Whether any activator has verified this pod."""
        return any(link.activator for link in self.open)

    @property
    def quiet(self) -> bool:
        """Whether, while draining, nothing runs and nothing can still arrive."""
        return self.slots.running == 0 and all(link in self.drained for link in self.open if link.activator)

    # From links

    def link_opened(self, link: Link) -> None:
        """Say HELLO."""
        self.open.add(link)
        self.mark("helloMs")
        configuration = self._configuration
        link.told_function = configuration.function
        hello: dict[str, Any] = {
            "protocol": wire.PROTOCOL,
            "token": self._read_token(),
            "namespace": configuration.namespace,
            "function": configuration.function,
            "revision": configuration.revision,
            "pod": configuration.pod,
            "slots": configuration.concurrency,
            "draining": self.draining,
            "phases": self.phases,
            "ahead": True,
        }
        if configuration.pool:
            hello |= {"pool": True, "runtime": configuration.runtime}
            if self._used:
                hello["used"] = True
        link.send(wire.encode_control(wire.HELLO, hello))

    def link_welcomed(self, link: Link, fields: Mapping[str, Any]) -> None:
        """WELCOME or PEERS: learn of other activators, tell the outcome of the initialisation."""
        if not link.activator:
            activator = str(fields.get("activator") or link.address)
            if any(other.activator == activator for other in self.open):
                # It would count this pod twice. Without INIT it sends nothing here.
                link.twin = True
                link.disconnect()
                return
            link.activator = activator
            self.mark("welcomeMs")
            if link.told_function != self._configuration.function:
                self._say_became(link)
            if self._init is not None:
                link.send(wire.encode_control(wire.INIT, self._init))
            if self.draining:
                self._say_draining(link)
        peers = fields.get("peers")
        if isinstance(peers, list):
            self.on_peers(link, [str(peer) for peer in peers])
        self.on_change()

    def link_closed(self, link: Link) -> None:
        """Forget what has not started; what runs runs on, for nobody."""
        self.open.discard(link)
        self.drained.discard(link)
        turns = self.slots.close(link)
        for invocation in list(link.invocations.values()):
            invocation.link = None
            if not self._kept.drop(invocation) and invocation.process is None:
                self._forget(invocation)
        self._take_turns(turns)
        link.invocations.clear()
        self.on_closed(link)
        self.on_change()

    def link_become(self, link: Link, head: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
        """BECOME: do, or say why not and what the pod is instead."""
        if not link.activator:
            raise wire.FrameError("BECOME before WELCOME")
        before = self._configuration
        error = self.on_become(head, files)
        if error or self._configuration is before:
            self._say_became(link, error)

    def link_invoke(self, link: Link, flags: int, identifier: int, meta: bytes, payload: bytes) -> None:
        """INVOKE: take a slot, keep for the next one, or bounce."""
        if identifier in link.invocations:
            raise wire.FrameError(f"id {identifier} is in use")
        try:
            invocation = Invocation(link, flags, identifier, meta, payload)
        except (ValueError, KeyError, TypeError) as error:
            raise wire.FrameError(f"meta of INVOKE: {error!r}") from None
        took = self.slots.take(link, invocation if flags & _KEPT == _KEPT else None)
        if took is Took.NOTHING:
            self._bounce(link, identifier)
            return
        link.invocations[identifier] = invocation
        if took is Took.KEPT:
            self._kept.add(invocation)
        elif flags & wire.LAST:
            self._begin(invocation)

    def link_body(self, link: Link, flags: int, identifier: int, chunk: bytes) -> None:
        """BODY of an invocation that was taken; of another it is nothing (bounced, refused or cancelled meanwhile)."""
        invocation: Invocation | None = link.invocations.get(identifier)
        if invocation is None or invocation.whole:
            return
        invocation.chunks.append(chunk)
        invocation.size += len(chunk)
        if invocation.size > MAX_EVENT_BYTES:
            self.runner.refuse_too_large(invocation, MAX_EVENT_BYTES)
        elif flags & wire.LAST:
            self._begin(invocation)

    def link_cancel(self, link: Link, identifier: int) -> None:
        """CANCEL: forget it if its handler has not started, else let it run and answer with nothing."""
        invocation: Invocation | None = link.invocations.get(identifier)
        if invocation is None:
            return
        if self._kept.drop(invocation):
            self.slots.let_go(link, invocation, wait=False)
            del link.invocations[identifier]
            link.send_result(identifier, 0, b"{}", b"")
            return
        invocation.cancelled = True
        if invocation.process is None:
            self._forget(invocation)

    def link_want(self, link: Link) -> None:
        """WANT."""
        if not self.draining:
            self._take_turns(self.slots.want(link))

    def link_return(self, link: Link, count: int) -> None:
        """RETURN."""
        self._take_turns(self.slots.give_back(link, count))

    def link_pong(self, link: Link) -> None:
        """The activator has read DRAINING, and all it had sent before has arrived."""
        self.drained.add(link)
        self.on_change()

    def _begin(self, invocation: Invocation) -> None:
        invocation.whole = True
        self.runner.begin(invocation)

    def _forget(self, invocation: Invocation) -> None:
        """Whoever still listens learns that its slot is free."""
        invocation.cancelled = True
        self.runner.withdraw(invocation)
        self.answer(invocation, 0, b"{}", b"")

    # Sent ahead of a slot

    def _start_kept(self, invocation: Invocation) -> None:
        self._kept.drop(invocation)
        self._begin(invocation)

    def _keep_no_longer(self, invocation: Invocation) -> None:
        link = invocation.link
        if link is not None:
            self.slots.let_go(link, invocation, wait=True)
            self._bounce(link, invocation.identifier)

    def _bounce(self, link: Link, identifier: int) -> None:
        """It has not started: its activator may send it elsewhere."""
        link.invocations.pop(identifier, None)
        self.bounced += 1
        link.send(wire.encode_part(wire.BOUNCE, 0, identifier))

    # To links

    def become(self, configuration: Configuration, arrived_ms: float) -> None:
        """The pod is this function from now on: every activator learns it, and may then use its slots."""
        self._configuration = configuration
        self.phases["becomeMs"] = arrived_ms
        for link in self.open:
            if link.activator:
                self._say_became(link)
        self._take_turns(self.slots.resize(configuration.concurrency))

    def _say_became(self, link: Link, error: str = "") -> None:
        configuration = self._configuration
        link.told_function = configuration.function
        became = {
            "ok": not error,
            "function": configuration.function,
            "revision": configuration.revision,
            "slots": configuration.concurrency,
            "error": error,
        }
        link.send(wire.encode_control(wire.BECAME, became))

    def answer(self, invocation: Invocation, flags: int, meta: bytes, payload: bytes) -> None:
        """It has ended: free its slot, send its RESULT (an empty one where it was cancelled), grant the slot to who waits."""
        link = invocation.link
        finish = self.slots.finish(link, wants_more=invocation.waiting and not invocation.cancelled)
        if link is not None:
            link.invocations.pop(invocation.identifier, None)
            again = wire.AGAIN if finish.again else 0
            if invocation.cancelled:
                link.send_result(invocation.identifier, again, b"{}", b"")
            else:
                link.send_result(invocation.identifier, flags | again, meta, payload)
        if finish.start is not None:
            self._start_kept(finish.start)
        elif finish.grant is not None:
            finish.grant.send(wire.encode_count(wire.GRANT, 1))
        if self.draining:
            self.on_change()

    def tell_init(self, outcome: Mapping[str, Any]) -> None:
        """An initialisation has ended: every activator learns it, again only where it says something new."""
        self.mark("initMs")
        before, self._init = self._init, {**outcome, "phases": self.phases}
        if before is None or any(before[key] != outcome[key] for key in ("ok", "errorType", "errorMessage")):
            for link in self.open:
                if link.activator:
                    link.send(wire.encode_control(wire.INIT, self._init))

    def drain(self) -> None:
        """Take no more; say so on every link."""
        self.draining = True
        kept = self.slots.drain()
        for link in self.open:
            if link.activator:
                self._say_draining(link)
        for invocation in kept:
            self._kept.drop(invocation)
            if invocation.link is not None:
                self._bounce(invocation.link, invocation.identifier)

    @staticmethod
    def _say_draining(link: Link) -> None:
        link.send(wire.encode_control(wire.DRAINING))
        link.ping()

    def _take_turns(self, turns: list[Turn[Link]]) -> None:
        for turn in turns:
            if turn.invocation is None:
                turn.link.send(wire.encode_count(wire.GRANT, 1))
            else:
                self._start_kept(turn.invocation)

    def mark(self, phase: str) -> None:
        """The phase is reached, if it had not been."""
        if phase not in self.phases:
            self.phases[phase] = self.elapsed_ms()

    def elapsed_ms(self) -> float:
        """Since the shim has started."""
        return round((time.time() - self._started_at) * 1000, 3)
