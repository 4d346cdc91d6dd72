"""Several WebSocket messages as one piece of bytes, for one system call. Pure."""

from __future__ import annotations

import struct
from typing import Final

_WHOLE_BINARY: Final = 0x82
_MASKED: Final = 0x80
_SHORT: Final = struct.Struct(">BBI")
_MIDDLE: Final = struct.Struct(">BBHI")
_LONG: Final = struct.Struct(">BBQI")


def join_messages(messages: list[bytes]) -> bytes:
    """The frames of a client: each message whole, binary and masked (RFC 6455, 5.2), in order.

    The masking key is 0, which leaves a message as it is. A key that nobody can guess (5.3) protects caches between a browser and a server
    from what a web page sends through them; a link goes straight from pod to activator, and both ends are Lambent's.
    """
    pieces: list[bytes] = []
    for message in messages:
        size = len(message)
        if size < 126:
            pieces.append(_SHORT.pack(_WHOLE_BINARY, _MASKED | size, 0))
        elif size < 65_536:
            pieces.append(_MIDDLE.pack(_WHOLE_BINARY, _MASKED | 126, size, 0))
        else:
            pieces.append(_LONG.pack(_WHOLE_BINARY, _MASKED | 127, size, 0))
        pieces.append(message)
    return b"".join(pieces)
