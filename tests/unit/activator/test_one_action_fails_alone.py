"""A defect that is met while something is done for one invocation fails that one: no slot is lost, no other is harmed, it is counted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from lambent.activator.admission.admission import Admission
from lambent.activator.admission.model import Become, Failure, FunctionKey, Invocation, Limits, PoolKey, Rules, State
from lambent.activator.links.exchange import Exchange
from lambent.activator.links.hello import Hello, Identity
from lambent.activator.links.session import LinkSession
from lambent.activator.pool.blueprint import BlueprintError
from lambent.activator.reply import Reply
from lambent.api import link as wire
from lambent.telemetry.activator_metrics import ActivatorMetrics
from tests.unit.activator.test_link_sessions import Transport

KEY = FunctionKey("default", "hello")
META = json.dumps({"durationMs": 1.0}).encode()


class World:
    """An exchange with one link of two slots, over a transport that writes down what it is given."""

    def __init__(self) -> None:
        self.metrics = ActivatorMetrics(CollectorRegistry())
        self.exchange = Exchange(Admission(Limits()), self, self, self, self.metrics, identity="a", blueprints=self, adopter=self)  # type: ignore[arg-type]
        self.exchange.set_rules(KEY, Rules(concurrency=2, ready_revision="r1", latest_revision="r1", ready=True, pool="python3.11"))
        self.session = self.link(1, Hello("", KEY, "r1", "p", 2, draining=False, phases={}))
        self.exchange.initialized(self.session, {"ok": True, "durationMs": 1, "phases": {}})
        self.answers: list[Any] = []

    def link(self, number: int, hello: Hello) -> LinkSession:
        session = LinkSession(number, self.exchange)
        session.hello, session.opened = hello, True
        session.writer.transport = Transport()  # type: ignore[assignment]
        self.exchange.opened(session, hello, Identity(hello.pod, hello.pod))
        return session

    def submit(self, meta: bytes = b"{}", waiter: Callable[[Any], None] | None = None) -> Invocation:
        invocation = Invocation(KEY, meta, b"{}")
        invocation.waiter = waiter or self.answers.append
        self.exchange.submit(invocation)
        return invocation

    def answer(self, invocation: Invocation, payload: bytes = b"1") -> None:
        self.exchange.answered(self.session, invocation.number, wire.LAST | wire.AGAIN, META, payload)

    def counted(self, action: str) -> float:
        return self.metrics.actions_failed.labels(action)._value.get()  # type: ignore[attr-defined, no-any-return]

    # Surroundings

    def raise_to(self, function: FunctionKey, replicas: int) -> None:
        return

    def raised_at(self, function: FunctionKey) -> float | None:
        return None

    def report(self, function: FunctionKey, outcome: Any) -> None:
        return

    def calm(self, pod: Identity, function: FunctionKey) -> None:
        return

    def find(self, function: FunctionKey, revision: str) -> bytes | None:
        raise RecursionError

    async def fetch(self, function: FunctionKey, revision: str) -> bytes:
        raise BlueprintError("unused")


def in_a_loop(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scenario())


def test_an_invocation_that_cannot_be_encoded_fails_alone_and_gives_its_slot_back() -> None:
    async def scenario() -> None:
        world = World()
        for _ in range(5):
            invocation = world.submit(b"x" * 70_000)
            assert invocation.state is State.DONE
            assert not invocation.sent
        assert [failure.reason.code for failure in world.answers] == ["Platform.Internal"] * 5
        assert world.counted("Send") == 5
        assert world.exchange.admission.running == 0
        first, second = world.submit(), world.submit()
        assert (first.state, second.state) == (State.SENT, State.SENT), "both slots are free"
        world.answer(first)
        assert isinstance(world.answers[-1], Reply)

    in_a_loop(scenario)


def test_others_that_wait_go_on_after_one_that_cannot_be_sent() -> None:
    async def scenario() -> None:
        world = World()
        first, second = world.submit(), world.submit()
        broken, good = world.submit(b"x" * 70_000), world.submit()
        assert (broken.state, good.state) == (State.WAITING, State.WAITING)
        world.answer(first)
        assert (broken.state, good.state) == (State.DONE, State.SENT)
        world.answer(second)
        assert world.exchange.admission.running == 1

    in_a_loop(scenario)


def test_a_caller_whose_answer_cannot_be_handed_on_is_told_so_and_nobody_else_notices() -> None:
    async def scenario() -> None:
        world = World()
        told: list[Any] = []

        def stumble(answer: Any) -> None:
            told.append(answer)
            if isinstance(answer, Reply):
                raise ZeroDivisionError

        broken, good = world.submit(waiter=stumble), world.submit()
        world.answer(broken)
        world.answer(good)
        assert [type(answer) for answer in told] == [Reply, Failure]
        assert isinstance(world.answers[-1], Reply)
        assert world.counted("Answer") == 1

    in_a_loop(scenario)


def test_one_caller_that_cannot_be_told_keeps_no_other_from_being_told() -> None:
    async def scenario() -> None:
        world = World()

        def stumble(_: Any) -> None:
            raise ZeroDivisionError

        world.submit(), world.submit()
        world.submit(waiter=stumble)
        world.submit()
        world.exchange.set_rules(KEY, None)
        assert [answer.reason.code for answer in world.answers] == ["Caller.NotFound"]
        assert world.counted("Fail") == 1

    in_a_loop(scenario)


def test_a_pod_that_cannot_be_told_what_to_become_goes_back() -> None:
    async def scenario() -> None:
        world = World()
        generic = Hello("", FunctionKey("default", ""), "", "g", 1, draining=False, phases={}, pool=PoolKey("default", "python3.11"))
        world.link(2, generic)
        world.exchange._perform([])
        link = world.exchange.admission._links[2]
        queue = world.exchange.admission._queue(KEY, 0.0)
        world.exchange.admission.pools.take(PoolKey("default", "python3.11"))
        link.turn_into(KEY, "r1", 2)
        link.asked_at, link.held = 1.0, True
        queue.links.add(link)
        world.exchange._perform([Become(2, KEY, "r1")])
        assert link.generic
        assert world.exchange.admission.pools.count(PoolKey("default", "python3.11")) == 1
        assert world.counted("Become") == 1

    in_a_loop(scenario)


@pytest.mark.parametrize("phases", [{"startedAt": 10**400, "helloMs": 1, "initMs": 1}, {"becomeMs": 10**400, "startedAt": 1, "initMs": 1}])
def test_times_that_no_clock_tells_fail_no_answer(phases: dict[str, Any]) -> None:
    async def scenario() -> None:
        world = World()
        world.session.phases = phases
        invocation = world.submit()
        invocation.waited_for_start = True
        world.answer(invocation)
        assert len(world.answers) == 1, "whatever it is, there is one"

    in_a_loop(scenario)
