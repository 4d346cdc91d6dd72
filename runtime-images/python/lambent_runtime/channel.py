"""The process's end of its socket to the shim: blocking reads and writes of whole frames, and descriptors that come with them."""

from __future__ import annotations

import array
import socket
from select import POLLIN, poll

from lambent_runtime import frames

_READ_BYTES = 262_144
_Socket = socket.socket
"""Kept, as poll is: a handler's module may have replaced both (gevent, eventlet) when its worker is forked."""
_HEAD_BYTES = frames.HEAD.size


class ChannelClosedError(Exception):
    """The shim has closed its end: nothing is left to do."""


class Channel:
    """Frames over one Unix stream socket."""

    def __init__(self, descriptor: int) -> None:
        self.socket = _Socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=descriptor)
        self._buffer = bytearray()
        readable = poll()
        readable.register(descriptor, POLLIN)
        self._wait = readable.poll
        self._input = memoryview(bytearray(_READ_BYTES))

    def fileno(self) -> int:
        """The descriptor, for an event loop or to close."""
        return self.socket.fileno()

    def read(self) -> frames.Frame:
        """The next frame. Raises ChannelClosedError at the end."""
        buffer = self._buffer
        while True:
            if buffer:
                frame = take_frame(buffer)
                if frame is not None:
                    return frame
            # Asleep in recv, the process would be woken a second time whenever the shim has read its last result (unix_write_space).
            self._wait()
            # A fresh buffer of this size for each read would cost more than the read.
            size = self.socket.recv_into(self._input)
            if not size:
                raise ChannelClosedError
            if not buffer and size >= _HEAD_BYTES:
                # Nearly always a read brings one frame, whole: it needs no detour through the buffer.
                length, kind, flags, meta_length, number, value = frames.HEAD.unpack_from(self._input)
                if size == _HEAD_BYTES + length:
                    middle = _HEAD_BYTES + meta_length
                    return frames.Frame(
                        kind, flags, number, value, self._input[_HEAD_BYTES:middle].tobytes(), self._input[middle:size].tobytes()
                    )
            buffer += self._input[:size]

    def wait(self) -> None:
        """Until there is something to read, or the shim is gone."""
        self._wait()

    def read_with_descriptors(self, count: int) -> tuple[frames.Frame, list[int]]:
        """The next frame and the descriptors sent with it; reads nothing beyond it, so that those of the next stay with that."""
        data, ancillary, _, _ = self.socket.recvmsg(frames.HEAD.size, socket.CMSG_SPACE(count * 4))
        if not data:
            raise ChannelClosedError
        received = array.array("i")
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                received.frombytes(content[: len(content) - len(content) % received.itemsize])
        buffer = bytearray(data)
        while (frame := take_frame(buffer)) is None:
            size = frames.HEAD.size
            if len(buffer) >= size:
                size += frames.HEAD.unpack_from(buffer)[0]
            more = self.socket.recv(size - len(buffer))
            if not more:
                raise ChannelClosedError
            buffer += more
        return frame, list(received)

    def write(self, data: bytes) -> None:
        """Send all of it."""
        self.socket.sendall(data)

    def close(self) -> None:
        """Close the descriptor."""
        self.socket.close()


def take_frame(buffer: bytearray) -> frames.Frame | None:
    """Take the first whole frame off the buffer; None while it is incomplete."""
    head = frames.HEAD.size
    if len(buffer) < head:
        return None
    length, kind, flags, meta_length, number, value = frames.HEAD.unpack_from(buffer)
    end = head + length
    if len(buffer) < end:
        return None
    middle = head + meta_length
    frame = frames.Frame(kind, flags, number, value, bytes(buffer[head:middle]), bytes(buffer[middle:end]))
    del buffer[:end]
    return frame
