"""What the API server may answer instead of an object, by status code.

Source: Kubernetes API conventions, "HTTP Status codes" and "Response Status Kind".
"""

from __future__ import annotations

import json
from typing import Any, Final


class KubeError(Exception):
    """The API server refused a request, or did not answer.

    `status` is the HTTP status (0 where there was no answer), `reason` Kubernetes' CamelCase word for it, `message` the server's own.
    """

    def __init__(self, status: int, reason: str, message: str, request: str = "", retry_after_seconds: float | None = None) -> None:
        self.status = status
        self.reason = reason
        self.message = message
        self.request = request
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"{request}: {status} {reason}: {message}" if request else f"{status} {reason}: {message}")


class KubeUnavailableError(KubeError):
    """No answer, or one that says "not now" (5xx): the request may or may not have had its effect."""


class BadRequestError(KubeError):
    """400: the request itself is malformed."""


class UnauthorizedError(KubeError):
    """401: the credentials are missing, expired or not known."""


class ForbiddenError(KubeError):
    """403: known, but not allowed (RBAC, admission, quota)."""


class NotFoundError(KubeError):
    """404: no such object, or no such kind of object."""


class ConflictError(KubeError):
    """409: the object has changed since it was read, or another field manager owns the field."""


class AlreadyExistsError(ConflictError):
    """409 with reason AlreadyExists: create found an object of that name."""


class GoneError(KubeError):
    """410: that resourceVersion or continue token is too old; list again."""


class InvalidError(KubeError):
    """422: a field breaks the schema or a validation rule; the message names it."""


class AnswerTooLargeError(KubeError):
    """The answer has more bytes than its reader takes; it was not read to its end. Ask for less."""


class TooManyRequestsError(KubeError):
    """429: try again after `retry_after_seconds`."""


_BY_STATUS: Final[dict[int, type[KubeError]]] = {
    400: BadRequestError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
    422: InvalidError,
    429: TooManyRequestsError,
}
_SHOWN_CHARACTERS: Final = 300


def error_of(status: int, body: bytes, request: str = "", retry_after: str | None = None) -> KubeError:
    """The error for one answer. `body` is a `Status` object, or whatever a proxy in between had to say."""
    reason, message = "", ""
    try:
        parsed = json.loads(body)
    except ValueError:
        message = body[:_SHOWN_CHARACTERS].decode("utf-8", "replace").strip()
    else:
        if isinstance(parsed, dict):
            reason, message = str(parsed.get("reason") or ""), str(parsed.get("message") or "")
    return error_of_status(status, reason, message, request, retry_after)


def error_of_status(status: int, reason: str, message: str, request: str = "", retry_after: str | None = None) -> KubeError:
    """The error for a status code and what came with it."""
    kind = _BY_STATUS.get(status, KubeUnavailableError if status >= 500 else KubeError)
    if kind is ConflictError and reason == "AlreadyExists":
        kind = AlreadyExistsError
    seconds = float(retry_after) if retry_after is not None and retry_after.isdigit() else None
    return kind(status, reason or "Unknown", message or "no message", request, seconds)


def error_of_event(status: dict[str, Any], request: str) -> KubeError:
    """The error inside a watch: an ERROR event's `Status` object."""
    code = status.get("code")
    reason, message = str(status.get("reason") or ""), str(status.get("message") or "")
    return error_of_status(code if isinstance(code, int) else 500, reason, message, request)
