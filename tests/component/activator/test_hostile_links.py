"""The link port of a real process, against whoever reaches it: cut off, bounded, and nobody else notices."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from picows import WSError, WSMsgType, ws_connect

from lambent.activator.activator import Activator
from lambent.activator.links.unproved import LinkLimits
from lambent.api import link as wire
from tests.component.activator.conftest import ActivatorProcess, Loopback, function
from tests.component.activator.test_links import HELLO, Raw, Surroundings, dial, link_port, until

UPGRADE = (
    b"GET /link HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
MEBIBYTE = 1024 * 1024


class Asked(Surroundings):
    """Counts what the API server would be asked."""

    def __init__(self) -> None:
        super().__init__()
        self.hellos = 0

    async def verify(self, hello: Any) -> Any:
        self.hellos += 1
        return await super().verify(hello)


def with_limits(limits: LinkLimits, scenario: Callable[[Activator, Asked], Awaitable[None]]) -> None:
    async def run() -> None:
        surroundings = Asked()
        async with link_port(surroundings, limits) as activator:
            await scenario(activator, surroundings)

    asyncio.run(run())


async def is_open(activator: Activator) -> bool:
    """Whether a connection is taken, and stays."""
    reader, writer = await asyncio.open_connection("127.0.0.1", activator.link_port)
    try:
        writer.write(UPGRADE)
        return bool(await reader.read(1))
    except ConnectionError:
        return False
    finally:
        writer.close()


def test_one_address_has_few_connections_that_have_proved_nothing() -> None:
    async def scenario(activator: Activator, _: Asked) -> None:
        taken = [await asyncio.open_connection("127.0.0.1", activator.link_port) for _ in range(4)]
        await until(lambda: activator.unproved == 4)
        assert not await is_open(activator)
        for _, writer in taken:
            writer.close()
        await until(lambda: not activator.unproved)
        assert await is_open(activator)

    with_limits(LinkLimits(unproved_per_address=4), scenario)


def test_an_address_that_fails_too_often_is_not_asked_about() -> None:
    async def scenario(activator: Activator, asked: Asked) -> None:
        for _ in range(20):
            with contextlib.suppress(OSError, WSError):
                transport, raw = await dial(activator)
                if raw is not None:
                    transport.send(WSMsgType.BINARY, wire.encode_control(wire.HELLO, {**HELLO, "token": "bad"}))
                    await raw.closed
        assert asked.hellos == 5
        assert not await is_open(activator)

    with_limits(LinkLimits(failures_per_minute=5), scenario)


@pytest.mark.parametrize(
    "data",
    [
        b"x" * 100_000,
        b"GET /link HTTP/1.1\r\n" + b"a: b\r\n" * 10_000,
        UPGRADE + b"\x82\xff" + struct.pack(">Q", 1 << 40) + b"x" * 100_000,
        UPGRADE + b"\x82\xff" + struct.pack(">Q", 300_000) + b"x" * 100_000,
        UPGRADE + b"\x02\x80mask" * 50_000,
        b"POST /link HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
        b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_whatever_is_sent_before_a_hello_ends_the_connection_within_bounds(data: bytes) -> None:
    async def scenario(activator: Activator, asked: Asked) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", activator.link_port)
        writer.write(data)
        with contextlib.suppress(ConnectionError):
            await reader.read(-1)
        writer.close()
        await until(lambda: not activator.unproved)
        assert asked.hellos == 0

    with_limits(LinkLimits(), scenario)


def resident_bytes(process: ActivatorProcess) -> int:
    return int(Path(f"/proc/{process.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def flood(port: int, before: bytes, piece: bytes, size: int) -> int:
    """Send and read nothing; how much was taken."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(2)
        sent = 0
        try:
            connection.sendall(before)
            while sent < size:
                sent += connection.send(piece)
        except OSError:
            pass
        return sent


def masked(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    head = bytes((0x80 | opcode, 0x80 | size)) if size < 126 else bytes((0x80 | opcode, 0xFE)) + struct.pack(">H", size)
    return head + b"\0\0\0\0" + payload


def test_pings_without_a_hello_take_no_memory(loopback: Loopback) -> None:
    activator = loopback.activator(function())
    before = resident_bytes(activator)
    pings = masked(9, b"x" * 125) * 500

    for _ in range(10):
        assert flood(activator.links, UPGRADE, pings, 200 * MEBIBYTE) < 20 * MEBIBYTE
    assert resident_bytes(activator) - before < 10 * MEBIBYTE


def test_a_proved_shim_that_pings_and_reads_nothing_takes_no_memory_either(loopback: Loopback) -> None:
    activator = loopback.activator(function())
    before = resident_bytes(activator)
    pings = masked(9, b"x" * 125) * 500

    for number in range(5):
        hello = wire.encode_control(wire.HELLO, {**HELLO, "pod": f"p{number}"})
        flood(activator.links, UPGRADE + masked(2, hello), pings, 200 * MEBIBYTE)
    assert resident_bytes(activator) - before < 10 * MEBIBYTE


def test_a_proved_shim_whose_frames_make_no_sense_is_read_no_further(loopback: Loopback) -> None:
    """picows closes politely, and reads on into its buffer while it does."""
    activator = loopback.activator(function())
    before = resident_bytes(activator)

    for number in range(3):
        hello = masked(2, wire.encode_control(wire.HELLO, {**HELLO, "pod": f"p{number}"}))
        endless = b"\x82\xff" + struct.pack(">Q", 1 << 40)
        with socket.create_connection(("127.0.0.1", activator.links)) as connection:
            connection.settimeout(5)
            connection.sendall(UPGRADE + hello)
            while b"activator" not in connection.recv(65536):
                pass
            with contextlib.suppress(OSError):
                connection.sendall(endless)
                for _ in range(200):
                    connection.sendall(b"x" * MEBIBYTE)
    assert resident_bytes(activator) - before < 10 * MEBIBYTE


def test_answers_that_never_end_take_no_memory(loopback: Loopback) -> None:
    """Over the link of its own function, by a pod that was proved: parts without end, and ids that were never sent."""
    activator = loopback.activator(function())

    async def scenario() -> None:
        transport, raw = await ws_connect(Raw, f"ws://127.0.0.1:{activator.links}/link", use_aiofastnet=False)
        transport.send(WSMsgType.BINARY, wire.encode_control(wire.HELLO, HELLO))
        await until(lambda: raw.received)
        transport.send(WSMsgType.BINARY, wire.encode_control(wire.INIT, {"ok": True, "durationMs": 1}))
        async with aiohttp.ClientSession() as session:
            headers = {"Host": "hello.default"}
            asking = asyncio.get_running_loop().create_task(session.post(activator.url, json={}, headers=headers))
            await until(lambda: len(raw.received) > 1)
            _, number, _, _ = wire.decode_message(raw.received[1])
            chunk = b"x" * wire.CHUNK_BYTES
            transport.send(WSMsgType.BINARY, wire.encode_message(wire.RESULT, 0, number, b"{}", chunk))
            for _ in range(1000):
                transport.send(WSMsgType.BINARY, wire.encode_part(wire.RESULT_BODY, 0, number, chunk))
                await asyncio.sleep(0)
            transport.send(WSMsgType.BINARY, wire.encode_message(wire.RESULT, 0, number + 1, b"{}", chunk))
            await raw.closed
            response = await asking
            assert response.status == 502

    before = resident_bytes(activator)
    asyncio.run(scenario())
    assert resident_bytes(activator) - before < 12 * MEBIBYTE
