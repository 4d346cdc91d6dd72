"""One link's frames: HELLO to WELCOME, then invocations out and results in. Talks to a `Switchboard`, which decides.

A session is the picows listener of one connection. Before its hello is verified it holds nothing and may send nothing but HELLO; after
that, what its stage allows (`link_stage`). Whoever keeps to neither is cut off without a word, which would have to be kept for whoever
does not read it.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson
from picows import WSFrame, WSListener, WSMsgType, WSTransport

from lambent.activator.admission.model import Invocation
from lambent.activator.links.hello import (
    MAX_HELLO_BYTES,
    DuplicateLinkError,
    Hello,
    Identity,
    LinkRefusedError,
    UnverifiedError,
    parse_hello,
)
from lambent.activator.links.stage import NEXT, OF_A_FUNCTION, Stage, word_refusal
from lambent.activator.links.writer import WRITE_BYTES, LinkWriter
from lambent.api import link as wire

HELLO_SECONDS = 5.0
MISSED_PINGS = 3
MAX_FRAME_BYTES: Final = wire.CHUNK_BYTES + 128 * 1024
MAX_RESPONSE_BYTES: Final = 8 * 1024 * 1024
INITS: Final = 8
"""Initialisations that may be told at once; after that one in `INIT_SECONDS`. An honest shim tells of one, and of another outcome."""
INIT_SECONDS: Final = 2.0
_LIVE: Final = b"live"

_log = logging.getLogger("lambent.activator.link")


@dataclass(slots=True)
class Partial:
    """A RESULT as far as it has come."""

    flags: int
    meta: bytes
    chunks: list[bytes]
    size: int
    """Of all that came."""
    held: int
    """Of `chunks`."""
    fits: bool = True
    """Whether there is room for it; else the rest is thrown away as it comes."""


class Connection(Protocol):
    """What a session's connection is told."""

    def proved(self) -> None:
        """Its shim is who it says."""

    def refused(self, why: str) -> None:
        """Its shim is not who it says, or does not keep to the protocol; `why` in one word."""


class Switchboard(Protocol):
    """What sessions tell, and ask."""

    async def verify(self, hello: Hello) -> Identity:
        """Whose it is. Raises `LinkRefusedError` unless the hello is true, `DuplicateLinkError` where its pod is linked already."""

    def opened(self, session: LinkSession, hello: Hello, identity: Identity) -> dict[str, Any]:
        """A verified session; returns the fields of WELCOME."""

    def welcome(self) -> dict[str, Any]:
        """The fields of a WELCOME that opens nothing."""

    def became(self, session: LinkSession, fields: dict[str, Any]) -> None:
        """BECAME."""

    def initialized(self, session: LinkSession, fields: dict[str, Any]) -> None:
        """INIT."""

    def expects(self, session: LinkSession, number: int) -> bool:
        """Whether an invocation of that id is under way there, its caller gone or not."""

    def hold(self, size: int) -> bool:
        """Count so many bytes of an answer that has not come whole; False: there is no room for them, and they are not counted."""

    def let_go(self, size: int) -> None:
        """So many bytes that were counted are held no longer."""

    def answered(self, session: LinkSession, number: int, flags: int, meta: bytes, payload: bytes | None) -> None:
        """RESULT, whole; of a payload over MAX_RESPONSE_BYTES the rest is cut off; None: there was no room for it."""

    def bounced(self, session: LinkSession, number: int) -> None:
        """BOUNCE."""

    def granted(self, session: LinkSession, count: int) -> None:
        """GRANT."""

    def draining(self, session: LinkSession) -> None:
        """DRAINING."""

    def taken(self, session: LinkSession, invocation: Invocation, number: int) -> None:
        """A large event was read whole, and was not bounced."""

    def lives(self, session: LinkSession) -> None:
        """The link that was doubted has answered."""

    def closed(self, session: LinkSession) -> None:
        """A session that was opened is gone."""

    def failed(self, what: str, error: Exception) -> None:
        """A defect, met while a frame was taken."""


