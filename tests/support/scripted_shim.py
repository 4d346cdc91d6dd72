"""A shim that runs no handler: it keeps to the link's protocol and answers as a script says. For tests of the activator alone.

`Script` is called per invocation with (payload, meta) and returns an `Outcome`, or a coroutine of one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from lambent.api import link as wire
from lambent_shim.link.slots import Slots, Took, Turn


@dataclass
class Outcome:
    """What an invocation ends with."""

    payload: bytes = b"null"
    function_error: bool = False
    meta: dict[str, Any] = field(default_factory=lambda: {"durationMs": 1.0, "billedMs": 1, "memoryMb": 30})


Script = Callable[[bytes, dict[str, Any]], Awaitable[Outcome]]


async def echo(payload: bytes, meta: dict[str, Any]) -> Outcome:
    """The event comes back."""
    return Outcome(payload)


class ScriptedShim:
    """One pod: `connect` to any number of activators; `running` is what it runs now, `most` the most it ever ran at once."""

    def __init__(
        self,
        function: str = "hello",
        *,
        script: Script = echo,
        slots: int = 1,
        namespace: str = "default",
        revision: str = "r1",
        token: str = "",
        init: dict[str, Any] | None = None,
    ) -> None:
        self.hello = {
            "protocol": wire.PROTOCOL,
            "token": token,
            "namespace": namespace,
            "function": function,
            "revision": revision,
            "pod": f"{function}-pod",
            "slots": slots,
            "draining": False,
            "phases": {},
            "ahead": True,
        }
        self.init = init if init is not None else {"ok": True, "durationMs": 5.0, "phases": {}}
        self.script = script
        self.slots: Slots[_Link] = Slots(slots)
        self.running = 0
        self.most = 0
        self.invocations = 0
        self.cancelled: list[int] = []
        self.links: list[_Link] = []
        self.tasks: set[asyncio.Task[None]] = set()

    async def connect(self, port: int, host: str = "127.0.0.1") -> _Link:
        _, link = await ws_connect(lambda: _Link(self), f"ws://{host}:{port}/link", use_aiofastnet=False)
        await link.welcomed
        return link

    async def close(self) -> None:
        for link in list(self.links):
            link.transport.disconnect()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def drain(self) -> None:
        kept = self.slots.drain()
        for link in self.links:
            link.send(wire.encode_control(wire.DRAINING))
        for link, number in kept:
            del link.kept[number], link.open[number]
            link.send(wire.encode_part(wire.BOUNCE, 0, number))


class _Link(WSListener):
    def __init__(self, shim: ScriptedShim) -> None:
        self.shim = shim
        self.welcomed: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self.peers: list[dict[str, Any]] = []
        self.open: dict[int, list[Any]] = {}
        self.kept: dict[int, int] = {}
        self.gone: set[int] = set()
        self.busy: set[int] = set()
        self.frames: list[int] = []
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        self.send(wire.encode_control(wire.HELLO, self.shim.hello))

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if not self.welcomed.done():
            self.welcomed.set_exception(ConnectionError("refused"))
        if self in self.shim.links:
            self.shim.links.remove(self)
        self.kept.clear()
        self._turn(self.shim.slots.close(self))
        self.closed.set_result(None)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.CLOSE:
            transport.disconnect()
        if frame.msg_type is not WSMsgType.BINARY:
            return
        data = frame.get_payload_as_bytes()
        kind = data[0]
        self.frames.append(kind)
        if kind == wire.WELCOME:
            self.shim.links.append(self)
            self.welcomed.set_result(wire.decode_control(data))
            self.send(wire.encode_control(wire.INIT, self.shim.init))
        elif kind == wire.INVOKE:
            flags, number, meta, payload = wire.decode_message(data)
            ahead = flags & wire.AHEAD and flags & wire.LAST
            took = self.shim.slots.take(self, (self, number) if ahead else None)
            if took is Took.NOTHING:
                self.send(wire.encode_part(wire.BOUNCE, 0, number))
                return
            self.open[number] = [flags, json.loads(meta), [payload]]
            if took is Took.KEPT:
                self.kept[number] = flags
            else:
                self._begin(number, flags)
        elif kind == wire.BODY:
            flags, number, chunk = wire.decode_part(data)
            if number in self.open:
                self.open[number][2].append(chunk)
                self._begin(number, flags)
        elif kind == wire.CANCEL:
            number = wire.decode_part(data)[1]
            self.shim.cancelled.append(number)
            if self.kept.pop(number, None) is not None:
                del self.open[number]
                self.shim.slots.let_go(self, (self, number), wait=False)
                self.send(wire.encode_message(wire.RESULT, wire.LAST, number, b"{}", b""))
            elif self.open.pop(number, None) is not None:
                again = self._finish(number, wants_more=False)
                self.send(wire.encode_message(wire.RESULT, wire.LAST | (wire.AGAIN if again else 0), number, b"{}", b""))
            elif number in self.busy:
                self.gone.add(number)
        elif kind == wire.WANT:
            self._turn(self.shim.slots.want(self))
        elif kind == wire.RETURN:
            self._turn(self.shim.slots.give_back(self, wire.decode_count(data)))
        elif kind == wire.PEERS:
            self.peers.append(wire.decode_control(data))

    def send(self, frame: bytes) -> None:
        self.transport.send(WSMsgType.BINARY, frame)

    def _begin(self, number: int, flags: int) -> None:
        if flags & wire.LAST:
            first_flags, meta, chunks = self.open.pop(number)
            self.busy.add(number)
            task = asyncio.get_running_loop().create_task(self._run(number, first_flags, meta, b"".join(chunks)))
            self.shim.tasks.add(task)
            task.add_done_callback(self.shim.tasks.discard)

    async def _run(self, number: int, flags: int, meta: dict[str, Any], payload: bytes) -> None:
        shim = self.shim
        shim.running += 1
        shim.invocations += 1
        shim.most = max(shim.most, shim.running)
        try:
            outcome = await shim.script(payload, meta)
        finally:
            shim.running -= 1
        self.busy.discard(number)
        again = self._finish(number, wants_more=bool(flags & wire.WAITING))
        if number in self.gone:
            self.gone.remove(number)
            self.send(wire.encode_message(wire.RESULT, wire.LAST | (wire.AGAIN if again else 0), number, b"{}", b""))
            return
        result = (wire.AGAIN if again else 0) | (wire.FUNCTION_ERROR if outcome.function_error else 0)
        encoded, body = json.dumps(outcome.meta).encode(), outcome.payload
        if len(body) <= wire.CHUNK_BYTES:
            self.send(wire.encode_message(wire.RESULT, result | wire.LAST, number, encoded, body))
            return
        self.send(wire.encode_message(wire.RESULT, result, number, encoded, body[: wire.CHUNK_BYTES]))
        for start in range(wire.CHUNK_BYTES, len(body), wire.CHUNK_BYTES):
            last = wire.LAST if start + wire.CHUNK_BYTES >= len(body) else 0
            self.send(wire.encode_part(wire.RESULT_BODY, last, number, body[start : start + wire.CHUNK_BYTES]))

    def _finish(self, number: int, *, wants_more: bool) -> bool:
        finished = self.shim.slots.finish(self if self in self.shim.links else None, wants_more=wants_more)
        if finished.start is not None:
            self._start_kept(*finished.start)
        if finished.grant is not None:
            finished.grant.send(wire.encode_count(wire.GRANT, 1))
        return finished.again

    def _turn(self, turns: list[Turn[_Link]]) -> None:
        for turn in turns:
            if turn.invocation is None:
                turn.link.send(wire.encode_count(wire.GRANT, 1))
            else:
                self._start_kept(*turn.invocation)

    @staticmethod
    def _start_kept(link: _Link, number: int) -> None:
        link._begin(number, link.kept.pop(number))
