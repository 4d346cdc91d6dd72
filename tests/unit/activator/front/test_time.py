"""How long clients may take, and how connections end."""

import asyncio

import pytest

from lambent.activator.front.server import Front
from lambent.activator.http import HttpResponse
from tests.support.front_client import Client, ScriptedGateway, build_front

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"


def test_a_connection_without_a_request_is_closed_in_silence() -> None:
    client = Client(build_front(keep_alive_seconds=75)).wait(74)
    assert not client.closed

    client.wait(2)
    assert client.transport.lost
    assert client.statuses == []


def test_time_starts_anew_with_each_answer() -> None:
    client = Client(build_front(keep_alive_seconds=75))
    for _ in range(3):
        client.wait(50).send(GET)

    assert client.statuses == [200] * 3
    assert not client.wait(74).closed
    assert client.wait(2).closed


@pytest.mark.parametrize("head", [b"G", GET[:-1]])
def test_a_head_that_does_not_end_is_refused(head: bytes) -> None:
    client = Client(build_front(head_seconds=20)).send(head)
    assert client.wait(19).statuses == []

    client.wait(2)
    assert (client.statuses, client.closed) == ([408], True)


def test_a_head_that_comes_byte_by_byte_gets_no_more_time() -> None:
    client = Client(build_front(head_seconds=20))
    for byte in b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 100:
        client.wait(1).send(bytes([byte]))

    assert client.statuses == [408]


def test_a_head_that_came_behind_another_request_has_all_its_time_from_that_ones_answer() -> None:
    gateway = ScriptedGateway(holding=True)
    client = Client(build_front(gateway, head_seconds=20)).send(GET + GET[:-1]).wait(100)
    gateway.held[0].respond(HttpResponse(200))

    client.wait(19).send(GET[-1:])
    assert len(gateway.held) == 2
    client.wait(1000)
    assert client.statuses == [200]


def test_a_body_that_stops_coming_is_refused() -> None:
    gateway = ScriptedGateway()
    client = Client(build_front(gateway, body_seconds=30)).send(POST + b"x" * 1000)
    assert client.wait(29).statuses == []

    client.wait(2)
    assert (client.statuses, client.closed, gateway.requests) == ([408], True, [])
    assert client.front.budget.used == 0


def test_a_body_that_drips_is_refused() -> None:
    client = Client(build_front(body_seconds=30, body_bytes_per_second=100)).send(POST)
    for _ in range(40):
        client.send(b"x" * 90).wait(1)

    assert client.statuses == [408]


def test_a_slow_body_that_makes_headway_is_taken() -> None:
    gateway = ScriptedGateway()
    client = Client(build_front(gateway, body_seconds=30, body_bytes_per_second=100)).send(POST)
    for _ in range(100):
        client.send(b"x" * 10_000).wait(30)

    assert client.statuses == [200]
    assert len(gateway.requests[0].body) == 1_000_000


def test_a_body_that_comes_and_then_drips_is_refused() -> None:
    client = Client(build_front(body_seconds=30, body_bytes_per_second=100)).send(POST + b"x" * 900_000)
    for _ in range(65):
        client.send(b"x").wait(1)

    assert client.statuses == [408]


def test_an_answer_may_take_as_long_as_it_takes() -> None:
    gateway = ScriptedGateway(holding=True)
    client = Client(build_front(gateway)).send(GET).wait(900)
    gateway.held[0].respond(HttpResponse(200))

    assert client.statuses == [200]


@pytest.mark.parametrize("head", [GET, GET.replace(b"1.1", b"1.0")], ids=["kept", "closing"])
def test_a_client_that_reads_nothing_of_its_answer_is_cut(head: bytes) -> None:
    client = Client(build_front(ScriptedGateway(answer=lambda _: HttpResponse(200, [], bytes(6_291_456))), stalled_seconds=60))
    client.transport.client_reads = False
    client.send(head).wait(119)
    assert not client.transport.aborted

    client.wait(2)
    assert client.transport.aborted


