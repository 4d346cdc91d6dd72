"""Cuts a process's output into whole lines and tags each with the invocation it belongs to. Pure.

The pod's log is for machines that read lines: Text is `REQUEST_ID<tab>line`; JSON is one object per line, where a line that is one
already passes as it is.
"""

from __future__ import annotations

import json
from collections import deque
from typing import Final

from lambent_shim.telemetry.platform_lines import format_time

MAX_LINE_BYTES: Final = 262_144
"""CloudWatch's largest event; longer lines are cut."""
TAIL_BYTES: Final = 4096
"""X-Amz-Log-Result holds the last 4 KiB (Lambda API, Invoke)."""


class LineBuffer:
    """Bytes in, whole lines out; an unfinished line waits for its end."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes, without their ends."""
        lines = data.split(b"\n")
        if len(lines) == 1:
            self._rest += data
            return self._cut_long()
        lines[0] = self._rest + lines[0]
        self._rest = lines.pop()
        return lines + self._cut_long() if len(self._rest) > MAX_LINE_BYTES else lines

    @property
    def unfinished(self) -> bool:
        """Whether a line waits for its end."""
        return self._rest != b""

    def flush(self) -> list[bytes]:
        """The unfinished line, if any: its invocation is over."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []

    def _cut_long(self) -> list[bytes]:
        lines = []
        while len(self._rest) > MAX_LINE_BYTES:
            lines.append(self._rest[:MAX_LINE_BYTES])
            self._rest = self._rest[MAX_LINE_BYTES:]
        return lines


class NumberedLines:
    """As LineBuffer, where each piece comes with the number of its invocation."""

    def __init__(self) -> None:
        self._unfinished: dict[int, LineBuffer] = {}

    def feed(self, number: int, data: bytes) -> list[bytes]:
        """The lines of invocation `number` that `data` completes, without their ends."""
        buffer = self._unfinished.pop(number, None) or LineBuffer()
        lines = buffer.feed(data)
        if buffer.unfinished:
            self._unfinished[number] = buffer
        return lines

    def flush(self, number: int) -> list[bytes]:
        """Its unfinished line, if any: the invocation is over."""
        buffer = self._unfinished.pop(number, None)
        return buffer.flush() if buffer is not None else []


class Tail:
    """The last TAIL_BYTES of what was added."""

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._size = 0

    def add(self, data: bytes) -> None:
        """Append."""
        data = data[-TAIL_BYTES:]
        self._pieces.append(data)
        self._size += len(data)
        while self._size - len(self._pieces[0]) >= TAIL_BYTES:
            self._size -= len(self._pieces.popleft())

    def read(self) -> bytes:
        """The last bytes."""
        return b"".join(self._pieces)[-TAIL_BYTES:]


def tag_text(lines: list[bytes], request_id: str) -> bytes:
    """Lines of the pod's log in Text; without a request (initialisation, leftovers) the tag is `-`."""
    tag = (request_id or "-").encode() + b"\t"
    return b"".join([tag + line + b"\n" for line in lines])


def tag_json(lines: list[bytes], request_id: str, now: float) -> bytes:
    """Lines of the pod's log in JSON."""
    return b"".join([_as_object(line, request_id, now) + b"\n" for line in lines])


def _as_object(line: bytes, request_id: str, now: float) -> bytes:
    if line.startswith(b"{"):
        try:
            json.loads(line)
        except ValueError:
            pass
        else:
            return line
    fields = {"timestamp": format_time(now), "requestId": request_id, "message": line.decode("utf-8", "replace")}
    return json.dumps({key: value for key, value in fields.items() if value != "" or key == "message"}, ensure_ascii=False).encode()
