"""What an activator sends while the shim waits for the pong to its keep-alive arrives like anything else."""

from __future__ import annotations

import asyncio
from typing import Any

from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_connect, ws_create_server

from lambent_shim.link import wire
from lambent_shim.link.link import Link
from tests.support.patience import PATIENCE_SECONDS

IDLE_SECONDS = 0.05
INVOKE = wire.encode_message(wire.INVOKE, wire.LAST, 1, b"{}", b"{}")
WANT = bytes([wire.WANT])


class Heard:
    """Takes what a link tells, and remembers it."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.came = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        def call(*_arguments: Any) -> None:
            self.calls.append(name)
            self.came.set()

        return call

    async def until(self, *names: str) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not set(names) <= set(self.calls):
                self.came.clear()
                await self.came.wait()


class Activator(WSListener):
    """Answers the first ping with two frames, and only then with its pong; later pings at once."""

    def __init__(self) -> None:
        self.pings = 0

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.PING:
            self.pings += 1
            if self.pings == 1:
                transport.send(WSMsgType.BINARY, INVOKE)
                transport.send(WSMsgType.BINARY, WANT)
            transport.send_pong(frame.get_payload_as_bytes())


def test_frames_that_cross_a_keep_alive_arrive() -> None:
    async def run() -> list[str]:
        heard, activators = Heard(), []

        def listen(_request: WSUpgradeRequest) -> Activator:
            activators.append(Activator())
            return activators[-1]

        server = await ws_create_server(listen, "127.0.0.1", 0, enable_auto_pong=False)
        port = server.sockets[0].getsockname()[1]
        transport, _ = await ws_connect(
            lambda: Link(heard, "127.0.0.1:1"),  # type: ignore[arg-type]
            f"ws://127.0.0.1:{port}/link",
            enable_auto_ping=True,
            auto_ping_idle_timeout=IDLE_SECONDS,
            auto_ping_reply_timeout=IDLE_SECONDS,
        )
        await heard.until("link_invoke", "link_want")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while activators[0].pings < 3:  # noqa: ASYNC110 - the pongs have no event of their own
                await asyncio.sleep(IDLE_SECONDS)
        transport.disconnect()
        await transport.wait_disconnected()
        server.close()
        await server.wait_closed()
        return heard.calls

    calls = asyncio.run(run())
    assert "link_pong" not in calls, "a keep-alive's pong says nothing of what an activator has read"
