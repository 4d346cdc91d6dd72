"""One invocation in the pod, from the first frame of its INVOKE to its RESULT."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from lambent_shim.link import wire
from lambent_shim.telemetry.lines import Tail

if TYPE_CHECKING:
    from lambent_shim.link.link import Link
    from lambent_shim.workers.process import Process


_DECODER: Final = json.JSONDecoder()


class Invocation:
    """Holds a slot as long as it lives."""

    __slots__ = (
        "cancelled",
        "chunks",
        "identifier",
        "link",
        "meta",
        "number",
        "process",
        "request_id",
        "size",
        "started_at",
        "tail",
        "timed_out",
        "waiting",
        "whole",
    )

    def __init__(self, link: Link, flags: int, identifier: int, meta: bytes, payload: bytes) -> None:
        text = meta.decode()
        fields, end = _DECODER.raw_decode(text)
        if end != len(text):
            raise ValueError(f"{len(text) - end} characters after the JSON object")
        self.link: Link | None = link
        self.identifier = identifier
        self.number = 0
        """Names it on its process's channel; 0 until it is there."""
        self.meta = meta
        self.request_id = str(fields["requestId"])
        self.chunks = [payload]
        self.size = len(payload)
        self.waiting = flags & wire.WAITING != 0
        self.tail: Tail | None = Tail() if flags & wire.TAIL else None
        self.process: Process | None = None
        self.started_at = 0.0
        """Monotonic seconds when the event went to the process, or its limit began to count."""
        self.cancelled = False
        self.whole = False
        """All of its event is here."""
        self.timed_out = False
        """Its coroutine has been told to end."""

    def take_event(self) -> bytes:
        """The whole event; the invocation keeps no copy."""
        event = self.chunks[0] if len(self.chunks) == 1 else b"".join(self.chunks)
        self.chunks.clear()
        return event
