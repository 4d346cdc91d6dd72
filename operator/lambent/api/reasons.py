"""Who failed, and why: the stable reason codes of every invocation that did not succeed.

A code is `SIDE.Name`; its side is one of caller, function, platform. The code goes into the response header `X-Lambent-Reason`, the
log line and the metric label `reason`; `outcome` is the metric label that goes with it. Pure data, standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Side(StrEnum):
    """The party whose fault a failure is."""

    CALLER = "caller"
    FUNCTION = "function"
    PLATFORM = "platform"


class Outcome(StrEnum):
    """Metric label `outcome`."""

    SUCCESS = "success"
    CALLER_ERROR = "caller_error"
    FUNCTION_ERROR = "function_error"
    PLATFORM_ERROR = "platform_error"


@dataclass(frozen=True, slots=True)
class Reason:
    """One row of the table.

    `url_status` is what a function URL or an http Trigger answers. `api_status` and `api_error` are what the Lambda Invoke API
    answers: a function's own failures are status 200 there, with `X-Amz-Function-Error`, so `api_error` is empty for them.
    """

    code: str
    side: Side
    url_status: int
    api_status: int
    api_error: str

    @property
    def outcome(self) -> Outcome:
        """The metric label that goes with this reason."""
        return _OUTCOMES[self.side]


_OUTCOMES: Final = {Side.CALLER: Outcome.CALLER_ERROR, Side.FUNCTION: Outcome.FUNCTION_ERROR, Side.PLATFORM: Outcome.PLATFORM_ERROR}


def _reason(code: str, url_status: int, api_status: int, api_error: str = "") -> Reason:
    return Reason(code, Side(code.partition(".")[0].lower()), url_status, api_status, api_error)


CALLER_BAD_REQUEST: Final = _reason("Caller.BadRequest", 400, 400, "InvalidParameterValueException")
CALLER_TOO_LARGE: Final = _reason("Caller.TooLarge", 413, 413, "RequestTooLargeException")
CALLER_NOT_FOUND: Final = _reason("Caller.NotFound", 404, 404, "ResourceNotFoundException")
CALLER_FORBIDDEN: Final = _reason("Caller.Forbidden", 403, 403, "AccessDeniedException")
CALLER_TOO_MANY_REQUESTS: Final = _reason("Caller.TooManyRequests", 429, 429, "TooManyRequestsException")

FUNCTION_ERROR: Final = _reason("Function.Error", 502, 200)
FUNCTION_TIMEOUT: Final = _reason("Function.Timeout", 502, 200)
FUNCTION_OUT_OF_MEMORY: Final = _reason("Function.OutOfMemory", 502, 200)
FUNCTION_STORAGE_FULL: Final = _reason("Function.StorageFull", 502, 200)
FUNCTION_EXIT: Final = _reason("Function.Exit", 502, 200)
FUNCTION_INIT_ERROR: Final = _reason("Function.InitError", 502, 200)
FUNCTION_RESPONSE_TOO_LARGE: Final = _reason("Function.ResponseTooLarge", 502, 200)
FUNCTION_BAD_RESPONSE: Final = _reason("Function.BadResponse", 502, 200)

PLATFORM_LINK_LOST: Final = _reason("Platform.LinkLost", 502, 502, "ServiceException")
PLATFORM_QUEUE_FULL: Final = _reason("Platform.QueueFull", 429, 429, "TooManyRequestsException")
PLATFORM_QUEUE_TIMEOUT: Final = _reason("Platform.QueueTimeout", 504, 504, "ServiceException")
PLATFORM_NOT_READY: Final = _reason("Platform.NotReady", 503, 502, "ResourceNotReadyException")
PLATFORM_OVERLOADED: Final = _reason("Platform.Overloaded", 503, 503, "ServiceException")
PLATFORM_INTERNAL: Final = _reason("Platform.Internal", 500, 500, "ServiceException")

REASONS: Final[dict[str, Reason]] = {
    reason.code: reason
    for reason in (
        CALLER_BAD_REQUEST,
        CALLER_TOO_LARGE,
        CALLER_NOT_FOUND,
        CALLER_FORBIDDEN,
        CALLER_TOO_MANY_REQUESTS,
        FUNCTION_ERROR,
        FUNCTION_TIMEOUT,
        FUNCTION_OUT_OF_MEMORY,
        FUNCTION_STORAGE_FULL,
        FUNCTION_EXIT,
        FUNCTION_INIT_ERROR,
        FUNCTION_RESPONSE_TOO_LARGE,
        FUNCTION_BAD_RESPONSE,
        PLATFORM_LINK_LOST,
        PLATFORM_QUEUE_FULL,
        PLATFORM_QUEUE_TIMEOUT,
        PLATFORM_NOT_READY,
        PLATFORM_OVERLOADED,
        PLATFORM_INTERNAL,
    )
}


def find_reason(code: str) -> Reason:
    """The row of a code; an unknown `Function.*` code is a plain function error, anything else unknown the platform's own fault."""
    found = REASONS.get(code)
    if found is not None:
        return found
    return FUNCTION_ERROR if code.startswith("Function.") else PLATFORM_INTERNAL
