"""What counts as a request, and what is refused because two readers might see different requests in it (RFC 9112; request smuggling)."""

import pytest

from lambent.activator.http import HttpRequest
from tests.support.front_client import Client, ScriptedGateway, build_front

POST = b"POST /x HTTP/1.1\r\nHost: a\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"


def read(data: bytes, cut: int = 0) -> tuple[list[HttpRequest], list[int], bool]:
    """The requests the gateway got, the statuses the client got, and whether the connection has ended."""
    gateway = ScriptedGateway()
    client = Client(build_front(gateway)).send(data, cut)
    assert client.front.budget.used == 0
    return gateway.requests, client.statuses, client.closed


@pytest.mark.parametrize("cut", [0, 1])
@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
        b"Content-Length: 3\r\nContent-Length: 3\r\n\r\n",
        b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n",
        b"Content-Length: 3, 3\r\n\r\n",
        b"Content-Length: +3\r\n\r\n",
        b"Content-Length: -3\r\n\r\n",
        b"Content-Length: 0x3\r\n\r\n",
        b"Content-Length: 3 3\r\n\r\n",
        b"Content-Length: 3;\r\n\r\n",
        b"Content-Length: \xb3\r\n\r\n",
        b"Content-Length:\r\n\r\n",
        b"Content-Length: 18446744073709551616\r\n\r\n",
        b"Content-Length : 3\r\n\r\n",
        b"Content-Length\t: 3\r\n\r\n",
        b" Content-Length: 3\r\n\r\n",
        b"X: y\r\n Content-Length: 3\r\n\r\n",
        b"X: y\r\n\tfolded\r\n\r\n",
        b"X: y\nContent-Length: 3\r\n\r\n",
        b"X: y\rContent-Length: 3\r\n\r\n",
        b"X: y\r\n\n",
        b"X: y\x00z\r\n\r\n",
        b"X: y\x0bz\r\n\r\n",
        b"X: y\x7fz\r\n\r\n",
        b"X\x00: y\r\n\r\n",
        b"X\xff: y\r\n\r\n",
        b"X(y): z\r\n\r\n",
        b": y\r\n\r\n",
        b"Xy\r\n\r\n",
        b"Transfer-Encoding:\r\n\r\n",
        b"Transfer-Encoding:\r\nContent-Length: 3\r\n\r\n",
        b"Transfer-Encoding: chunked, identity\r\n\r\n",
        b"Transfer-Encoding: chunked, chunked\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"Transfer-Encoding : chunked\r\n\r\n",
        b"Transfer-Encoding\x0b: chunked\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n 3\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n",
        b"Transfer-Encoding: chunked\r\n\r\n3;a\nabc\r\n0\r\n\r\n",
        b'Transfer-Encoding: chunked\r\n\r\n3;a="x\r\nabc\r\n0\r\n\r\n',
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\nabc",
        b"Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 3\r\n\r\nabc",
        b"Transfer-Encoding: chunked\r\n\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\n\r\n",
    ],
)
def test_framing_that_can_be_read_in_two_ways_is_refused_and_nothing_behind_it_is_read(head: bytes, cut: int) -> None:
    assert read(POST + head + NEXT, cut) == ([], [400], True)


@pytest.mark.parametrize(
    "value",
    [b"identity", b"xchunked", b"chunkedx", b"x, chunked", b"gzip, chunked", b"identity, chunked", b'"chunked"', b"chunked;q=1"],
)
def test_a_transfer_coding_other_than_chunked_is_not_implemented(value: bytes) -> None:
    requests, statuses, closed = read(POST + b"Transfer-Encoding: " + value + b"\r\n\r\n0\r\n\r\n" + NEXT)

    assert (requests, statuses, closed) == ([], [501], True)


def test_several_transfer_codings_in_several_headers_are_not_implemented() -> None:
    head = b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"

    assert read(POST + head + NEXT) == ([], [501], True)


def test_http_1_0_has_no_transfer_encoding() -> None:
    head = b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"

    assert read(head + NEXT) == ([], [400], True)


@pytest.mark.parametrize("cut", [0, 1, 7])
@pytest.mark.parametrize(
    ("framing", "body"),
    [
        (b"Content-Length: 3\r\n\r\nabc", b"abc"),
        (b"Content-Length: \t003 \t\r\n\r\nabc", b"abc"),
        (b"content-length:3\r\n\r\nabc", b"abc"),
        (b"\r\n", b""),
        (b"Content-Length: 0\r\n\r\n", b""),
        (b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b""),
        (b"Transfer-Encoding: CHUNKED \r\n\r\n3\r\nabc\r\n0\r\n\r\n", b"abc"),
        (b"Transfer-Encoding: chunked\r\n\r\n0003\r\nabc\r\nA\r\n0123456789\r\n00\r\n\r\n", b"abc0123456789"),
        (b'Transfer-Encoding: chunked\r\n\r\n3;name=value;n="v;\\""\r\nabc\r\n0;last\r\n\r\n', b"abc"),
        (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Trailer: 1\r\nHost: evil\r\nAuthorization: evil\r\n\r\n", b"abc"),
    ],
)
def test_a_body_ends_where_its_framing_says_and_the_next_request_begins_there(framing: bytes, body: bytes, cut: int) -> None:
    requests, statuses, closed = read(POST + framing + NEXT, cut)

    assert [(request.path, request.body) for request in requests] == [("/x", body), ("/next", b"")]
    assert (statuses, closed) == ([200, 200], False)
    assert "x-trailer" not in requests[0].lower
    assert requests[0].host == "a"
    assert "authorization" not in requests[0].lower


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/1.1 ",
        b"GET /a b HTTP/1.1",
        b"GET\t/ HTTP/1.1",
        b"GET /\x00 HTTP/1.1",
        b"GET /\x7f HTTP/1.1",
        b"GET /\xe4 HTTP/1.1",
        b"GET / HTTP/1.2",
        b"GET / HTTP/0.9",
        b"GET / HTTP/2.0",
        b"GET / HTTP/1.10",
        b"GET / HTTP/11",
        b"GET / http/1.1",
        b"GET /",
        b"get / HTTP/1.1",
        b"NONSENSE / HTTP/1.1",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0",
        b"GET a:443 HTTP/1.1",
        b"GET * HTTP/1.1",
        b"GET *x HTTP/1.1",
        b"GET ?x HTTP/1.1",
        b"GET http:// HTTP/1.1",
        b"GET http://user:secret@a/ HTTP/1.1",
        b"GET ftp://a/ HTTP/1.1",
        b"GET http://a b/ HTTP/1.1",
    ],
)
def test_a_request_line_that_is_none_is_refused(line: bytes) -> None:
    assert read(line + b"\r\nHost: a\r\n\r\n" + NEXT) == ([], [400], True)


