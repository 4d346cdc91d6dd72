"""The link's frames: how activator and shim talk over one WebSocket.

Shapes and meaning: docs/runtime-contract.md, "The link". A copy of lambent.api.link, because the shim shares no package with the
control plane; tests/contract/runtime holds the two equal. Pure: bytes in, values out; malformed frames raise `FrameError`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, Final

PROTOCOL: Final = 1
CHUNK_BYTES: Final = 256 * 1024

WELCOME: Final = 0x01
INVOKE: Final = 0x02
BODY: Final = 0x03
CANCEL: Final = 0x04
WANT: Final = 0x05
RETURN: Final = 0x06
PEERS: Final = 0x07
BECOME: Final = 0x08
HELLO: Final = 0x81
INIT: Final = 0x82
RESULT: Final = 0x83
RESULT_BODY: Final = 0x84
BOUNCE: Final = 0x85
GRANT: Final = 0x86
DRAINING: Final = 0x87
BECAME: Final = 0x88

LAST: Final = 1
TAIL: Final = 2
WAITING: Final = 4
AHEAD: Final = 8
AGAIN: Final = 2
FUNCTION_ERROR: Final = 4

_MESSAGE: Final = struct.Struct("<BBIH")
_PART: Final = struct.Struct("<BBI")
_COUNT: Final = struct.Struct("<BH")
_BECOME: Final = struct.Struct("<BI")


class FrameError(ValueError):
    """A frame that does not follow the protocol."""


def encode_control(kind: int, fields: Mapping[str, Any] | None = None) -> bytes:
    """WELCOME, PEERS, HELLO, INIT, BECAME with their object; WANT, DRAINING without."""
    head = bytes((kind,))
    return head if fields is None else head + json.dumps(fields, separators=(",", ":")).encode()


def decode_control(frame: bytes) -> dict[str, Any]:
    """The JSON object of a control frame; empty where the frame has none."""
    if len(frame) == 1:
        return {}
    try:
        fields = json.loads(frame[1:])
    except ValueError as error:
        raise FrameError(f"control frame {frame[0]:#x} holds no JSON: {error}") from None
    if not isinstance(fields, dict):
        raise FrameError(f"control frame {frame[0]:#x} holds {type(fields).__name__}, not an object")
    return fields


def encode_message(kind: int, flags: int, identifier: int, meta: bytes, payload: bytes) -> bytes:
    """INVOKE and RESULT: `meta` is encoded JSON, at most 65,535 bytes."""
    if len(meta) > 0xFFFF:
        raise FrameError(f"meta of {len(meta)} bytes is over 65,535")
    return b"".join((_MESSAGE.pack(kind, flags, identifier, len(meta)), meta, payload))


def decode_message(frame: bytes) -> tuple[int, int, bytes, bytes]:
    """(flags, id, meta, payload) of an INVOKE or RESULT frame."""
    try:
        _, flags, identifier, meta_length = _MESSAGE.unpack_from(frame)
    except struct.error:
        raise FrameError(f"message frame of {len(frame)} bytes is shorter than its head") from None
    end = _MESSAGE.size + meta_length
    if end > len(frame):
        raise FrameError(f"message frame of {len(frame)} bytes is shorter than its meta of {meta_length}")
    return flags, identifier, frame[_MESSAGE.size : end], frame[end:]


def encode_part(kind: int, flags: int, identifier: int, chunk: bytes = b"") -> bytes:
    """BODY and RESULT_BODY with a chunk; CANCEL and BOUNCE without."""
    return _PART.pack(kind, flags, identifier) + chunk


def decode_part(frame: bytes) -> tuple[int, int, bytes]:
    """(flags, id, chunk) of a BODY, RESULT_BODY, CANCEL or BOUNCE frame."""
    try:
        _, flags, identifier = _PART.unpack_from(frame)
    except struct.error:
        raise FrameError(f"part frame of {len(frame)} bytes is shorter than its head") from None
    return flags, identifier, frame[_PART.size :]


def encode_count(kind: int, count: int) -> bytes:
    """GRANT and RETURN."""
    return _COUNT.pack(kind, count)


def decode_count(frame: bytes) -> int:
    """The number of slots of a GRANT or RETURN frame."""
    try:
        return int(_COUNT.unpack_from(frame)[1])
    except struct.error:
        raise FrameError(f"count frame of {len(frame)} bytes is shorter than its head") from None


def encode_become(head: Mapping[str, Any], files: Mapping[str, bytes]) -> bytes:
    """BECOME: `head` without its `files`, which are named here by path with their contents."""
    listed = {**head, "files": [[path, len(content)] for path, content in files.items()]}
    encoded = json.dumps(listed, separators=(",", ":")).encode()
    return b"".join((_BECOME.pack(BECOME, len(encoded)), encoded, *files.values()))


def decode_become(frame: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """(head, files by path) of a BECOME frame."""
    try:
        _, length = _BECOME.unpack_from(frame)
        head = json.loads(frame[_BECOME.size : _BECOME.size + length])
        listed = [(str(path), int(size)) for path, size in head["files"]]
    except (struct.error, ValueError, TypeError, KeyError) as error:
        raise FrameError(f"BECOME of {len(frame)} bytes has no head: {error!r}") from None
    start = _BECOME.size + length
    files = {}
    for path, size in listed:
        files[path] = frame[start : start + size]
        start += size
    if start != len(frame) or any(size < 0 for _, size in listed):
        raise FrameError(f"BECOME of {len(frame)} bytes names files of {start} bytes in all")
    return head, files
