"""A server's further ports: requests come to the gateway of the port, while limits and the drain are the server's."""

from __future__ import annotations

import asyncio

from lambent.activator.front.limits import FrontLimits
from lambent.activator.front.message import Refusal
from lambent.activator.front.ports import Respond
from lambent.activator.front.server import Front
from lambent.activator.http import HttpRequest, HttpResponse


class Named:
    """A gateway that answers with its name and the port it was asked at."""

    def __init__(self, name: str) -> None:
        self.name = name

    def handle(self, request: HttpRequest, respond: Respond) -> None:
        respond(HttpResponse(200, [], f"{self.name} {request.port}".encode()))

    def refuse(self, refusal: Refusal, client: str) -> HttpResponse:
        return HttpResponse(refusal.status, [], self.name.encode())


async def ask(port: int, request: bytes = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer.rpartition(b"\r\n\r\n")[2]


async def run_two_ports() -> list[bytes]:
    front = Front(Named("main"), limits=FrontLimits(connections=8))
    main = await front.start("127.0.0.1", 0)
    other = await front.open_entrance(Named("other"), "127.0.0.1", 0)
    answers = [await ask(main), await ask(other), await ask(other, b"nonsense\r\n\r\n")]
    assert answers[:2] == [f"main {main}".encode(), f"other {other}".encode()]
    reader, writer = await asyncio.open_connection("127.0.0.1", other)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(f"other {other}".encode())
    assert front.connections == 1, "connections of all ports are the server's"
    await front.close(1.0)
    assert await reader.read() == b"", "and so is the drain"
    writer.close()
    return answers


def test_each_port_has_its_gateway_and_all_share_the_limits() -> None:
    answers = asyncio.run(run_two_ports())

    assert answers[2:] == [b"other"], "what is no HTTP is answered by the port's gateway"
