"""Who is told to come again later is told at once where few are, and within a second where many are; others never wait."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import hypothesis.strategies as st
from hypothesis import given, settings

from lambent.activator.front.pacer import AT_ONCE, LONGEST_SECONDS, STEP_SECONDS, RefusalPacer
from lambent.activator.gateway.answer import web_error
from lambent.activator.http import HttpResponse
from lambent.api.reasons import CALLER_NOT_FOUND, PLATFORM_QUEUE_FULL
from tests.support.examples_drawn import examples
from tests.support.front_client import Client, ScriptedGateway, build_front

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
FULL = web_error(429, "full", PLATFORM_QUEUE_FULL, "id", 1)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.due: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None], /) -> None:
        self.due.append((self.now + delay, callback))

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while self.due and min(when for when, _ in self.due) <= until:
            first = min(self.due, key=lambda each: each[0])
            self.due.remove(first)
            self.now = first[0]
            first[1]()
        self.now = until


def test_a_few_are_told_at_once_and_the_rest_in_steps() -> None:
    clock, told = Clock(), list[int]()
    pacer = RefusalPacer(clock)
    for number in range(3 * AT_ONCE):
        pacer.tell(partial(told.append, number))

    assert told == list(range(AT_ONCE))
    clock.wait(STEP_SECONDS)
    assert told == list(range(2 * AT_ONCE))
    clock.wait(STEP_SECONDS)
    assert told == list(range(3 * AT_ONCE))
    assert pacer.held == 0
    clock.wait(1)
    assert clock.due == [], "it rests where there is nothing to do"


@settings(max_examples=examples(50))
@given(st.lists(st.tuples(st.floats(0, 0.3), st.integers(0, 1500)), max_size=6))
def test_all_are_told_once_in_order_and_in_time(arrivals: list[tuple[float, int]]) -> None:
    clock = Clock()
    pacer = RefusalPacer(clock)
    told: list[tuple[int, float]] = []
    came: list[float] = []

    def tell(number: int) -> None:
        told.append((number, clock.now))

    for pause, count in arrivals:
        clock.wait(pause)
        for _ in range(count):
            came.append(clock.now)
            pacer.tell(partial(tell, len(came) - 1))
    clock.wait(2)

    assert [number for number, _ in told] == list(range(len(came)))
    assert all(when - came[number] <= LONGEST_SECONDS + 2 * STEP_SECONDS for number, when in told)
    assert (pacer.held, clock.due) == (0, [])


def test_only_refusals_to_come_again_are_held() -> None:
    answers = [FULL] * (AT_ONCE + 2) + [HttpResponse(429), web_error(404, "no", CALLER_NOT_FOUND, "id"), HttpResponse(200)]
    front = build_front(ScriptedGateway(answer=lambda _: answers.pop(0)))
    clock = Clock()
    front._pacer = RefusalPacer(clock)
    clients = [Client(front).send(GET) for _ in range(len(answers))]

    assert [client.statuses for client in clients[-5:]] == [[], [], [429], [404], [200]]
    assert front.figures().refusals_held == 2
    clock.wait(STEP_SECONDS)
    assert [client.statuses for client in clients[-5:-3]] == [[429], [429]]


def test_a_client_that_goes_before_it_is_told_is_forgotten() -> None:
    front = build_front(ScriptedGateway(answer=lambda _: FULL))
    clock = Clock()
    front._pacer = RefusalPacer(clock)
    clients = [Client(front).send(GET) for _ in range(AT_ONCE + 1)]
    clients[-1].vanish()
    clock.wait(2)

    assert clients[-1].transport.sent == b""
    assert front.connections == AT_ONCE


def test_a_failure_says_to_come_again_where_it_says_when() -> None:
    assert FULL.come_again
    assert not web_error(502, "broken", PLATFORM_QUEUE_FULL, "id").come_again
