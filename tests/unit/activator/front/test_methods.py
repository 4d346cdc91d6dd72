"""Methods that are not served, CONNECT above all: refused by name, and nothing of them is carried over to another request."""

from __future__ import annotations

import pytest

from lambent.activator.front.limits import METHODS
from tests.support.front_client import Client, ScriptedGateway, build_front

POST = b"POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"


@pytest.mark.parametrize("cut", [0, 1, 7])
@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"CONNECT / HTTP/1.1", 405),
        (b"CONNECT a:443 HTTP/1.1", 405),
        (b"CONNECT / HTTP/1.0", 405),
        (b"TRACE / HTTP/1.1", 405),
        (b"PROPFIND / HTTP/1.1", 501),
        (b"M-SEARCH * HTTP/1.1", 501),
        (b"PURGE / HTTP/1.1", 501),
    ],
)
@pytest.mark.parametrize(
    "more", [b"", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: upgrade\r\nUpgrade: h2c\r\n"]
)
def test_a_method_that_is_not_served_ends_its_connection(line: bytes, status: int, more: bytes, cut: int) -> None:
    gateway = ScriptedGateway()
    client = Client(build_front(gateway)).send(line + b"\r\nHost: a\r\n" + more + b"\r\nhello" + POST, cut)

    assert client.statuses == [status]
    assert client.closed
    assert gateway.requests == []
    assert f"the method {line.split()[0].decode()} is not served" in gateway.refusals[0][1]


@pytest.mark.parametrize("cut", [0, 1])
def test_what_comes_before_such_a_method_is_answered_first(cut: int) -> None:
    gateway = ScriptedGateway()
    client = Client(build_front(gateway)).send(POST + b"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\nhello" + POST, cut)

    assert client.statuses == [200, 405]
    assert [request.body for request in gateway.requests] == [b"abc"]


@pytest.mark.parametrize("method", METHODS)
def test_the_methods_of_function_urls_are_served(method: str) -> None:
    gateway = ScriptedGateway()
    client = Client(build_front(gateway)).send(f"{method} / HTTP/1.1\r\nHost: a\r\n\r\n".encode())

    assert client.answer(method).status == 200
    assert [request.method for request in gateway.requests] == [method]


@pytest.mark.parametrize("digits", [b"0" * 5001, b"0" * 5000 + b"5", b"9" * 5001, b"0" * 20 + b"1"])
def test_a_length_of_many_digits_is_refused(digits: bytes) -> None:
    gateway = ScriptedGateway()
    client = Client(build_front(gateway)).send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + digits + b"\r\n\r\nhello")

    assert (client.statuses, client.closed, gateway.requests) == ([400], True, [])


@pytest.mark.parametrize(("size", "status"), [(255, 200), (256, 400), (60_000, 400)])
def test_a_host_is_no_longer_than_names_are(size: int, status: int) -> None:
    gateway = ScriptedGateway()
    client = Client(build_front(gateway)).send(b"GET / HTTP/1.1\r\nHost: " + b"a" * size + b"\r\n\r\n")

    assert client.statuses == [status]


def test_a_host_in_the_target_is_no_longer_either() -> None:
    assert Client(build_front()).send(b"GET http://" + b"a" * 256 + b"/ HTTP/1.1\r\nHost: a\r\n\r\n").statuses == [400]
