"""Requests of one connection are answered one after the other, each answer goes to its own request, and who goes away is cancelled."""

import pytest

from lambent.activator.front.limits import BACKLOG_BYTES
from lambent.activator.http import HttpResponse
from tests.support.front_client import Client, Held, ScriptedGateway, build_front


def get(path: str, *more: str, version: str = "HTTP/1.1") -> bytes:
    return "\r\n".join([f"GET {path} {version}", "Host: a", *more, "", ""]).encode()


def post(path: str, body: bytes, *more: str) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: a", f"Content-Length: {len(body)}", *more, "", ""]).encode() + body


@pytest.fixture
def gateway() -> ScriptedGateway:
    return ScriptedGateway(holding=True)


@pytest.fixture
def client(gateway: ScriptedGateway) -> Client:
    return Client(build_front(gateway))


def paths(gateway: ScriptedGateway) -> list[str]:
    return [request.path for request in gateway.requests]


def test_a_pipelined_request_is_handed_on_only_when_the_one_before_is_answered(client: Client, gateway: ScriptedGateway) -> None:
    client.send(get("/1") + post("/2", b"two") + get("/3"))
    assert paths(gateway) == ["/1"]

    gateway.held[0].respond(HttpResponse(200, [], b"one"))
    assert paths(gateway) == ["/1", "/2"]
    assert gateway.requests[1].body == b"two"

    gateway.held[1].respond(HttpResponse(200, [], b"two"))
    gateway.held[2].respond(HttpResponse(200, [], b"three"))
    assert [answer.body for answer in client.answers()] == [b"one", b"two", b"three"]
    assert client.front.budget.used == 0


def test_what_comes_while_a_request_is_answered_is_read_after_it(client: Client, gateway: ScriptedGateway) -> None:
    client.send(get("/1"))
    client.send(get("/2") + post("/3", b"xyz")[:-2])
    client.send(b"yz", cut=1)

    for at in range(3):
        gateway.held[at].respond(HttpResponse(200))
    assert paths(gateway) == ["/1", "/2", "/3"]
    assert gateway.requests[2].body == b"xyz"


def test_an_answer_given_twice_or_for_a_request_before_goes_nowhere(client: Client, gateway: ScriptedGateway) -> None:
    client.send(get("/1") + get("/2"))
    first: Held = gateway.held[0]
    first.respond(HttpResponse(200, [], b"one"))
    first.respond(HttpResponse(200, [], b"again"))

    gateway.held[1].respond(HttpResponse(200, [], b"two"))
    assert [answer.body for answer in client.answers()] == [b"one", b"two"]


def test_a_thousand_requests_in_one_read_are_answered_in_order() -> None:
    client = Client(build_front()).send(b"".join(get(f"/{number}") for number in range(1000)))

    assert [answer.body for answer in client.answers()] == [f"GET /{number}".encode() for number in range(1000)]


def test_who_sends_more_than_fits_behind_its_request_is_read_no_further_until_it_is_answered(
    client: Client, gateway: ScriptedGateway
) -> None:
    client.send(get("/1"))
    piece = get("/more") * 100
    while client.transport.reading:
        client.send(piece)
    assert BACKLOG_BYTES < client.front.budget.used <= BACKLOG_BYTES + len(piece)

    gateway.holding = False
    gateway.held[0].respond(HttpResponse(200))
    assert client.transport.reading
    assert set(client.statuses) == {200}
    assert client.front.budget.used == 0


def test_requests_that_were_parsed_at_once_count_as_more_than_their_bytes(client: Client) -> None:
    client.send(get("/") * 100)

    assert client.front.budget.used > 99 * 1024


def test_what_waits_behind_requests_is_bounded_over_all_connections() -> None:
    gateway = ScriptedGateway(holding=True)
    front = build_front(gateway, receiving_bytes=100_000)
    first, second = Client(front).send(get("/1")), Client(front).send(get("/2"))
    first.send(get("/more") * 1000)
    second.send(get("/more") * 3000)
    assert front.budget.used <= 100_000

    gateway.holding = False
    gateway.held[0].respond(HttpResponse(200))
    gateway.held[1].respond(HttpResponse(200))
    assert first.statuses == [200] * 1001
    answers = second.answers()
    assert [answer.status for answer in answers] == [200, 503]
    assert answers[1]["retry-after"] == "1"
    assert (first.closed, second.closed, front.budget.used) == (False, True, 0)


def test_a_client_that_goes_away_has_its_request_cancelled_and_those_behind_it_forgotten(client: Client, gateway: ScriptedGateway) -> None:
    client.send(get("/1") + get("/2"))
    client.send(get("/3"))
    client.vanish()

    assert [held.cancelled for held in gateway.held] == [True]
    assert paths(gateway) == ["/1"]
    assert client.front.budget.used == 0
    assert client.front.connections == 0
    gateway.held[0].respond(HttpResponse(200))
    assert paths(gateway) == ["/1"]