@pytest.mark.parametrize("head", [GET, GET.replace(b"1.1", b"1.0")], ids=["kept", "closing"])
def test_a_client_that_reads_slowly_and_steadily_gets_it_all(head: bytes) -> None:
    client = Client(build_front(ScriptedGateway(answer=lambda _: HttpResponse(200, [], bytes(6_291_456))), stalled_seconds=60))
    client.transport.client_reads = False
    client.send(head)
    while client.transport.unsent:
        client.wait(45)
        assert not client.transport.aborted
        client.transport.hand_over(70_000)

    assert len(client.answer().body) == 6_291_456


def test_a_client_that_ends_its_half_and_reads_nothing_is_cut_too() -> None:
    gateway = ScriptedGateway(holding=True)
    client = Client(build_front(gateway, stalled_seconds=60))
    client.transport.client_reads = False
    client.send(GET * 2)
    gateway.held[0].respond(HttpResponse(200, [], bytes(50_000)))
    client.half_close()
    client.wait(119)
    assert not client.transport.lost

    client.wait(2)
    assert client.transport.lost


def test_a_small_answer_that_is_not_read_does_not_keep_a_connection_for_ever() -> None:
    client = Client(build_front())
    client.transport.client_reads = False
    client.send(GET).wait(300)

    assert client.transport.lost


def test_while_a_client_is_behind_its_next_requests_wait() -> None:
    gateway = ScriptedGateway(answer=lambda _: HttpResponse(200, [], bytes(100_000)))
    client = Client(build_front(gateway))
    client.transport.client_reads = False
    client.send(GET).send(GET * 2)
    assert len(gateway.requests) == 1

    client.transport.hand_over()
    client.transport.hand_over()
    client.transport.hand_over()
    assert [len(answer.body) for answer in client.answers()] == [100_000] * 3
    assert client.front.budget.used == 0


def test_a_client_that_is_behind_is_read_no_further_when_it_sends_too_much() -> None:
    client = Client(build_front(ScriptedGateway(answer=lambda _: HttpResponse(200, [], bytes(100_000)))))
    client.transport.client_reads = False
    client.send(GET)
    for _ in range(100):
        if client.transport.reading:
            client.send(GET * 30)

    assert not client.transport.reading


def test_requests_sent_at_once_are_not_all_answered_to_a_client_that_reads_nothing() -> None:
    gateway = ScriptedGateway(answer=lambda _: HttpResponse(200, [], bytes(100_000)))
    client = Client(build_front(gateway))
    client.transport.client_reads = False
    client.send(GET * 3)

    assert len(gateway.requests) == 1


def test_after_the_last_answer_a_client_is_read_again_so_that_its_end_is_seen() -> None:
    gateway = ScriptedGateway(holding=True)
    client = Client(build_front(gateway)).send(GET)
    while client.transport.reading:
        client.send(GET * 100)
    client.front.say_goodbye()
    gateway.held[0].respond(HttpResponse(200))

    assert client.transport.reading
    assert client.front.budget.used == 0
    client.half_close()
    assert client.transport.lost


def test_after_a_refusal_what_still_comes_is_thrown_away_so_that_the_answer_is_seen() -> None:
    client = Client(build_front(linger_seconds=5, longest_linger_seconds=30)).send(
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n"
    )
    assert client.transport.half_closed
    for _ in range(10):
        client.wait(2).send(bytes(100_000))
    assert not client.transport.closing
    assert client.front.budget.used == 0

    client.half_close()
    assert client.transport.lost
    assert client.statuses == [413]


def test_a_client_that_does_not_close_after_the_last_answer_is_cut() -> None:
    client = Client(build_front(linger_seconds=5)).send(b"nonsense\r\n\r\n").wait(4)
    assert not client.transport.closing

    client.wait(2)
    assert client.transport.lost


def test_a_client_that_goes_on_sending_after_the_last_answer_is_cut_in_the_end() -> None:
    client = Client(build_front(linger_seconds=5, longest_linger_seconds=30)).send(b"nonsense\r\n\r\n")
    for _ in range(29):
        client.wait(1).send(b"x")
    assert not client.transport.closing

    client.wait(1).send(b"x").wait(2)
    assert client.transport.lost


