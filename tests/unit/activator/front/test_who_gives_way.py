"""Where requests on their way in hold all there is for them, those give way that hold most and bring least, not whoever comes next."""

from __future__ import annotations

from tests.support.front_client import Client, ScriptedGateway, build_front

BODY = 6_000_000
ROOM = 20_000_000


def head(size: int, path: str = "/") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n".encode()


def upload(front: object, size: int, of: int = BODY) -> Client:
    """A client that has sent so much of a body."""
    return Client(front).send(head(of) + b"x" * size, cut=65_536)  # type: ignore[arg-type]


def test_bodies_that_drip_give_way_to_one_that_comes() -> None:
    front = build_front(receiving_bytes=ROOM)
    slow = [upload(front, BODY - 100) for _ in range(3)]
    for _ in range(20):
        for client in slow:
            client.send(b"x")
        slow[0].wait(1)

    quick = upload(front, BODY - 1)
    quick.send(b"x")

    assert quick.statuses == [200]
    ended = [client for client in slow if client.closed]
    assert [client.statuses for client in ended] == [[408]]
    assert front.gave_way == 1
    assert "this one has" in front.gateway.refusals[0][1]  # type: ignore[attr-defined]


def test_the_largest_of_the_slow_give_way_first() -> None:
    front = build_front(receiving_bytes=ROOM)
    sizes = [2_000_000, 5_000_000, 3_000_000, 4_000_000]
    slow = [upload(front, size) for size in sizes]
    slow[0].wait(20)

    upload(front, BODY)
    assert [client.closed for client in slow] == [False, False, False, False]
    upload(front, BODY - 1)

    assert [client.closed for client in slow] == [False, True, False, False]


def test_who_keeps_a_good_pace_does_not_give_way() -> None:
    front = build_front(receiving_bytes=ROOM)
    busy = [upload(front, 0) for _ in range(3)]
    for _ in range(8):
        for client in busy:
            client.send(b"x" * 700_000, cut=65_536)
        busy[0].wait(0.5)

    newcomer = upload(front, BODY - 1)

    assert newcomer.statuses == [503]
    assert [client.closed for client in busy] == [False, False, False]
    for client in busy:
        assert client.send(b"x" * (BODY - 8 * 700_000)).statuses == [200]
    assert front.budget.used == 0


def test_one_that_is_not_slow_but_too_large_is_told_to_come_again() -> None:
    front = build_front(receiving_bytes=ROOM)
    client = upload(front, 0)
    for _ in range(120):
        client.send(b"x" * 20_000).wait(0.5)
    others = [upload(front, BODY - 1) for _ in range(3)]

    answer = client.answer()
    assert (answer.status, answer["retry-after"]) == (503, "1")
    assert [other.closed for other in others] == [False, False, False]


def test_heads_that_drip_give_way_too() -> None:
    front = build_front(receiving_bytes=100_000)
    slow = [Client(front).send(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 9_000) for _ in range(10)]
    slow[0].wait(15)

    quick = Client(front).send(head(30_000) + b"x" * 29_999)

    assert quick.send(b"x").statuses == [200]
    assert {tuple(client.statuses) for client in slow if client.closed} == {(408,)}


def test_one_whose_request_is_being_answered_gives_way_with_what_waits_behind_it() -> None:
    gateway = ScriptedGateway(holding=True)
    front = build_front(gateway, receiving_bytes=100_000)
    waiting = Client(front).send(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n").send(b"x" * 60_000)
    waiting.wait(15)

    quick = Client(front).send(head(60_000, "/quick") + b"x" * 59_999).send(b"x")

    assert [held.request.path for held in gateway.held] == ["/1", "/quick"]
    for held in gateway.held:
        held.respond(gateway.answer(held.request))
    assert quick.statuses == [200]
    assert waiting.statuses == [200, 408]
    assert front.budget.used == 0


def test_the_head_of_a_request_counts_until_it_has_come_whole() -> None:
    front = build_front(receiving_bytes=1_000_000)
    heads = [Client(front).send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n" + b"X: y\r\n" * 200 + b"\r\nx") for _ in range(30)]

    assert sum(client.closed for client in heads) > 5
    assert front.budget.used <= 1_000_000


def test_nothing_of_a_request_is_held_while_its_connection_waits_for_the_next() -> None:
    front = build_front()
    client = Client(front).send(head(100_000) + b"x" * 100_000)

    reader = client.connection._reader
    assert client.statuses == [200]
    assert (reader._headers, reader._lower, reader._target, reader._first, reader._body, reader.request) == ([], {}, b"", b"", None, None)


def test_a_search_that_found_nobody_is_not_repeated_before_anything_can_be_different() -> None:
    front = build_front(receiving_bytes=ROOM)
    quick = [upload(front, BODY - 1) for _ in range(3)]
    quick[0].wait(0.5)
    looked = 0

    class Counting(set):  # type: ignore[type-arg]
        def __iter__(self):  # type: ignore[no-untyped-def]
            nonlocal looked
            looked += 1
            return super().__iter__()

    front._holders = Counting(front._holders)
    for _ in range(10):
        assert upload(front, BODY - 1).statuses == [503]

    assert looked == 1
