"""Parts of messages that all doors share: the meta of INVOKE, Server-Timing, the web's errors. Pure."""

from __future__ import annotations

import json
from typing import Any

import orjson

from lambent.activator.admission.model import Failure
from lambent.activator.http import HttpResponse
from lambent.activator.reply import Reply
from lambent.activator.routing.table import Target
from lambent.api.reasons import Reason, Side, find_reason

MAX_META_BYTES = 16 * 1024
"""A link's frame has room for 65,535."""


def encode_meta(target: Target, request_id: str, trace_id: str, client_context: bytes = b"") -> bytes:
    """The meta of INVOKE; `client_context` is JSON.

    Raises ValueError beyond MAX_META_BYTES. What callers give is bounded before by less: this is what the link relies on.
    """
    meta = target.meta_prefix + request_id.encode() + b'","traceId":' + orjson.dumps(trace_id)
    if client_context:
        meta += b',"clientContext":' + client_context
    if len(meta) >= MAX_META_BYTES:
        raise ValueError(f"the meta of an invocation has {len(meta)} bytes, over {MAX_META_BYTES}")
    return meta + b"}"


def reason_of(reply: Reply) -> Reason:
    """The row of a function's own failure."""
    return find_reason(str(reply.meta.get("reason") or "Function.Error"))


def finish(response: HttpResponse, reply: Reply) -> None:
    """Where the time went (W3C Server Timing), and who failed."""
    meta = reply.meta
    timing = f"queue;dur={reply.queue_seconds * 1000:.2f}, handler;dur={_milliseconds(meta.get('durationMs'))}"
    if "initMs" in meta:
        timing += f", init;dur={_milliseconds(meta['initMs'])}"
    if reply.waited_for_start:
        timing += f", start;dur={reply.queue_seconds * 1000:.2f}"
        for part, milliseconds in (reply.start_parts or {}).items():
            timing += f", start-{part};dur={milliseconds:.2f}"
    response.headers.append(("server-timing", timing))
    if reply.function_error and not any(name == "x-lambent-reason" for name, _ in response.headers):
        response.headers.append(("x-lambent-reason", reason_of(reply).code))


def _milliseconds(value: Any) -> Any:
    """As the shim wrote it; what is no number, since a handler may have got hold of its pod's link, is none."""
    return value if isinstance(value, (int, float)) else 0


def web_error(status: int, message: str, reason: Reason, request_id: str, retry_after_seconds: int | None = None) -> HttpResponse:
    """An error of a function URL or an http Trigger, in API Gateway's shape."""
    headers = [("content-type", "application/json"), ("x-amzn-requestid", request_id), ("x-lambent-reason", reason.code)]
    if retry_after_seconds is not None:
        headers.append(("retry-after", str(retry_after_seconds)))
    return HttpResponse(status, headers, json.dumps({"message": message}).encode(), come_again=retry_after_seconds is not None)


def public_message(failure: Failure) -> str:
    """A function's own errors stay inside; what the platform has to say helps the caller."""
    return "Internal Server Error" if failure.reason.side is Side.FUNCTION else failure.message
