"""So many requests are answered in one turn of the event loop; the rest wait for the next, and links are read and written in between."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lambent.activator.front.limits import REQUESTS_PER_TURN, WAITING_BYTES
from lambent.activator.front.server import Front
from tests.support.front_client import Client, ScriptedGateway, build_front

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Loop:
    """Calls back when the test says that a turn is over."""

    def __init__(self, front: Front) -> None:
        self.callbacks: list[Callable[[], None]] = []
        front._call_soon = self.callbacks.append

    def turn(self) -> None:
        due, self.callbacks[:] = list(self.callbacks), []
        for callback in due:
            callback()

    def settle(self) -> int:
        """Turns until nothing is left to do."""
        turns = 0
        while self.callbacks:
            self.turn()
            turns += 1
        return turns


@pytest.fixture
def gateway() -> ScriptedGateway:
    return ScriptedGateway()


@pytest.fixture
def front(gateway: ScriptedGateway) -> Front:
    return build_front(gateway)


@pytest.fixture
def loop(front: Front) -> Loop:
    return Loop(front)


def test_a_turn_answers_so_many_clients_and_the_next_the_others(front: Front, loop: Loop) -> None:
    clients = [Client(front).send(GET) for _ in range(REQUESTS_PER_TURN + 10)]

    assert [client.statuses for client in clients] == [[200]] * REQUESTS_PER_TURN + [[]] * 10
    loop.turn()
    assert [client.statuses for client in clients[-10:]] == [[200]] * 10


def test_who_has_waited_comes_before_who_comes_anew(front: Front, loop: Loop) -> None:
    clients = [Client(front).send(GET) for _ in range(3 * REQUESTS_PER_TURN)]
    loop.turn()
    clients[0].send(GET)

    assert clients[0].statuses == [200]
    assert clients[2 * REQUESTS_PER_TURN - 1].statuses == [200]
    assert clients[2 * REQUESTS_PER_TURN].statuses == []
    assert loop.settle() >= 2
    assert clients[0].statuses == [200]
    assert clients[-1].statuses == [200]


def test_a_row_of_requests_is_answered_over_several_turns_in_order(front: Front, gateway: ScriptedGateway, loop: Loop) -> None:
    row = b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(2000))
    client = Client(front).send(row)

    assert len(gateway.requests) == REQUESTS_PER_TURN
    assert loop.settle() >= 2000 // REQUESTS_PER_TURN
    assert [answer.body for answer in client.answers()] == [b"GET /%d" % number for number in range(2000)]
    assert front.budget.used == 0


def test_what_comes_while_a_client_waits_for_its_turn_is_answered_after_it(front: Front, gateway: ScriptedGateway, loop: Loop) -> None:
    for _ in range(REQUESTS_PER_TURN):
        Client(front).send(GET)
    client = Client(front).send(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n").send(b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
    loop.settle()

    assert [request.path for request in gateway.requests[-2:]] == ["/1", "/2"]
    assert client.statuses == [200, 200]


def test_a_body_that_waits_for_its_turn_counts(front: Front, loop: Loop) -> None:
    for _ in range(REQUESTS_PER_TURN):
        Client(front).send(GET)
    Client(front).send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000)

    assert front.budget.used == 100_000 + WAITING_BYTES
    loop.settle()
    assert front.budget.used == 0


@pytest.mark.parametrize("leave", [Client.vanish, Client.half_close])
def test_a_client_that_goes_while_it_waits_for_its_turn_is_forgotten(
    front: Front, gateway: ScriptedGateway, loop: Loop, leave: Callable[[Client], None]
) -> None:
    for _ in range(REQUESTS_PER_TURN):
        Client(front).send(GET)
    client = Client(front).send(b"GET /gone HTTP/1.1\r\nHost: a\r\n\r\n")
    leave(client)
    loop.settle()

    assert "/gone" not in [request.path for request in gateway.requests]
    assert front.budget.used == 0


def test_a_client_that_waits_for_its_turn_is_not_idle(front: Front, loop: Loop) -> None:
    for _ in range(REQUESTS_PER_TURN):
        Client(front).send(GET)
    client = Client(front).send(GET)
    client.connection.drain()
    loop.settle()

    assert client.statuses == [200]
