"""Errors of the Lambda API in the shape that AWS's clients read: header `x-amzn-ErrorType`, body `Type` and `message`.

Names, statuses and members: the exceptions of `Invoke` in the Lambda API's service model.
"""

from __future__ import annotations

import json

from lambent.activator.admission.model import Failure
from lambent.activator.http import HttpResponse
from lambent.api.reasons import (
    CALLER_BAD_REQUEST,
    CALLER_NOT_FOUND,
    CALLER_TOO_LARGE,
    CALLER_TOO_MANY_REQUESTS,
    PLATFORM_QUEUE_FULL,
    Reason,
)

# botocore reads the message from the member its model names: two exceptions spell it with a capital.
_CAPITAL = frozenset({"ResourceNotFoundException", "ServiceException"})
_THROTTLE_REASONS = {
    PLATFORM_QUEUE_FULL: "ConcurrentInvocationLimitExceeded",
    CALLER_TOO_MANY_REQUESTS: "ReservedFunctionConcurrentInvocationLimitExceeded",
}


class ApiError(Exception):
    """A request of the Lambda API that is refused."""

    def __init__(self, error: str, status: int, message: str, reason: Reason = CALLER_BAD_REQUEST) -> None:
        super().__init__(message)
        self.error = error
        self.status = status
        self.message = message
        self.reason = reason


def validation_error(message: str) -> ApiError:
    """A parameter outside its grammar."""
    return ApiError("ValidationException", 400, message)


def not_found(arn: str) -> ApiError:
    """No such function, or version of it."""
    return ApiError("ResourceNotFoundException", 404, f"Function not found: {arn}", CALLER_NOT_FOUND)


def too_large(limit: int) -> ApiError:
    """A payload over Lambda's limit."""
    message = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
    return ApiError("RequestTooLargeException", 413, message, CALLER_TOO_LARGE)


def of_failure(failure: Failure) -> ApiError:
    """What a failed invocation is to the Lambda API."""
    reason = failure.reason
    return ApiError(reason.api_error or "ServiceException", reason.api_status, failure.message, reason)


def error_response(error: ApiError, request_id: str, retry_after_seconds: int | None = None) -> HttpResponse:
    """The answer; boto3 raises the exception of that name."""
    fields = {
        "Type": "Service" if error.status >= 500 else "User",
        "Message" if error.error in _CAPITAL else "message": error.message,
    }
    headers = [
        ("content-type", "application/json"),
        ("x-amzn-requestid", request_id),
        ("x-amzn-errortype", error.error),
        ("x-lambent-reason", error.reason.code),
    ]
    throttle = _THROTTLE_REASONS.get(error.reason)
    if throttle is not None:
        fields["Reason"] = throttle
    if retry_after_seconds is not None:
        headers.append(("retry-after", str(retry_after_seconds)))
    return HttpResponse(error.status, headers, json.dumps(fields).encode(), come_again=retry_after_seconds is not None)
