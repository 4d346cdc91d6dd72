"""An activator that does what a test says, on a real WebSocket, and the real shim as a process beside it."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server

import lambent_shim
from lambent.api import link as wire
from tests.support.bootstrap_driver import PYTHON, RUNTIME_DIR
from tests.support.patience import FUNCTION_TIMEOUT_SECONDS, PATIENCE_SECONDS
from tests.support.pod_cgroup import DEFAULT_MEMORY_MIB, NO_LIMITS, POOL_MEMORY_MIB, PodGroup, PodLimits, pod_group

# The modules that this process tests, compiled ones too.
SHIM = Path(lambent_shim.__file__).parent


class Result(NamedTuple):
    """A whole RESULT."""

    flags: int
    meta: dict[str, Any]
    payload: bytes

    @property
    def json(self) -> Any:
        """The payload's value."""
        return json.loads(self.payload)

    @property
    def again(self) -> bool:
        """Whether the slot stays with this link."""
        return bool(self.flags & wire.AGAIN)

    @property
    def tail(self) -> str:
        """The log tail's text."""
        return base64.b64decode(self.meta["logTail"]).decode()


class ScriptedLink(WSListener):
    """The activator's end of one link; frames wait in `frames` until a test asks for them."""

    def __init__(self, activator: ScriptedActivator) -> None:
        self.activator = activator
        self.hello: dict[str, Any] = {}
        self.frames: deque[bytes] = deque()
        self.closed = asyncio.Event()
        self._arrived = asyncio.Event()
        self._number = 0
        self.transport: WSTransport | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.closed.set()
        self._arrived.set()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.CLOSE:
            transport.disconnect()
        elif frame.msg_type is WSMsgType.BINARY:
            data = frame.get_payload_as_bytes()
            if data[0] == wire.HELLO:
                self.hello = wire.decode_control(data)
                self.activator.links.put_nowait(self)
            else:
                self.frames.append(data)
                self._arrived.set()

    def send(self, frame: bytes) -> None:
        """Send one frame."""
        assert self.transport is not None
        self.transport.send(WSMsgType.BINARY, frame)

    def welcome(self, peers: list[str] | None = None, name: str = "activator-1") -> None:
        """WELCOME."""
        self.send(wire.encode_control(wire.WELCOME, {"activator": name, "peers": peers or []}))

    def invoke(self, event: Any = None, *, flags: int = wire.TAIL, last: bool = True, **meta: Any) -> int:
        """INVOKE with a JSON event (bytes as they are); returns its id."""
        self._number += 1
        payload = event if isinstance(event, bytes) else json.dumps(event if event is not None else {}).encode()
        head = json.dumps({"requestId": f"request-{self._number}", "arn": "arn:aws:lambda:x"} | meta).encode()
        self.send(wire.encode_message(wire.INVOKE, flags | (wire.LAST if last else 0), self._number, head, payload))
        return self._number

    async def next_frame(self) -> bytes:
        """The next frame, whatever it is."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not self.frames:
                assert not self.closed.is_set(), "the link is closed"
                self._arrived.clear()
                await self._arrived.wait()
        return self.frames.popleft()

    async def expect(self, kind: int) -> bytes:
        """The next frame, which must be of this kind."""
        frame = await self.next_frame()
        assert frame[0] == kind, f"{frame[0]:#x} came, not {kind:#x}"
        return frame

    async def initialised(self) -> dict[str, Any]:
        """INIT's object."""
        return wire.decode_control(await self.expect(wire.INIT))

    async def result(self, identifier: int | None = None) -> Result:
        """The next RESULT, put together; other frames of the link stay in order."""
        skipped: list[bytes] = []
        try:
            while True:
                frame = await self.next_frame()
                if frame[0] == wire.RESULT:
                    flags, number, meta, payload = wire.decode_message(frame)
                    if identifier in (None, number):
                        break
                skipped.append(frame)
            pieces = [payload]
            last = flags & wire.LAST
            while not last:
                part = await self.next_frame()
                part_flags, part_number, chunk = wire.decode_part(part)
                assert part[0] == wire.RESULT_BODY
                assert part_number == number
                assert len(part) <= wire.CHUNK_BYTES + 64
                pieces.append(chunk)
                last = part_flags & wire.LAST
        finally:
            self.frames.extendleft(reversed(skipped))
        return Result(flags, json.loads(meta), b"".join(pieces))

    async def call(self, event: Any = None, **meta: Any) -> Result:
        """INVOKE and its RESULT."""
        return await self.result(self.invoke(event, **meta))


