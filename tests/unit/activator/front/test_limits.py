"""Every limit of the front, from below and from above; what was taken of a budget is always given back."""

import pytest

from lambent.activator.http import HttpRequest, HttpResponse
from tests.support.front_client import Client, ScriptedGateway, build_front


def request(body: bytes = b"", *, target: str = "/", headers: str = "") -> bytes:
    return f"POST {target} HTTP/1.1\r\nHost: a\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


def chunked(*chunks: bytes, headers: str = "") -> bytes:
    head = f"POST / HTTP/1.1\r\nHost: a\r\n{headers}Transfer-Encoding: chunked\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


def statuses(data: bytes, cut: int = 0, **limits: int) -> list[int]:
    client = Client(build_front(**limits)).send(data, cut)
    found = client.statuses
    assert client.front.budget.used == 0
    assert client.closed is (found != [200])
    return found


@pytest.mark.parametrize("cut", [0, 1, 1000])
def test_a_target_has_a_length(cut: int) -> None:
    assert statuses(request(target="/" + "x" * 99), cut, target_bytes=100) == [200]
    assert statuses(request(target="/" + "x" * 100), cut, target_bytes=100) == [414]


@pytest.mark.parametrize("cut", [0, 1, 1000])
def test_a_head_has_a_size(cut: int) -> None:
    assert statuses(request(headers=f"X: {'x' * 900}\r\n"), cut, head_bytes=1000) == [200]
    assert statuses(request(headers=f"X: {'x' * 1000}\r\n"), cut, head_bytes=1000) == [431]
    assert statuses(request(headers="X: y\r\n" * 200), cut, head_bytes=1000) == [431]


