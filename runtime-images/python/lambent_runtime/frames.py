"""Frames between the shim and the processes that hold the user's code: a head of 16 bytes, meta, payload.

The shim carries its own copy (lambent_shim.workers.frames); tests/contract/runtime holds the two equal. Little endian, over a Unix stream
socket. `number` names an invocation, or the child to fork; `value` is said per kind below.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

HEAD: Final = struct.Struct("<IBBHII")
"""Length of meta and payload together, kind, flags, length of meta, number, value."""

FORK: Final = 0x01
"""To a template: fork child `number`; carries the child's channel and output as file descriptors. Flag PREPARE."""
INVOKE: Final = 0x02
"""Run the handler: meta is INVOKE's meta of the link, payload the event, `value` the milliseconds left."""
ABANDON: Final = 0x03
"""Cancel the coroutine of invocation `number`; answered by RESULT as ever."""
CONFIGURE: Final = 0x04
"""To the processes of a pool pod that becomes a function: payload is the JSON object of all environment variables there shall be.
To one that was forked HELD it carries the channel and the output of the template that it forks off, as file descriptors. Flag ALONE."""

STARTED: Final = 0x81
"""`value` is the process id. Of a process that was forked HELD, meta is the JSON list of what it has imported: top-level names that
code of the user's could have files of (lambent_runtime.paths)."""
READY: Final = 0x82
"""The handler is there: meta `{durationMs, coroutine, template, apart, why}`; `template` says that this process will fork, not serve,
`apart` that it serves, and forks a template off first."""
INIT_FAILED: Final = 0x83
"""Payload is the error's JSON."""
RESULT: Final = 0x84
"""Payload is the result's or the error's JSON, `value` the process's peak memory in KiB."""
OUTPUT: Final = 0x85
"""Payload is output of invocation `number`, told apart from the other invocations on the same event loop."""

PREPARE: Final = 1
"""On FORK: import the handler, then become a template rather than serve."""
HELD: Final = 2
"""On FORK, with PREPARE: wait for CONFIGURE before anything else; once the handler is imported, serve, and leave the template's part to
a child: who has asked for all of this waits for the first invocation."""

NEVER_SHARE: Final = 4
"""On FORK with PREPARE, and on CONFIGURE: no template; each worker imports the handler for itself."""
ALWAYS_SHARE: Final = 8
"""On FORK with PREPARE, and on CONFIGURE: a template, whatever the import has drawn, wherever it can be forked."""

FAILED: Final = 1
"""On RESULT: the handler failed, the payload is an error."""
TOO_LARGE: Final = 2
"""On RESULT, with FAILED: the result is over MAX_RESULT_BYTES."""
BAD_RESULT: Final = 4
"""On RESULT, with FAILED: the result is not JSON."""
BAD_EVENT: Final = 8
"""On RESULT, with FAILED: the event is not JSON; the handler was not called."""

MAX_RESULT_BYTES: Final = 6 * 1024 * 1024 + 100
"""AWS's limit of a synchronous answer (Lambda quotas: 6 MB; the error message says 6291556)."""


class Frame(NamedTuple):
    """One frame, whole."""

    kind: int
    flags: int
    number: int
    value: int
    meta: bytes
    payload: bytes


def encode(kind: int, number: int = 0, payload: bytes = b"", *, flags: int = 0, value: int = 0, meta: bytes = b"") -> bytes:
    """The bytes of one frame; meta is at most 65,535 bytes, payload at most 4 GiB."""
    return HEAD.pack(len(meta) + len(payload), kind, flags, len(meta), number, value) + meta + payload