def test_a_client_that_ends_its_half_takes_its_request_back_before_it_has_read_the_answer_before(
    client: Client, gateway: ScriptedGateway
) -> None:
    client.transport.client_reads = False
    client.send(get("/1") + get("/2"))
    gateway.held[0].respond(HttpResponse(200, [], bytes(5_000)))
    client.half_close()

    assert not client.transport.lost
    assert [held.cancelled for held in gateway.held] == [False, True]


def test_a_request_that_was_answered_at_once_is_not_cancelled_whatever_the_gateway_returned() -> None:
    class Careless(ScriptedGateway):
        def handle(self, request, respond):  # type: ignore[no-untyped-def]
            held = super().handle(request, respond)
            respond(HttpResponse(200))
            return held

    gateway = Careless(holding=True)
    client = Client(build_front(gateway)).send(get("/1"))
    client.vanish()

    assert [held.cancelled for held in gateway.held] == [False]


def test_a_request_that_was_answered_is_not_cancelled(client: Client, gateway: ScriptedGateway) -> None:
    client.send(get("/1") + get("/2"))
    gateway.held[0].respond(HttpResponse(200))
    client.vanish()

    assert [held.cancelled for held in gateway.held] == [False, True]


def test_other_connections_are_not_touched_by_one_that_goes(gateway: ScriptedGateway) -> None:
    front = build_front(gateway)
    first, second = Client(front).send(get("/1")), Client(front).send(get("/2"))
    first.vanish()

    gateway.held[1].respond(HttpResponse(200))
    assert [held.cancelled for held in gateway.held] == [True, False]
    assert second.statuses == [200]


def test_a_client_that_ends_its_half_counts_as_gone(client: Client, gateway: ScriptedGateway) -> None:
    client.send(get("/1"))
    client.half_close()

    assert [held.cancelled for held in gateway.held] == [True]
    assert client.transport.lost


def test_a_client_that_ends_its_half_still_gets_the_rest_of_an_answer(client: Client, gateway: ScriptedGateway) -> None:
    client.send(get("/1"))
    client.transport.client_reads = False
    gateway.held[0].respond(HttpResponse(200, [], b"x" * 1_000_000))
    client.half_close()
    client.transport.hand_over()
    client.transport.settle()

    assert len(client.answer().body) == 1_000_000
    assert client.transport.lost


def test_a_body_half_sent_is_forgotten_with_its_client(client: Client, gateway: ScriptedGateway) -> None:
    client.send(post("/1", b"x" * 10_000)[:-1])
    assert client.front.budget.used > 9_999
    client.half_close()

    assert client.front.budget.used == 0
    assert gateway.requests == []


def test_a_gateway_that_fails_is_answered_500_and_the_connection_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: object) -> HttpResponse:
        raise KeyError("broken")

    gateway = ScriptedGateway(answer=fail)
    client = Client(build_front(gateway)).send(get("/1"))
    gateway.answer = lambda _: HttpResponse(200)
    client.send(get("/2"))

    assert client.statuses == [500, 200]
    assert not client.closed
    assert "error while handling GET /1" in caplog.text


def test_a_gateway_that_answers_and_then_fails_has_answered(caplog: pytest.LogCaptureFixture) -> None:
    class Careless(ScriptedGateway):
        def handle(self, request, respond):  # type: ignore[no-untyped-def]
            super().handle(request, respond)
            raise KeyError("broken")

    client = Client(build_front(Careless())).send(get("/1") + get("/2"))

    assert client.statuses == [200, 200]
    assert "KeyError" in caplog.text


@pytest.mark.parametrize(
    ("head", "connection", "closed"),
    [
        (get("/"), None, False),
        (get("/", "Connection: keep-alive"), None, False),
        (get("/", "Connection: close"), "close", True),
        (get("/", "Connection: x, Close"), "close", True),
        (get("/", version="HTTP/1.0"), "close", True),
        (get("/", "Connection: Keep-Alive", version="HTTP/1.0"), "keep-alive", False),
    ],
)
def test_a_connection_is_kept_as_its_client_asks(head: bytes, connection: str | None, closed: bool) -> None:
    client = Client(build_front()).send(head)

    assert (client.answer()["connection"], client.closed) == (connection, closed)


@pytest.mark.parametrize("cut", [0, 1])
def test_what_follows_a_request_that_closes_is_no_request(cut: int) -> None:
    gateway = ScriptedGateway()
    client = Client(build_front(gateway)).send(get("/1", "Connection: close") + get("/2"), cut)

    assert client.statuses == [200]
    assert (paths(gateway), gateway.refusals, client.closed) == (["/1"], [], True)


