"""Serves an `async def` handler: many invocations at once on one event loop."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import socket
import sys
from typing import Any

from lambent_runtime import frames
from lambent_runtime.channel import Channel, take_frame
from lambent_runtime.errors import FaultError
from lambent_runtime.invocation import Invocation
from lambent_runtime.logs import Logs, Sink, encode_record, request_id, tenant_id, write_all

_number: contextvars.ContextVar[int] = contextvars.ContextVar("invocation_number", default=0)
_READ_BYTES = 262_144


def serve(channel: Channel, handler: Any, logs: Logs) -> None:
    """Answer invocations until the channel closes; see worker.serve."""
    _attribute_output(channel, logs)
    asyncio.run(_Server(channel, handler, logs).serve())


class _Server:
    def __init__(self, channel: Channel, handler: Any, logs: Logs) -> None:
        self._channel = channel
        self._handler = handler
        self._logs = logs
        self._buffer = bytearray()
        self._running: dict[int, asyncio.Task[None]] = {}
        self._abandoned: set[int] = set()
        self._closed = asyncio.Event()
        self._fatal: BaseException | None = None
        self._ending = False

    async def serve(self) -> None:
        asyncio.get_running_loop().add_reader(self._channel.fileno(), self._read)
        await self._closed.wait()
        if self._fatal is not None:
            raise self._fatal

    def _read(self) -> None:
        try:
            data = self._channel.socket.recv(_READ_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        if not data:
            self._closed.set()
            return
        self._buffer += data
        while (frame := take_frame(self._buffer)) is not None:
            if frame.kind == frames.INVOKE:
                self._start(Invocation(frame))
            elif frame.kind == frames.ABANDON and frame.number in self._running:
                self._abandoned.add(frame.number)
                self._running[frame.number].cancel()

    def _start(self, invocation: Invocation) -> None:
        context = contextvars.copy_context()
        context.run(_number.set, invocation.number)
        context.run(request_id.set, invocation.request_id)
        context.run(tenant_id.set, invocation.meta.get("tenantId"))
        invocation.set_trace_variable()
        task = asyncio.get_running_loop().create_task(self._run(invocation), context=context)
        self._running[invocation.number] = task
        task.add_done_callback(lambda done: self._finish(invocation.number, done))

    def _finish(self, number: int, task: asyncio.Task[None]) -> None:
        del self._running[number]
        self._abandoned.discard(number)
        failure = None if task.cancelled() else task.exception()
        if failure is not None:
            # What _run lets through ends the process, as it would leave AWS's loop.
            self._fatal = failure
            self._closed.set()

    async def _run(self, invocation: Invocation) -> None:
        try:
            event, context = invocation.build_arguments()
            result = await self._handler(event, context)
        except FaultError as fault:
            answer = invocation.encode_fault(fault, self._logs)
        except asyncio.CancelledError as error:
            if self._ending:
                raise
            if invocation.number in self._abandoned:
                answer = invocation.encode_abandoned()
            else:
                answer = invocation.encode_exception(error, self._logs)
        except Exception as error:  # noqa: BLE001 - the user's code may raise anything; the caller gets it
            answer = invocation.encode_exception(error, self._logs)
        except BaseException:
            # SystemExit and its like end the process; the loop then cancels the others, which have no answer of their own.
            self._ending = True
            raise
        else:
            answer = invocation.encode_result(result, self._logs)
        self._channel.write(answer)


class _AttributedSink(Sink):
    """Sends a line with the number of the invocation it belongs to; outside of one, to the output pipe."""

    def __init__(self, descriptor: int, channel: Channel) -> None:
        super().__init__(descriptor)
        self._channel = channel

    def log(self, message: str, frame_type: bytes | None = None) -> None:  # noqa: ARG002 - awslambdaric's signature
        self.write(encode_record(message))

    def write(self, data: bytes) -> None:
        number = _number.get()
        if not number:
            write_all(self.descriptor, data)
            return
        for start in range(0, len(data), _READ_BYTES):
            self._channel.write(frames.encode(frames.OUTPUT, number, data[start : start + _READ_BYTES]))


class _AttributedStream:
    """sys.stdout and sys.stderr: text by the sink, everything else by the stream itself."""

    def __init__(self, stream: Any, sink: _AttributedSink) -> None:
        self.stream = stream
        self._sink = sink

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._sink.write(text.encode("utf-8", "backslashreplace"))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)


def _attribute_output(channel: Channel, logs: Logs) -> None:
    sink = _AttributedSink(logs.sink.descriptor, channel)
    for handler in logging.getLogger().handlers:
        if getattr(handler, "log_sink", None) is logs.sink:
            handler.log_sink = sink  # type: ignore[attr-defined]
    logs.sink = sink
    sys.stdout = _AttributedStream(sys.stdout, sink)
    sys.stderr = _AttributedStream(sys.stderr, sink)
