"""What the link says of an invocation or an initialisation that has ended: RESULT's meta and INIT's object. Pure.

Shapes: docs/runtime-contract.md, "The link".
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from lambent_shim.telemetry.lines import Tail
from lambent_shim.telemetry.platform_lines import Usage
from lambent_shim.workers.failures import InitError


def encode_result_meta(usage: Usage, reason: str | None, tail: Tail | None) -> bytes:
    """RESULT's meta; `reason` is None for success."""
    # By hand: numbers and fixed names need no encoder, and this is on the path of every invocation.
    meta = b'{"durationMs":%.3f,"billedMs":%d,"memoryMb":%d' % (usage.duration_ms, usage.billed_ms, usage.max_memory_used_mib)
    if usage.init_ms is not None:
        meta += b',"initMs":%.3f' % usage.init_ms
    if reason is not None:
        meta += b',"reason":"%s"' % reason.encode()
    if tail is not None:
        meta += b',"logTail":"%s"' % b64encode(tail.read())
    return meta + b"}"


def describe_success(duration_ms: float) -> dict[str, Any]:
    """INIT's object, without phases, once the handler is imported."""
    return {"ok": True, "durationMs": round(duration_ms, 3), "errorType": "", "errorMessage": "", "stackTrace": []}


def describe_failure(error: InitError, duration_ms: float) -> dict[str, Any]:
    """INIT's object, without phases, where it could not be imported."""
    return {
        "ok": False,
        "durationMs": round(duration_ms, 3),
        "errorType": error.error_type,
        "errorMessage": error.message,
        "stackTrace": list(error.stack_trace),
        "traceback": list(error.traceback),
    }