def test_what_old_clients_send_between_requests_is_skipped() -> None:
    requests, statuses, closed = read(NEXT + b"\r\n\r\n" + NEXT)

    assert ([request.path for request in requests], statuses, closed) == (["/next", "/next"], [200, 200], False)


def test_nothing_but_line_ends_is_no_request_and_does_not_keep_a_connection() -> None:
    client = Client(build_front())
    for _ in range(160):
        client.send(b"\r\n" * 100).wait(0.5)

    assert client.transport.lost


@pytest.mark.parametrize(
    "hosts",
    [
        b"",
        b"Host: a\r\nHost: a\r\n",
        b"Host: a\r\nHost: b\r\n",
        b"Host: a, b\r\n",
        b"Host: a b\r\n",
        b"Host: a/b\r\n",
        b"Host: user@a\r\n",
        b"Host: a:port\r\n",
        b"Host: a:123456\r\n",
        b"Host: a:1:2\r\n",
        b"Host: [::1\r\n",
        b"Host: [::1]x\r\n",
        b"Host: [nothing]\r\n",
        b"Host: a\\b\r\n",
        b"Host: <a>\r\n",
        b"Host: \xe4\r\n",
        b"Host: http://a/\r\n",
    ],
)
def test_there_is_one_host_and_it_looks_like_one(hosts: bytes) -> None:
    assert read(b"GET / HTTP/1.1\r\n" + hosts + b"\r\n" + NEXT) == ([], [400], True)


@pytest.mark.parametrize(
    ("head", "host"),
    [
        (b"GET / HTTP/1.1\r\nHost: Hello.Default.svc:8080\r\n\r\n", "hello.default.svc"),
        (b"GET / HTTP/1.1\r\nhost:a_b-c.d%20e\r\n\r\n", "a_b-c.d%20e"),
        (b"GET / HTTP/1.1\r\nHost: [2001:DB8::1]:80\r\n\r\n", "[2001:db8::1]"),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "127.0.0.1"),
        (b"GET / HTTP/1.1\r\nHost: a:\r\n\r\n", "a"),
        (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", ""),
        (b"GET / HTTP/1.0\r\n\r\n", ""),
        (b"GET / HTTP/1.0\r\nHost: a\r\n\r\n", "a"),
    ],
)
def test_the_host_is_taken_without_port_and_in_lower_case(head: bytes, host: str) -> None:
    requests, statuses, _ = read(head)

    assert ([request.host for request in requests], statuses) == ([host], [200])


def test_http_1_0_with_two_hosts_is_refused() -> None:
    assert read(b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n") == ([], [400], True)


@pytest.mark.parametrize("sent", [b"Host: other\r\n", b"X: y\r\nhost: other\r\n"])
def test_the_host_of_an_absolute_target_replaces_the_header_everywhere(sent: bytes) -> None:
    ((request,), statuses, _) = read(b"GET http://Real:81/a?b HTTP/1.1\r\n" + sent + b"\r\n")

    assert statuses == [200]
    assert (request.path, request.query, request.host, request.lower["host"]) == ("/a", "b", "real", "Real:81")
    assert [value for name, value in request.headers if name.lower() == "host"] == ["Real:81"]


def test_an_absolute_target_does_not_stand_in_for_a_host_header() -> None:
    assert read(b"GET http://a/ HTTP/1.1\r\n\r\n") == ([], [400], True)


def test_options_may_ask_for_the_whole_server() -> None:
    ((request,), statuses, _) = read(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")

    assert (request.method, request.path, statuses) == ("OPTIONS", "*", [200])


def test_header_bytes_beyond_ascii_are_latin_1() -> None:
    ((request,), _, _) = read(b"GET / HTTP/1.1\r\nHost: a\r\nX: \xe4\x80\xff \t\r\n\r\n")

    assert request.lower["x"] == "\xe4\x80\xff"


def test_headers_of_one_name_are_joined_and_all_are_kept_in_order() -> None:
    ((request,), _, _) = read(b"GET / HTTP/1.1\r\nHost: a\r\nX-a: 1\r\nB:2\r\nx-A:\t3\r\nC:\r\n\r\n")

    assert request.headers == [("Host", "a"), ("X-a", "1"), ("B", "2"), ("x-A", "3"), ("C", "")]
    assert request.lower == {"host": "a", "x-a": "1,3", "b": "2", "c": ""}