class LinkSession(WSListener):
    """One connection of a shim."""

    def __init__(self, number: int, switchboard: Switchboard, connection: Connection | None = None) -> None:
        self.number = number
        self.hello: Hello | None = None
        self.identity: Identity | None = None
        self.phases: dict[str, float] = {}
        """How its start went, as HELLO and INIT told."""
        self.stage = Stage.CONNECTED
        self.opened = False
        """Whether the switchboard knows it."""
        self.writer = LinkWriter(number, self._taken, self._cut_unread)
        self.doubted = False
        """Whether it has to show that it lives, after this process was stopped."""
        self._switchboard = switchboard
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._hello_timer: asyncio.TimerHandle | None = None
        self._verification: asyncio.Task[None] | None = None
        self._results: dict[int, Partial] = {}
        self._pings = 0
        self._inits = 0.0
        self._init_at = 0.0
        self._probes: list[asyncio.Future[bool]] = []

    @property
    def generic(self) -> bool:
        """Whether its pod is no function's yet."""
        return self.stage in OF_A_FUNCTION

    # From the network

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The handshake is done: the hello must come soon."""
        self.writer.transport = transport
        self._hello_timer = self._loop.call_later(HELLO_SECONDS, self._say_nothing_came)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:  # noqa: ARG002 - picows' signature
        """Everything a shim says."""
        if self.stage is Stage.CLOSED:
            return  # what came with the frame that closed it
        self._pings = 0
        try:
            if frame.msg_type is WSMsgType.BINARY and frame.fin:
                if self.stage > Stage.VERIFYING:
                    self._receive(frame.get_payload_as_bytes())
                else:
                    self._receive_hello(frame)
            else:
                self._receive_other(frame)
        except (wire.FrameError, LinkRefusedError) as error:
            self.abort(str(error), "protocol")
        except Exception as error:  # noqa: BLE001 - a defect that one link's frames meet is not to reach another's
            self._switchboard.failed("Receive", error)
            self.abort("an error inside the activator", "error")

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002 - picows' signature
        """The connection is gone."""
        self.writer.gone()
        self._end()

    def pause_writing(self) -> None:
        """The shim reads slower than we write."""
        self.writer.pause()

    def resume_writing(self) -> None:
        """It has caught up."""
        self.writer.resume()

    def _receive_other(self, frame: WSFrame) -> None:
        """What is no whole binary message."""
        kind = frame.msg_type
        if kind is WSMsgType.CLOSE:
            self.abort("", "")
        elif self.stage <= Stage.VERIFYING:
            raise LinkRefusedError(word_refusal(self.stage, 0))
        elif kind is WSMsgType.PING:
            self.writer.pong(frame.get_payload_as_bytes())
        elif kind is WSMsgType.PONG:
            self._receive_pong(frame.get_payload_as_bytes())
        else:
            raise wire.FrameError("only whole binary messages are spoken here")

    def _receive_pong(self, payload: bytes) -> None:
        self.writer.hear_pong(payload)
        if payload == _LIVE:
            self._answer_probes(True)
            if self.doubted:
                self.doubted = False
                self._switchboard.lives(self)

    def _receive(self, frame: bytes) -> None:
        kind = frame[0] if frame else 0
        stage = NEXT[self.stage].get(kind)
        if stage is None:
            raise wire.FrameError(word_refusal(self.stage, kind))
        self.stage = stage
        if kind == wire.RESULT:
            flags, number, meta, payload = wire.decode_message(frame)
            if flags & wire.LAST:
                self._switchboard.answered(self, number, flags, meta, payload)
            else:
                self._begin_result(flags, number, meta, payload)
        elif kind == wire.RESULT_BODY:
            self._receive_body(frame)
        elif kind == wire.BOUNCE:
            _, number, _ = wire.decode_part(frame)
            self._switchboard.bounced(self, number)
        elif kind == wire.GRANT:
            self._switchboard.granted(self, wire.decode_count(frame))
        elif kind == wire.INIT:
            self._count_init()
            self._switchboard.initialized(self, wire.decode_control(frame))
        elif kind == wire.DRAINING:
            self._switchboard.draining(self)
        else:
            self._switchboard.became(self, wire.decode_control(frame))

    def _begin_result(self, flags: int, number: int, meta: bytes, payload: bytes) -> None:
        if number in self._results or not self._switchboard.expects(self, number):
            raise wire.FrameError(f"RESULT of {number}, which is not under way on this link")
        result = self._results[number] = Partial(flags, meta, [], 0, 0)
        self._add(result, payload)

    def _receive_body(self, frame: bytes) -> None:
        flags, number, chunk = wire.decode_part(frame)
        result = self._results.get(number)
        if result is None:
            raise wire.FrameError(f"RESULT_BODY of {number} without a RESULT before it")
        self._add(result, chunk)
        if flags & wire.LAST:
            del self._results[number]
            payload = b"".join(result.chunks) if result.fits else None
            self._switchboard.let_go(result.held)
            self._switchboard.answered(self, number, result.flags, result.meta, payload)

    def _add(self, result: Partial, chunk: bytes) -> None:
        # The shim keeps to Lambda's limit; this bounds what a broken one can make us hold.
        if result.fits and result.size <= MAX_RESPONSE_BYTES:
            if self._switchboard.hold(len(chunk)):
                result.chunks.append(chunk)
                result.held += len(chunk)
            else:
                result.fits = False
                result.chunks.clear()
                self._switchboard.let_go(result.held)
                result.held = 0
        result.size += len(chunk)

    def _count_init(self) -> None:
        now = self._loop.time()
        self._inits = max(0.0, self._inits - (now - self._init_at) / INIT_SECONDS) + 1
        self._init_at = now
        if self._inits > INITS:
            raise wire.FrameError(f"more than {INITS} initialisations were told at once")

    # HELLO

    def _receive_hello(self, frame: WSFrame) -> None:
        payload = frame.get_payload_as_bytes()
        if self.stage is not Stage.CONNECTED or not payload or payload[0] != wire.HELLO or len(payload) > MAX_HELLO_BYTES:
            raise LinkRefusedError(word_refusal(Stage.CONNECTED, 0))
        self.hello = parse_hello(wire.decode_control(payload))
        self.stage = Stage.VERIFYING
        self._verification = self._loop.create_task(self._verify(self.hello))

    async def _verify(self, hello: Hello) -> None:
        try:
            identity = await self._switchboard.verify(hello)
            if self.stage is not Stage.VERIFYING:
                return
            self.identity = identity
            self.stage = Stage.GENERIC if hello.generic else Stage.STARTING
            fields = self._switchboard.opened(self, hello, identity)
            self.opened = True
            self._prove()
            self.writer.send_control(wire.WELCOME, fields)
        except DuplicateLinkError as error:
            self._turn_away(hello, error)
        except UnverifiedError as error:
            _log.warning("link of %s/%s not verified: %s", hello.function.namespace, hello.function.name, error)
            self.abort("", "")
        except LinkRefusedError as error:
            self.abort(str(error), "hello")
        except Exception as error:  # noqa: BLE001 - this task's end is awaited by nobody
            self._switchboard.failed("Verify", error)
            self.abort("an error inside the activator", "error")

    def _prove(self) -> None:
        if self._hello_timer is not None:
            self._hello_timer.cancel()
        if self._connection is not None:
            self._connection.proved()

    def _turn_away(self, hello: Hello, error: DuplicateLinkError) -> None:
        """Its pod is linked already: told by WELCOME which activator this is, a shim that came by a second address comes no more."""
        _log.info("link of %s/%s is one too many: %s", hello.function.namespace, hello.function.name, error)
        self._prove()
        self.writer.send_control(wire.WELCOME, self._switchboard.welcome())
        self.writer.finish()
        self._end()

    def _say_nothing_came(self) -> None:
        self.abort(f"no hello within {HELLO_SECONDS:g} s, or none that could be verified", "slow")

    # From the switchboard

    def turn_into_function(self) -> None:
        """Its generic pod has become a function."""
        self.stage = OF_A_FUNCTION.get(self.stage, self.stage)

    def ping(self) -> None:
        """Ask whether the shim is still there; called every few seconds. Silent to the last three, it counts as lost."""
        if self.writer.transport is None:
            return
        if self._pings >= MISSED_PINGS:
            self.abort(f"{self._pings} pings were not answered", "lost")
            return
        self._pings += 1
        self.writer.ping()

    def doubt(self) -> None:
        """Until it answers this, nobody knows whether it is still there."""
        self.doubted = True
        self.writer.ping(_LIVE)

    async def probe(self, seconds: float) -> bool:
        """Whether it answers within that time."""
        if self.writer.transport is None:
            return False
        probe: asyncio.Future[bool] = self._loop.create_future()
        self._probes.append(probe)
        self.writer.ping(_LIVE)
        try:
            async with asyncio.timeout(seconds):
                return await probe
        except TimeoutError:
            return False
        finally:
            if probe in self._probes:
                self._probes.remove(probe)

    def abort(self, why: str, word: str) -> None:
        """Cut the link; `why` is logged, `word` counted, both unless empty. What has not gone out is dropped."""
        if self.stage is Stage.CLOSED:
            return
        if why:
            hello = self.hello
            fields = {} if hello is None else {"namespace": hello.function.namespace, "function": hello.function.name, "pod": hello.pod}
            _log.warning("link %s is cut: %s", self.number, why, extra=fields)
        if word and self._connection is not None:
            self._connection.refused(word)
        self.writer.abort()
        self._end()

    def leave(self) -> None:
        """Close because this activator goes away."""
        self.writer.leave()

    def _answer_probes(self, lives: bool) -> None:
        for probe in self._probes:
            if not probe.done():
                probe.set_result(lives)
        self._probes.clear()

    def _cut_unread(self) -> None:
        self.abort(f"its shim does not read: over {WRITE_BYTES} bytes wait for it", "unread")

    def _taken(self, invocation: Invocation, number: int) -> None:
        self._switchboard.taken(self, invocation, number)

    def _end(self) -> None:
        """It is over; harmless where it was already."""
        self.stage = Stage.CLOSED
        if self._hello_timer is not None:
            self._hello_timer.cancel()
        if self._verification is not None:
            self._verification.cancel()
        self._answer_probes(False)
        for result in self._results.values():
            self._switchboard.let_go(result.held)
        self._results.clear()
        if self.opened:
            self.opened = False
            self._switchboard.closed(self)


def parse_meta(meta: bytes) -> dict[str, Any]:
    """The meta of a RESULT; raises `FrameError` where it is no JSON object."""
    try:
        fields = orjson.loads(meta)
    except orjson.JSONDecodeError as error:
        raise wire.FrameError(f"meta of a RESULT is no JSON: {error}") from None
    if not isinstance(fields, dict):
        raise wire.FrameError("meta of a RESULT is no JSON object")
    return fields