def test_what_follows_a_request_that_closes_is_ignored_while_that_is_answered(client: Client, gateway: ScriptedGateway) -> None:
    client.send(get("/1", "Connection: close") + b"\r\njunk")
    client.send(get("/2"))
    gateway.held[0].respond(HttpResponse(200))

    assert (client.statuses, client.closed, paths(gateway), gateway.refusals) == ([200], True, ["/1"], [])


def test_what_is_no_request_is_refused_after_the_answers_before_it(client: Client, gateway: ScriptedGateway) -> None:
    client.send(get("/1") + b"nonsense\r\n\r\n")
    assert client.statuses == []

    gateway.held[0].respond(HttpResponse(200))
    assert (client.statuses, client.closed) == ([200, 400], True)


def test_what_follows_what_is_no_request_is_not_kept(client: Client, gateway: ScriptedGateway) -> None:
    client.send(get("/1") + b"nonsense\r\n\r\n")
    client.send(get("/2") * 1000)
    assert client.front.budget.used == 0

    gateway.held[0].respond(HttpResponse(200))
    assert (client.statuses, paths(gateway)) == ([200, 400], ["/1"])


CONTINUE = ("Expect: 100-continue",)


def test_a_client_that_waits_to_send_its_body_is_told_to(client: Client, gateway: ScriptedGateway) -> None:
    request = post("/1", b"abc", *CONTINUE)
    client.send(request[:-3], cut=1)
    assert client.statuses == [100]

    client.send(b"abc", cut=1)
    gateway.held[0].respond(HttpResponse(200))
    assert client.statuses == [200]
    assert gateway.requests[0].body == b"abc"


def test_it_is_told_after_the_answers_before_it(client: Client, gateway: ScriptedGateway) -> None:
    client.send(get("/1") + post("/2", b"abc", *CONTINUE)[:-3])
    assert client.statuses == []

    gateway.held[0].respond(HttpResponse(200))
    assert client.statuses == [200, 100]


@pytest.mark.parametrize(
    "request_",
    [
        post("/1", b"abc", *CONTINUE),
        post("/1", b"", *CONTINUE),
        get("/1", *CONTINUE),
        post("/1", b"abc", *CONTINUE).replace(b"1.1", b"1.0"),
        post("/1", b"abc", "Expect: something"),
    ],
    ids=["body already there", "empty body", "no body", "HTTP/1.0", "something else"],
)
def test_nobody_is_told_to_send_who_does_not_wait(request_: bytes) -> None:
    assert Client(build_front()).send(request_).statuses == [200]


def test_a_client_that_has_begun_with_its_body_is_not_told_to(client: Client) -> None:
    assert client.send(post("/1", b"abc", *CONTINUE)[:-2]).statuses == []


def test_a_chunked_body_may_be_waited_for_too(client: Client, gateway: ScriptedGateway) -> None:
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-Continue\r\n\r\n")
    assert client.statuses == [100]

    client.send(b"3\r\nabc\r\n0\r\n\r\n", cut=1)
    assert gateway.requests[0].body == b"abc"


def test_who_is_refused_is_not_told_to_send() -> None:
    client = Client(build_front(body_bytes=2)).send(post("/1", b"abc", *CONTINUE)[:-3])

    assert (client.statuses, client.closed) == ([413], True)


@pytest.mark.parametrize("status", [200, 204, 205, 304, 404, 502])
def test_an_answer_to_head_has_its_length_and_no_body(status: int) -> None:
    gateway = ScriptedGateway(answer=lambda _: HttpResponse(status, [], b"hello"))
    client = Client(build_front(gateway)).send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + get("/"))

    head, _ = client.answers("HEAD")
    assert head.status == status
    assert head["content-length"] == {204: None, 304: None, 205: "0"}.get(status, "5")


@pytest.mark.parametrize("status", [204, 205, 304])
def test_answers_that_have_no_body_are_sent_without_one(status: int) -> None:
    gateway = ScriptedGateway(answer=lambda _: HttpResponse(status, [], b"hello"))
    client = Client(build_front(gateway)).send(get("/1") + get("/2"))

    assert [(answer.status, answer.body) for answer in client.answers()] == [(status, b""), (status, b"")]


@pytest.mark.parametrize("value", ["a\r\nset-cookie: evil=1", "a\nb", "a\rb", "a\r\n\r\n<html>", "\n"])
def test_a_header_cannot_bring_a_second_one(value: str, caplog: pytest.LogCaptureFixture) -> None:
    gateway = ScriptedGateway(answer=lambda _: HttpResponse(200, [("x", value)], b"hello"))
    client = Client(build_front(gateway)).send(get("/1"))

    answer = client.answer()
    assert (answer.status, answer["set-cookie"], answer["x"]) == (500, None, None)
    assert "cannot be written" in caplog.text


def test_large_answers_are_sent_whole(client: Client, gateway: ScriptedGateway) -> None:
    client.send(get("/1"))
    gateway.held[0].respond(HttpResponse(200, [], bytes(6_291_456)))

    assert client.answer().body == bytes(6_291_456)
