"""One invocation in the worker: from a frame to the call's arguments, from its outcome to a frame."""

from __future__ import annotations

import json
import resource
import time
from typing import Any

from lambent_runtime import frames
from lambent_runtime.context import LambdaContext
from lambent_runtime.errors import (
    CONTEXT_UNMARSHAL_ERROR,
    MARSHAL_ERROR,
    RESPONSE_TOO_LARGE,
    UNMARSHAL_ERROR,
    FaultError,
    build_error,
    build_exception_error,
    build_fault_error,
)
from lambent_runtime.logs import Logs
from lambent_runtime.marshal import decode_whole, marshal_result, to_json, unmarshal_event
from lambent_runtime.trace_variable import TraceVariable

_FLAGS = {MARSHAL_ERROR: frames.BAD_RESULT, UNMARSHAL_ERROR: frames.BAD_EVENT, CONTEXT_UNMARSHAL_ERROR: frames.BAD_EVENT}
_trace_variable = TraceVariable()
_decoder = json.JSONDecoder()


class Invocation:
    """What INVOKE said. `meta` is the link's: requestId, arn, clientContext, identity, traceId, tenantId."""

    def __init__(self, frame: frames.Frame) -> None:
        self.number = frame.number
        self.event_body = frame.payload
        self.meta: dict[str, Any] = decode_whole(_decoder, frame.meta.decode())
        self.request_id: str = self.meta["requestId"]
        self.deadline_ms = int(time.time() * 1000) + frame.value

    def build_arguments(self) -> tuple[Any, LambdaContext]:
        """(event, context) for the handler. Raises FaultError for what is not JSON."""
        meta = self.meta
        context = LambdaContext(
            self.request_id,
            parse_header(meta.get("clientContext"), "Client Context"),
            parse_header(meta.get("identity"), "Cognito Identity"),
            self.deadline_ms,
            meta.get("arn"),
            meta.get("tenantId"),
        )
        return unmarshal_event(self.event_body), context

    def set_trace_variable(self) -> None:
        """`_X_AMZN_TRACE_ID` is this invocation's, or not set."""
        _trace_variable.set(self.meta.get("traceId"))

    def encode_payload(self, payload: bytes, failed_as: str | None = None) -> bytes:
        """The RESULT frame of a payload as it is; `failed_as` is the error's type where it is an error."""
        return self._encode(payload, 0 if failed_as is None else frames.FAILED | _FLAGS.get(failed_as, 0))

    def encode_result(self, result: Any, logs: Logs) -> bytes:
        """The RESULT frame of what the handler returned."""
        try:
            return self._encode(marshal_result(result), 0)
        except FaultError as fault:
            return self.encode_fault(fault, logs)

    def encode_fault(self, fault: FaultError, logs: Logs) -> bytes:
        """The RESULT frame of a broken contract; logs it."""
        return self._encode_error(build_fault_error(fault, self.request_id), _FLAGS.get(fault.error_type, 0), logs)

    def encode_exception(self, error: BaseException, logs: Logs) -> bytes:
        """The RESULT frame of an exception that left the handler; logs it."""
        return self._encode_error(build_exception_error(error, self.request_id), 0, logs)

    def encode_abandoned(self) -> bytes:
        """The RESULT frame of a coroutine that was cancelled at its timeout; the shim has answered long ago."""
        return self._encode(to_json(build_error("abandoned", "", None, self.request_id)).encode(), frames.FAILED)

    def _encode_error(self, error: dict[str, Any], flags: int, logs: Logs) -> bytes:
        logs.log_error(error)
        return self._encode(to_json(error).encode(), frames.FAILED | flags)

    def _encode(self, payload: bytes, flags: int) -> bytes:
        if len(payload) > frames.MAX_RESULT_BYTES:
            flags = frames.FAILED | frames.TOO_LARGE
            text = f"Response payload size exceeded maximum allowed payload size ({frames.MAX_RESULT_BYTES} bytes)."
            payload = json.dumps({"errorType": RESPONSE_TOO_LARGE, "errorMessage": text}, separators=(",", ":")).encode()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return frames.encode(frames.RESULT, self.number, payload, flags=flags, value=peak)


def parse_header(given: Any, name: str) -> Any:
    """The object of a client context or an identity, which travel as their JSON text. Raises FaultError."""
    if not isinstance(given, str):
        return given
    if not given:
        return None
    try:
        return json.loads(given)
    except ValueError as error:
        raise FaultError(CONTEXT_UNMARSHAL_ERROR, f"Unable to parse {name} JSON: {error}") from error
