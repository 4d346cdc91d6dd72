"""One process that holds user code, seen from the shim: its channel, its output, its end."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Final

from lambent_shim.telemetry.lines import LineBuffer, Tail
from lambent_shim.workers import frames
from lambent_shim.workers.failures import InitError
from lambent_shim.workers.spawn import Ends

_INPUT: Final = memoryview(bytearray(262_144))
"""Read into by every channel in turn: a fresh buffer of this size for each read costs more than the read."""
_OUTPUT_BYTES: Final = 65_536


def reap_children() -> Iterator[tuple[int, int]]:
    """(pid, wait status) of every child that has ended, orphans too; each is gone once it is told."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        yield pid, status


class Process:
    """The shim's end of one process. Calls `on_frame(process, frame)`, `on_output(process, lines)` and `on_silent(process)` once the
    channel has closed; its exit is told by whoever reaps it.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ends: Ends,
        *,
        on_frame: Callable[[Process, frames.Frame], None],
        on_output: Callable[[Process, list[bytes]], None],
        on_silent: Callable[[Process], None],
    ) -> None:
        self.pid = 0
        """0 until STARTED says it."""
        self.doomed: str = ""
        """Why the shim has killed it; its end is no news then."""
        self.told_kib = 0
        """Its largest resident memory, as its last result said."""
        self.watched_kib = 0
        """The largest anonymous memory that was seen of it and what it has started."""
        self.init_error: InitError | None = None
        """What it said of its initialisation."""
        self.printed: Tail | None = Tail()
        """What it has written before its first invocation, to be the head of that one's log; None once that has begun."""
        self._loop = loop
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, ends.channel)
        self._socket.setblocking(False)
        self._output = ends.output
        os.set_blocking(self._output, False)
        self._pending = select.poll()
        self._pending.register(self._output, select.POLLIN)
        self._frames = frames.FrameBuffer()
        self._lines = LineBuffer()
        self._backlog = bytearray()
        self._on_frame = on_frame
        self._on_output = on_output
        self._on_silent = on_silent
        self._reading_output = False
        self._open = True
        loop.add_reader(self._socket.fileno(), self.read_frames)
        self.read_output_again()

    def attend(
        self,
        *,
        on_frame: Callable[[Process, frames.Frame], None],
        on_output: Callable[[Process, list[bytes]], None],
        on_silent: Callable[[Process], None],
    ) -> None:
        """Somebody else looks after it from now on."""
        self._on_frame = on_frame
        self._on_output = on_output
        self._on_silent = on_silent

    @property
    def channel(self) -> int:
        """The channel's descriptor, to send FORK through."""
        return self._socket.fileno()

    def send(self, data: bytes) -> None:
        """Send a frame, all of it in time; never blocks."""
        if not self._open:
            return
        if self._backlog:
            self._backlog += data
            return
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # its end follows
        if sent < len(data):
            self._backlog += memoryview(data)[sent:]
            self._loop.add_writer(self._socket.fileno(), self._send_backlog)

    def _send_backlog(self) -> None:
        try:
            sent = self._socket.send(self._backlog)
        except BlockingIOError:
            return
        except OSError:
            sent = len(self._backlog)
        del self._backlog[:sent]
        if not self._backlog:
            self._loop.remove_writer(self._socket.fileno())

    def read_frames(self) -> None:
        """Read what the process has sent."""
        if not self._open:
            return
        try:
            size = self._socket.recv_into(_INPUT)
        except BlockingIOError:
            return
        except OSError:
            size = 0
        if not size:
            self._loop.remove_reader(self._socket.fileno())
            self._on_silent(self)
            return
        try:
            found = self._frames.feed(_INPUT[:size])
        except frames.FrameError:
            self.kill("it wrote to the channel what is no frame")
            return
        for frame in found:
            self._on_frame(self, frame)

    def read_last_frames(self) -> None:
        """Read all that is left in the channel of a process that has ended."""
        while self._open:
            try:
                size = self._socket.recv_into(_INPUT)
                found = self._frames.feed(_INPUT[:size])
            except (OSError, frames.FrameError):
                return
            if not size:
                return
            for frame in found:
                self._on_frame(self, frame)

    def drain_output(self, *, end: bool) -> None:
        """Hand on what is in the pipe now; with `end`, an unfinished line too."""
        # Asked of each invocation, nearly always in vain: a poll costs a quarter of a read that raises BlockingIOError.
        while self._open and self._pending.poll(0):
            try:
                data = os.read(self._output, _OUTPUT_BYTES)
            except OSError:
                break
            if not data:
                break
            lines = self._lines.feed(data)
            if lines:
                self._on_output(self, lines)
            if len(data) < _OUTPUT_BYTES:
                break
        if end:
            rest = self._lines.flush()
            if rest:
                self._on_output(self, rest)

    def _read_output(self) -> None:
        try:
            data = os.read(self._output, _OUTPUT_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.hold_output()
            return
        lines = self._lines.feed(data)
        if lines:
            self._on_output(self, lines)

    def hold_output(self) -> None:
        """Stop reading the pipe: the process waits once it is full."""
        if self._reading_output:
            self._loop.remove_reader(self._output)
            self._reading_output = False

    def read_output_again(self) -> None:
        """Go on after hold_output."""
        if self._open and not self._reading_output:
            self._loop.add_reader(self._output, self._read_output)
            self._reading_output = True

    def kill(self, why: str) -> None:
        """SIGKILL to its process group, at once."""
        self.doomed = self.doomed or why
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: signal.Signals) -> None:
        """A signal to its process group, where it is known and still there."""
        if self.pid:
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:
                return

    def close(self) -> None:
        """Give up both descriptors."""
        if not self._open:
            return
        self.hold_output()
        self._loop.remove_reader(self._socket.fileno())
        if self._backlog:
            self._loop.remove_writer(self._socket.fileno())
        self._open = False
        self._socket.close()
        os.close(self._output)