def test_a_head_without_end_is_refused_before_it_ends() -> None:
    client = Client(build_front(head_bytes=1000)).send(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
    sent = 0
    while not client.closed:
        client.send(b"x" * 1000)
        sent += 1000

    assert client.statuses == [431]
    assert sent < 20_000


def test_whitespace_without_end_is_a_head_without_end() -> None:
    client = Client(build_front(head_bytes=1000)).send(b"GET / HTTP/1.1\r\nHost: a\r\nX:" + b" " * 100_000)

    assert client.statuses == [431]


def test_a_long_row_of_requests_is_no_long_head() -> None:
    client = Client(build_front(head_bytes=1000))
    client.send(request() * 2000 + request()[:10]).send(request()[10:20]).send(request()[20:])

    assert client.statuses == [200] * 2001


def test_headers_are_counted() -> None:
    assert statuses(request(headers="X: y\r\n" * 8), headers=10) == [200]
    assert statuses(request(headers="X: y\r\n" * 9), headers=10) == [431]


@pytest.mark.parametrize("cut", [0, 1])
def test_trailers_are_bounded_with_the_head(cut: int) -> None:
    def with_trailers(size: int) -> bytes:
        return chunked(b"abc")[:-2] + b"X: " + b"x" * size + b"\r\n\r\n"

    assert statuses(with_trailers(800), cut, head_bytes=1000) == [200]
    assert statuses(with_trailers(1000), cut, head_bytes=1000) == [431]


@pytest.mark.parametrize("cut", [0, 1, 1000])
def test_a_body_has_a_size_whatever_its_framing(cut: int) -> None:
    assert statuses(request(b"x" * 5000), cut, body_bytes=5000) == [200]
    assert statuses(request(b"x" * 5001), cut, body_bytes=5000) == [413]
    assert statuses(chunked(b"x" * 2500, b"y" * 2500), cut, body_bytes=5000) == [200]
    assert statuses(chunked(b"x" * 2500, b"y" * 2501), cut, body_bytes=5000) == [413]


def test_a_body_that_is_announced_too_large_is_refused_before_it_comes() -> None:
    gateway = ScriptedGateway()
    client = Client(build_front(gateway)).send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 6291457\r\n\r\n")

    assert (client.statuses, gateway.requests) == ([413], [])
    assert gateway.refusals == [(413, "the body has 6291457 bytes, over 6291456")]


def test_the_largest_length_there_can_be_is_too_large() -> None:
    assert statuses(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n") == [413]


def test_chunks_without_end_are_refused_when_it_is_enough() -> None:
    client = Client(build_front()).send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n")
    while not client.closed:
        client.send(bytes(100_000))

    assert client.statuses == [413]


def test_chunks_may_be_small() -> None:
    assert statuses(chunked(*[b"x"] * 100_000)) == [200]


def test_chunks_may_not_be_frames_around_nothing() -> None:
    client = Client(build_front()).send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    sent = 0
    while not client.closed:
        client.send(b"1;%s\r\nx\r\n" % (b"x" * 10_000))
        sent += 10_000

    assert client.statuses == [400]
    assert sent < 300_000


def test_a_head_that_is_refused_is_not_answered_with_a_body() -> None:
    client = Client(build_front()).send(b"HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 6291457\r\n\r\n")

    assert client.answer("HEAD")["content-length"] != "0"


def test_bodies_on_their_way_share_a_budget() -> None:
    front = build_front(receiving_bytes=10_000)
    first = Client(front).send(request(b"x" * 6_000)[:-1])
    held = front.budget.used
    second = Client(front).send(request(b"x" * 6_000)[:-1])

    answer = second.answer()
    assert (answer.status, answer["retry-after"], answer["connection"]) == (503, "1", "close")
    assert front.budget.used == held
    assert first.send(b"x").statuses == [200]
    assert front.budget.used == 0


def test_heads_on_their_way_share_it_too() -> None:
    front = build_front(receiving_bytes=10_000)
    Client(front).send(b"GET / HTTP/1.1\r\nX: " + b"x" * 9_000)

    assert Client(front).send(b"GET / HTTP/1.1\r\nX: " + b"x" * 9_000).statuses == [503]


def test_a_request_that_comes_at_once_needs_none_of_it() -> None:
    front = build_front(receiving_bytes=10_000)
    Client(front).send(request(b"x" * 10_000)[:-1])

    assert Client(front).send(request(b"x" * 5_000)).statuses == [200]


def test_a_body_is_not_kept_by_the_front_while_its_request_is_answered() -> None:
    gateway = ScriptedGateway(holding=True)
    client = Client(build_front(gateway)).send(request(b"x" * 100_000), cut=5_000)

    assert gateway.requests[0].body == b"x" * 100_000
    assert client.front.budget.used == 0


def test_too_many_connections_are_told_so_and_far_too_many_are_cut() -> None:
    front = build_front(connections=2)
    first, second = Client(front), Client(front)
    third = Client(front)

    answer = third.answer()
    assert (answer.status, answer["retry-after"], third.closed) == (503, "1", True)
    assert third.send(request()).statuses == []
    third.vanish()
    first.vanish()
    assert Client(front).send(request()).statuses == [200]
    assert second.send(request()).statuses == [200]
    crowd = [Client(front) for _ in range(600)]
    assert sum(client.transport.aborted for client in crowd) == 100
    for client in crowd:
        client.vanish()
    assert front.connections == 2


def test_clients_that_read_nothing_are_cut_longest_first_when_it_is_too_much_of_all() -> None:
    def answer(_: HttpRequest) -> HttpResponse:
        return HttpResponse(200, [], bytes(100_000))

    front = build_front(ScriptedGateway(answer=answer), sending_bytes=350_000)
    clients = [Client(front) for _ in range(6)]
    for client in clients:
        client.transport.client_reads = False
    for client in clients[:3]:
        client.send(request())
    assert [client.transport.aborted for client in clients[:3]] == [False, False, False]

    clients[0].transport.hand_over()
    for client in clients[3:]:
        client.send(request())
    assert [client.transport.aborted for client in clients] == [False, True, True, False, False, False]
    assert len(clients[0].answer().body) == 100_000


def test_one_client_alone_is_not_too_much() -> None:
    client = Client(build_front(ScriptedGateway(answer=lambda _: HttpResponse(200, [], bytes(400_000))), sending_bytes=350_000))
    client.transport.client_reads = False
    client.send(request())

    assert not client.transport.aborted


def test_who_has_read_most_of_its_answer_counts_for_the_rest_only() -> None:
    front = build_front(ScriptedGateway(answer=lambda _: HttpResponse(200, [], bytes(200_000))), sending_bytes=350_000)
    first, second = Client(front), Client(front)
    first.transport.client_reads = second.transport.client_reads = False
    first.send(request())
    first.transport.hand_over(170_000)
    second.send(request())

    assert not first.transport.aborted
