"""Request ids and trace ids: unique, and cheap to make. Entropy is read in blocks, so that a request costs no system call."""

from __future__ import annotations

import os
from collections.abc import Callable

_BLOCK = 4096


class Identities:
    """Makes ids; `read_entropy` gives that many random bytes."""

    def __init__(self, read_entropy: Callable[[int], bytes] = os.urandom) -> None:
        self._read = read_entropy
        self._block = ""
        self._at = 0

    def request_id(self) -> str:
        """A version 4 UUID (RFC 9562)."""
        text = self._take(32)
        variant = "89ab"[int(text[16], 16) & 3]
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"

    def trace_id(self, epoch_seconds: float) -> str:
        """`Root=1-TIME-ID;Parent=ID;Sampled=0` (AWS X-Ray Developer Guide, "Tracing header"): a trace that nobody has begun or records."""
        text = self._take(40)
        return f"Root=1-{int(epoch_seconds):08x}-{text[:24]};Parent={text[24:]};Sampled=0"

    def _take(self, digits: int) -> str:
        at = self._at
        if at + digits > len(self._block):
            self._block = self._read(_BLOCK).hex()
            at = 0
        self._at = at + digits
        return self._block[at : at + digits]
