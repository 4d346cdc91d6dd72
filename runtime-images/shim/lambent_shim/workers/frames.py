"""Frames between the shim and the processes that hold the user's code; lambent_runtime.frames says what each kind means.

A copy, because the two run under different interpreters; tests/contract/runtime holds them equal.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

HEAD: Final = struct.Struct("<IBBHII")

FORK: Final = 0x01
INVOKE: Final = 0x02
ABANDON: Final = 0x03
CONFIGURE: Final = 0x04

STARTED: Final = 0x81
READY: Final = 0x82
INIT_FAILED: Final = 0x83
RESULT: Final = 0x84
OUTPUT: Final = 0x85

PREPARE: Final = 1
HELD: Final = 2
NEVER_SHARE: Final = 4
ALWAYS_SHARE: Final = 8

FAILED: Final = 1
TOO_LARGE: Final = 2
BAD_RESULT: Final = 4
BAD_EVENT: Final = 8

MAX_RESULT_BYTES: Final = 6 * 1024 * 1024 + 100
MAX_FRAME_BYTES: Final = MAX_RESULT_BYTES + 70_000
"""No honest process sends more in one frame."""


class Frame(NamedTuple):
    """One frame, whole."""

    kind: int
    flags: int
    number: int
    value: int
    meta: bytes
    payload: bytes


class FrameError(ValueError):
    """A process sent what is no frame: user code has written to the channel."""


def encode(kind: int, number: int = 0, payload: bytes = b"", *, flags: int = 0, value: int = 0, meta: bytes = b"") -> bytes:
    """The bytes of one frame."""
    return HEAD.pack(len(meta) + len(payload), kind, flags, len(meta), number, value) + meta + payload


class FrameBuffer:
    """Bytes in, whole frames out."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes | memoryview) -> list[Frame]:
        """The frames that `data` completes, copied out of it. Raises FrameError."""
        buffer: bytes | bytearray | memoryview = data
        if self._rest:
            self._rest += data
            buffer = self._rest
        found: list[Frame] = []
        start, size, head = 0, len(buffer), HEAD.size
        while size - start >= head:
            length, kind, flags, meta_length, number, value = HEAD.unpack_from(buffer, start)
            if length > MAX_FRAME_BYTES or meta_length > length or kind < STARTED:
                raise FrameError(f"frame of kind {kind:#x} and {length} bytes")
            middle = start + head + meta_length
            end = start + head + length
            if end > size:
                break
            found.append(Frame(kind, flags, number, value, bytes(buffer[start + head : middle]), bytes(buffer[middle:end])))
            start = end
        if buffer is self._rest:
            del self._rest[:start]
        else:
            self._rest += buffer[start:]
        return found
