from __future__ import annotations

import asyncio

import pytest
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect, ws_create_server

from lambent_shim.link.batch import join_messages


class Collector(WSListener):
    def __init__(self, received: asyncio.Queue[tuple[WSMsgType, bytes]]) -> None:
        self._received = received

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self._received.put_nowait((frame.msg_type, frame.get_payload_as_bytes()))


def test_the_head_is_rfc_6455s() -> None:
    # Figures in 5.2: FIN and opcode, MASK and length, the longer lengths, the masking key.
    assert join_messages([b"ab"]) == bytes.fromhex("82 82 00000000") + b"ab"
    assert join_messages([b"x" * 126])[:8] == bytes.fromhex("82 fe 007e 00000000")
    assert join_messages([b"x" * 65_536])[:14] == bytes.fromhex("82 ff 0000000000010000 00000000")


@pytest.mark.parametrize("sizes", [[0, 1, 125, 126, 127], [65_535, 65_536, 3], [262_154]])
def test_an_activators_end_reads_each_of_them(sizes: list[int]) -> None:
    messages = [bytes(number % 251 for number in range(size)) for size in sizes]

    async def run() -> list[tuple[WSMsgType, bytes]]:
        received: asyncio.Queue[tuple[WSMsgType, bytes]] = asyncio.Queue()
        server = await ws_create_server(lambda _request: Collector(received), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        transport, _ = await ws_connect(WSListener, f"ws://127.0.0.1:{port}/")
        transport.underlying_transport.write(join_messages(messages))
        transport.send(WSMsgType.BINARY, b"behind")
        found = [await received.get() for _ in range(len(messages) + 1)]
        transport.disconnect()
        await transport.wait_disconnected()
        server.close()
        return found

    found = asyncio.run(run())
    assert found == [(WSMsgType.BINARY, message) for message in [*messages, b"behind"]]
