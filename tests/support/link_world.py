"""An exchange with links over transports that write down what they are given; nothing waits for a network."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from picows import WSFrame, WSMsgType
from picows.picows import _make_test_ws_frame
from prometheus_client import CollectorRegistry

from lambent.activator.admission.admission import Admission
from lambent.activator.admission.model import FunctionKey, Invocation, Limits, PoolKey, Rules
from lambent.activator.links.exchange import Exchange
from lambent.activator.links.hello import Hello, Identity, LinkRefusedError
from lambent.activator.links.session import LinkSession
from lambent.activator.reply import Answer
from lambent.api import link as wire
from lambent.telemetry.activator_metrics import ActivatorMetrics

KEY = FunctionKey("default", "hello")
POOL = PoolKey("default", "python3.11")
HELLO = {"protocol": 1, "token": "", "namespace": "default", "function": "hello", "revision": "r1", "slots": 2, "phases": {}}
META = json.dumps({"durationMs": 1.0}).encode()


class Transport:
    """picows' and asyncio's in one. `unread` is what the shim has not read; past `high` writing is paused, as by asyncio."""

    is_close_frame_sent = False

    def __init__(self) -> None:
        self.session: LinkSession
        self.underlying_transport = self
        self.frames: list[bytes] = []
        self.pings: list[bytes] = []
        self.unread = 0
        self.high = 64 * 1024
        self.reads = True
        self.closed = ""

    def write(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            size, head = data[at + 1], 2
            if size == 126:
                size, head = int.from_bytes(data[at + 2 : at + 4], "big"), 4
            elif size == 127:
                size, head = int.from_bytes(data[at + 2 : at + 10], "big"), 10
            self.frames.append(data[at + head : at + head + size])
            at += head + size
        self._count(len(data))

    def writelines(self, parts: tuple[bytes, ...]) -> None:
        self.write(b"".join(parts))

    def send_ping(self, payload: bytes) -> None:
        self.pings.append(payload)
        self._count(2 + len(payload))

    def send_pong(self, payload: bytes) -> None:
        self._count(2 + len(payload))

    def send_close(self, *_: Any) -> None:
        self.closed = self.closed or "close"

    def disconnect(self, graceful: bool = True) -> None:
        self.closed = self.closed or ("close" if graceful else "cut")

    def get_write_buffer_size(self) -> int:
        return self.unread

    def read_all(self) -> None:
        self.reads, self.unread = True, 0
        self.session.resume_writing()

    def kinds(self) -> list[int]:
        return [frame[0] for frame in self.frames]

    def _count(self, size: int) -> None:
        if self.reads:
            return
        self.unread += size
        if self.unread > self.high:
            self.session.pause_writing()


class LinkWorld:
    """Make it within a running loop."""

    def __init__(self, *, concurrency: int = 2, slots_claimed: bool = False, **limits: Any) -> None:
        self.metrics = ActivatorMetrics(CollectorRegistry())
        self.exchange = Exchange(Admission(Limits(**limits)), self, self, self, self.metrics, identity="a", blueprints=self, adopter=self)  # type: ignore[arg-type]
        # Its clock does not run here: however slow a test is, the process was not stopped.
        self.exchange._ticked_at = float("inf")
        self.admission = self.exchange.admission
        rules = Rules(concurrency=concurrency, max_scale=5, ready_revision="r1", latest_revision="r1", ready=True, pool="python3.11")
        self.exchange.set_rules(KEY, rules)
        self.answers: list[Answer] = []
        self.reported: list[Any] = []
        self.asked = 0
        self.refused: list[str] = []
        self.claims = slots_claimed

    def connect(self) -> tuple[LinkSession, Transport]:
        world = self

        class Connection:
            def proved(self) -> None:
                return

            def refused(self, why: str) -> None:
                world.refused.append(why)

        session, transport = self.exchange.accept(Connection()), Transport()
        transport.session = session
        session.on_ws_connected(transport)  # type: ignore[arg-type]
        return session, transport

    async def link(self, pod: str = "p", *, init: bool = True, **fields: Any) -> tuple[LinkSession, Transport]:
        session, transport = self.connect()
        say(session, wire.encode_control(wire.HELLO, {**HELLO, "pod": pod, **fields}))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if init and not fields.get("pool"):
            say(session, wire.encode_control(wire.INIT, {"ok": True, "durationMs": 1}))
        return session, transport

    def submit(self, payload: bytes = b"{}") -> Invocation:
        invocation = Invocation(KEY, b"{}", payload)
        invocation.waiter = self.answers.append
        self.exchange.submit(invocation)
        return invocation

    # Surroundings

    async def verify(self, hello: Hello) -> Identity:
        self.asked += 1
        if hello.token == "bad":
            raise LinkRefusedError("token refused: bad")
        return Identity(hello.pod, hello.pod, claims=self.claims)

    def raise_to(self, function: FunctionKey, replicas: int) -> None:
        return

    def raised_at(self, function: FunctionKey) -> float | None:
        return None

    def report(self, function: FunctionKey, outcome: Any) -> None:
        self.reported.append(outcome)

    def adopt(self, *_: Any, **__: Any) -> None:
        return

    def calm(self, *_: Any) -> None:
        return

    def retire(self, *_: Any) -> None:
        return

    def find(self, function: FunctionKey, revision: str) -> bytes | None:
        return wire.encode_become({"shim": {}, "env": []}, {})

    async def fetch(self, function: FunctionKey, revision: str) -> bytes:
        raise NotImplementedError


def frame_of(kind: WSMsgType, payload: bytes, *, fin: bool = True) -> WSFrame:
    return _make_test_ws_frame(kind, payload, fin, False)


def say(session: LinkSession, payload: bytes, kind: WSMsgType = WSMsgType.BINARY, *, fin: bool = True) -> None:
    session.on_ws_frame(session.writer.transport, frame_of(kind, payload, fin=fin))  # type: ignore[arg-type]


def answer_live(session: LinkSession, transport: Transport) -> None:
    """Its shim answers all pings."""
    pings, transport.pings = transport.pings, []
    for payload in pings:
        say(session, payload, WSMsgType.PONG)