class ScriptedActivator:
    """Listens for shims."""

    def __init__(self) -> None:
        self.links: asyncio.Queue[ScriptedLink] = asyncio.Queue()
        self.address = ""
        self._server: asyncio.Server | None = None

    async def listen(self) -> None:
        """Take a free port."""
        self._server = await ws_create_server(lambda _request: ScriptedLink(self), "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def accept(self) -> ScriptedLink:
        """The next link that has said HELLO."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.links.get()

    def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()


class Shim:
    """The real shim, as a process."""

    def __init__(self, process: asyncio.subprocess.Process, group: PodGroup | None) -> None:
        self.process = process
        self._group = group
        self.lines: list[str] = []
        self._changed = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.lines.append(line.decode("utf-8", "replace").rstrip("\n"))
            self._changed.set()

    @property
    def group(self) -> PodGroup:
        """Its pod's control groups, in a test that needs some."""
        assert self._group is not None
        return self._group

    async def logged(self, wanted: Callable[[str], bool]) -> str:
        """The first log line that is wanted, now or later."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                for line in self.lines:
                    if wanted(line):
                        return line
                self._changed.clear()
                await self._changed.wait()

    def terminate(self) -> None:
        """SIGTERM, as the kubelet sends it."""
        self.process.send_signal(signal.SIGTERM)

    async def ended(self) -> int:
        """Its exit status."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            status = await self.process.wait()
            await self._reader
        return status


@asynccontextmanager
async def run_shim_process(
    configuration: Mapping[str, Any], environment: Mapping[str, str], limits: PodLimits = NO_LIMITS
) -> AsyncIterator[Shim]:
    """The real shim with that LAMBENT_SHIM, ended with the block; in a pod's control groups where such can be made."""
    given = {"PATH": os.environ["PATH"], "LAMBENT_SHIM": json.dumps(configuration)} | dict(environment)
    memory_mib = configuration.get("memoryMiB", POOL_MEMORY_MIB if configuration.get("pool") else DEFAULT_MEMORY_MIB)
    with pod_group(memory_mib, limits) as group:
        process = await asyncio.create_subprocess_exec(
            *(() if group is None else group.launcher),
            sys.executable,
            "-I",
            str(SHIM),
            env=given,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 24,
        )
        shim = Shim(process, group)
        try:
            yield shim
        finally:
            if process.returncode is None:
                process.terminate()
                try:
                    await shim.ended()
                except TimeoutError:
                    process.kill()
                    await shim.ended()


async def find_free_port() -> int:
    """A port of loopback that nobody listens at."""
    listener = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port: int = listener.sockets[0].getsockname()[1]
    listener.close()
    await listener.wait_closed()
    return port


async def probe(port: int, path: str) -> tuple[int, str]:
    """(status, body) of a GET, as the kubelet's."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: pod\r\n\r\n".encode())
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return int(head.split()[1]), body


@asynccontextmanager
async def run_shim(
    task_root: Path, code: str, *addresses: str, environment: dict[str, str] | None = None, limits: PodLimits = NO_LIMITS, **fields: Any
) -> AsyncIterator[Shim]:
    """A shim with a function `app.handler`, dialling these addresses."""
    (task_root / "app.py").write_text(code)
    configuration = {
        "namespace": "default",
        "function": "probe",
        "revision": "0123456789",
        "handler": "app.handler",
        "activators": list(addresses),
        "taskRoot": str(task_root),
        "timeoutSeconds": FUNCTION_TIMEOUT_SECONDS,
        "statusPort": 0,
        "runtimeDir": str(RUNTIME_DIR),
        "python": PYTHON,
        "pod": "probe-1",
        "parentPid": os.getpid(),
    }
    async with run_shim_process(configuration | fields, environment or {}, limits) as shim:
        yield shim


@asynccontextmanager
async def linked_shim(task_root: Path, code: str, **fields: Any) -> AsyncIterator[tuple[ScriptedLink, Shim]]:
    """A shim with one activator, welcomed and initialised."""
    activator = ScriptedActivator()
    await activator.listen()
    try:
        async with run_shim(task_root, code, activator.address, **fields) as shim:
            link = await activator.accept()
            link.welcome()
            outcome = await link.initialised()
            assert outcome["ok"], outcome
            yield link, shim
    finally:
        activator.close()
