"""Cutting a stream of bytes into lines, pure. A watch sends one JSON object a line, and an object may be megabytes long."""

from __future__ import annotations

from typing import Final

LONGEST_LINE_BYTES: Final = 64 << 20
"""No object comes near this (etcd holds 1.5 MB by default); a line that does is not a watch."""


class LineTooLongError(ValueError):
    """A line longer than any object can be."""


class LineDecoder:
    """Feed it pieces as they come, get the lines that are complete. Each byte is looked at once."""

    __slots__ = ("_limit", "_pieces", "_size")

    def __init__(self, limit: int = LONGEST_LINE_BYTES) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """Lines completed by this piece, without their line feeds; empty ones are left out."""
        *complete, rest = piece.split(b"\n")
        lines: list[bytes] = []
        for end in complete:
            self._keep(end)
            line = b"".join(self._pieces)
            self._pieces.clear()
            self._size = 0
            if line.strip():
                lines.append(line)
        self._keep(rest)
        return lines

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._limit:
            raise LineTooLongError(f"a line of over {self._limit} bytes")
        if part:
            self._pieces.append(part)
