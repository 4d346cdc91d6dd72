"""Clients that offer another protocol get HTTP/1.1, bodies and all (RFC 9110, 7.8); Java offers HTTP/2 with its first request."""

import pytest

from tests.support.front_client import Client, ScriptedGateway, build_front

OFFER = b"Host: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize("cut", [0, 1, 50])
@pytest.mark.parametrize(
    ("framing", "body"),
    [
        (b"\r\n", b""),
        (b"Content-Length: 3\r\n\r\nabc", b"abc"),
        (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", b"abc"),
    ],
)
def test_an_upgrade_is_declined_by_a_plain_answer_and_the_connection_goes_on(framing: bytes, body: bytes, cut: int) -> None:
    gateway = ScriptedGateway()
    one = b"POST /one HTTP/1.1\r\n" + OFFER + framing
    client = Client(build_front(gateway)).send(one + NEXT + one + one + NEXT, cut)

    assert client.statuses == [200] * 5
    assert [(request.path, request.body) for request in gateway.requests] == [
        ("/one", body),
        ("/next", b""),
        ("/one", body),
        ("/one", body),
        ("/next", b""),
    ]
    assert gateway.requests[0].lower["upgrade"] == "h2c"
    assert not client.closed
    assert client.front.budget.used == 0


def test_hundreds_of_offers_in_one_read_are_all_declined() -> None:
    client = Client(build_front()).send((b"POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n") * 1000)

    assert client.statuses == [200] * 1000


def test_a_websocket_handshake_is_answered_as_the_get_it_is() -> None:
    head = (
        b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\r\n"
    )
    client = Client(build_front()).send(head)

    answer = client.answer()
    assert (answer.status, answer.body, answer["upgrade"]) == (200, b"GET /chat", None)


@pytest.mark.parametrize("cut", [0, 1])
def test_an_offer_that_also_closes_ends_with_its_answer(cut: int) -> None:
    head = b"POST /one HTTP/1.1\r\nHost: a\r\nConnection: close, upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc"
    gateway = ScriptedGateway()
    client = Client(build_front(gateway)).send(head + NEXT, cut)

    answer = client.answer()
    assert (answer.status, answer["connection"], client.closed) == (200, "close", True)
    assert [request.body for request in gateway.requests] == [b"abc"]


def test_a_bad_body_behind_an_offer_is_refused() -> None:
    gateway = ScriptedGateway()
    client = Client(build_front(gateway)).send(b"POST / HTTP/1.1\r\n" + OFFER + b"Transfer-Encoding: chunked\r\n\r\nx\r\n")

    assert (client.statuses, client.closed, gateway.requests) == ([400], True, [])


def test_an_offer_in_http_1_0_means_nothing() -> None:
    head = b"POST /one HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc"
    gateway = ScriptedGateway()
    client = Client(build_front(gateway)).send(head)

    answer = client.answer()
    assert (answer.status, answer["connection"]) == (200, "close")
    assert [request.body for request in gateway.requests] == [b"abc"]


def test_a_body_behind_an_offer_is_bounded_like_any_other() -> None:
    client = Client(build_front(body_bytes=10)).send(b"POST / HTTP/1.1\r\n" + OFFER + b"Transfer-Encoding: chunked\r\n\r\nb\r\nhello world")

    assert (client.statuses, client.closed) == ([413], True)