def test_a_client_that_reads_its_last_answer_slowly_while_it_goes_on_sending_gets_it_all() -> None:
    front = build_front(ScriptedGateway(answer=lambda _: HttpResponse(200, [], bytes(1_000_000))))
    client = Client(front)
    client.transport.client_reads = False
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    while client.transport.unsent:
        for _ in range(6):
            client.wait(7).send(b"x")
        assert not client.transport.aborted
        client.transport.hand_over(70_000)

    client.wait(4)
    assert not client.transport.aborted
    assert len(client.answer().body) == 1_000_000


def test_a_client_that_has_just_read_the_last_of_its_answer_has_time_to_close() -> None:
    client = Client(build_front(ScriptedGateway(answer=lambda _: HttpResponse(200, [], bytes(1_000_000))), linger_seconds=5))
    client.transport.client_reads = False
    client.send(GET.replace(b"1.1", b"1.0")).wait(59)
    client.transport.hand_over()
    client.wait(4)
    assert not client.transport.aborted

    client.wait(3)
    assert client.transport.lost


def test_a_server_that_leaves_ends_each_connection_with_its_next_answer() -> None:
    gateway = ScriptedGateway(holding=True)
    front = build_front(gateway)
    client, late = Client(front).send(GET + GET), Client(front)
    front.say_goodbye()
    assert not late.closed
    gateway.held[0].respond(HttpResponse(200))
    late.send(GET)
    gateway.held[1].respond(HttpResponse(200))

    for each in (client, late):
        assert each.answer()["connection"] == "close"
        assert each.closed
    assert len(gateway.requests) == 2


def test_a_connection_that_says_nothing_to_a_server_that_leaves_is_not_waited_for_long() -> None:
    front = build_front(linger_seconds=5)
    front.say_goodbye()
    client = Client(front).wait(6)

    assert client.transport.lost


async def settle(*clients: Client) -> None:
    for client in clients:
        client.transport.settle()
    await asyncio.sleep(0)


async def close(front: Front, grace_seconds: float) -> None:
    await front.close(grace_seconds)


def test_a_server_that_closes_waits_for_what_is_under_way_and_for_nothing_else() -> None:
    async def scenario() -> None:
        gateway = ScriptedGateway(holding=True)
        front = build_front(gateway)
        idle, busy, sending = Client(front), Client(front).send(GET), Client(front).send(POST[:10])
        closing = asyncio.get_running_loop().create_task(front.close(60))
        await asyncio.sleep(0)
        await settle(idle, busy, sending)
        assert idle.transport.lost
        assert not busy.closed
        assert not sending.closed

        gateway.held[0].respond(HttpResponse(200))
        sending.send(POST[10:] + bytes(1_000_000))
        gateway.held[1].respond(HttpResponse(200))
        assert busy.answer()["connection"] == "close"
        assert sending.answer()["connection"] == "close"
        busy.half_close()
        sending.half_close()
        await closing
        assert front.connections == 0

    asyncio.run(scenario())


def test_what_is_not_done_when_the_grace_is_over_is_cut_and_cancelled() -> None:
    async def scenario() -> None:
        gateway = ScriptedGateway(holding=True)
        front = build_front(gateway)
        client = Client(front).send(GET)
        await front.close(0)
        client.transport.settle()

        assert client.transport.aborted
        assert gateway.held[0].cancelled
        assert front.connections == 0

    asyncio.run(scenario())


def test_the_date_is_that_of_the_last_tick() -> None:
    front = build_front()
    front.tick(1.0, 1_795_262_401.0)

    assert Client(front).send(GET).answer()["date"] == "Sat, 21 Nov 2026 12:00:01 GMT"


def test_a_date_of_the_functions_own_stands() -> None:
    gateway = ScriptedGateway(answer=lambda _: HttpResponse(200, [("date", "Thu, 01 Jan 1970 00:00:00 GMT")]))

    assert Client(build_front(gateway)).send(GET).answer()["date"] == "Thu, 01 Jan 1970 00:00:00 GMT"
