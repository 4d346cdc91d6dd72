"""Many clients that do what they like with the HTTP front: each answer goes to its own request, who goes away is cancelled, and every
budget is given back."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from random import Random

import hypothesis.strategies as st
from hypothesis import given, settings

from lambent.activator.front.limits import SLICE_BYTES, WAITING_BYTES
from lambent.activator.http import HttpResponse
from tests.support.examples_drawn import examples
from tests.support.front_client import Client, Held, ScriptedGateway, build_front

RECEIVING, SENDING = 60_000, 300_000
PIECES = [
    b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /%d HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n" + b"x" * 30_000,
    b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n" + b"x" * 20_000,
    b"POST /%d HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 300000\r\n\r\n",
    b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 300001\r\n\r\n",
    b"POST /%d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4e20\r\n" + b"x" * 20_000,
    b"POST /%d HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 30000\r\n\r\n" + b"x" * 30_000,
    b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" * 40,
    b"x" * 10_000,
    b"\r\n0\r\n\r\n",
    b"nonsense\r\n\r\n",
]
WEIGHTS = [20, 3, 8, 2, 2, 1, 2, 5, 12, 4, 2, 1]
NUMBERS = re.compile(rb"/%d ")


@dataclass
class World:
    gateway: ScriptedGateway = field(default_factory=lambda: ScriptedGateway(holding=True))
    clients: list[Client] = field(default_factory=list)
    received: list[list[str]] = field(default_factory=list)
    """By client: the paths that were answered."""
    owner: dict[str, int] = field(default_factory=dict)
    asked: int = 0

    def __post_init__(self) -> None:
        self.front = build_front(self.gateway, receiving_bytes=RECEIVING, sending_bytes=SENDING, body_bytes=300_000, connections=4)

    def connect(self) -> None:
        self.clients.append(Client(self.front))
        self.received.append([])

    def send(self, number: int, piece: bytes) -> None:
        def label(_: re.Match[bytes]) -> bytes:
            self.asked += 1
            self.owner[f"/{self.asked}"] = number
            return b"/%d " % self.asked

        client = self.clients[number]
        if not client.transport.closing and client.transport.reading:
            client.send(NUMBERS.sub(label, piece), cut=65_536)

    def respond(self, held: Held, size: int) -> None:
        path = held.request.path
        held.respond(HttpResponse(200, [("x-path", path)], bytes(size)))

    def check(self) -> None:
        front = self.front
        assert 0 <= front.budget.used <= RECEIVING + len(self.clients) * (SLICE_BYTES * 9 + WAITING_BYTES * 40)
        behind = sum(client.transport.get_write_buffer_size() for client in self.clients)
        assert behind <= SENDING + 70_000 * len(self.clients) + 200_000
        alive = {number for number, client in enumerate(self.clients) if not client.transport.lost}
        assert front.connections == len(alive)
        outstanding: dict[int, int] = {}
        for held in self.gateway.held:
            owner = self.owner[held.request.path]
            assert held.cancelled or owner in alive, "nobody waits for it, and it was not cancelled"
            outstanding[owner] = outstanding.get(owner, 0) + (not held.cancelled)
        assert all(count <= 1 for count in outstanding.values()), "two requests of one connection at once"

    def read(self) -> None:
        """What the clients have got; who was cut may have got the beginning of an answer last."""
        for client, paths in zip(self.clients, self.received, strict=True):
            for answer in client.answers(partial=client.transport.aborted):
                path = answer["x-path"]
                assert answer.status in ((200,) if path else (100, 400, 408, 413, 503))
                paths += [path] if path else []


@settings(max_examples=examples(150))
@given(st.integers(0, 2**32))
def test_whatever_clients_do(seed: int) -> None:
    random, world = Random(seed), World()
    for _ in range(random.randint(1, 150)):
        act(world, random)
        for client in world.clients:
            client.transport.settle()
        world.gateway.held = [held for held in world.gateway.held if not held.cancelled]
        world.check()
    for client in world.clients:
        client.transport.hand_over()
    world.read()
    for number, paths in enumerate(world.received):
        assert paths == sorted(set(paths), key=lambda path: int(path[1:])), "answers out of order, or twice"
        assert all(world.owner[path] == number for path in paths), "somebody else's answer"
    for client in world.clients:
        client.vanish()
    assert all(held.cancelled for held in world.gateway.held)
    assert (world.front.budget.used, world.front.connections, world.front.behind_bytes) == (0, 0, 0)


def act(world: World, random: Random) -> None:
    """One of the clients, the gateway, or time does something."""
    what = random.choices(
        ["connect", "send", "respond", "vanish", "half-close", "stop reading", "read", "wait", "goodbye"], [8, 40, 25, 3, 2, 5, 12, 4, 0.3]
    )[0]
    held = world.gateway.held
    if what == "wait":
        world.front.tick(world.front.now + random.choice([0.5, 5.0, 40.0, 80.0]), 1_795_262_400.0)
    elif what == "goodbye":
        world.front.say_goodbye()
    elif what == "respond":
        if held:
            world.respond(held.pop(random.randrange(len(held))), random.choice([0, 100, 70_000, 200_000]))
    elif what == "connect" or not world.clients:
        world.connect()
    else:
        number = random.randrange(len(world.clients))
        client = world.clients[number]
        if what == "send":
            world.send(number, random.choices(PIECES, WEIGHTS)[0])
        elif what == "vanish":
            client.vanish()
        elif what == "half-close":
            client.half_close()
        elif what == "stop reading":
            client.transport.client_reads = False
        elif not client.transport.lost:
            client.transport.hand_over(random.randint(1, 300_000))
