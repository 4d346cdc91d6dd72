"""Errors as AWS's runtime reports them: a JSON object for the caller and lines for the log.

Shape (Lambda developer guide, "Python function errors"): `errorMessage`, `errorType`, `requestId`, `stackTrace`.
"""

from __future__ import annotations

import os
import traceback
from types import TracebackType
from typing import Any

MARSHAL_ERROR = "Runtime.MarshalError"
UNMARSHAL_ERROR = "Runtime.UnmarshalError"
USER_CODE_SYNTAX_ERROR = "Runtime.UserCodeSyntaxError"
HANDLER_NOT_FOUND = "Runtime.HandlerNotFound"
IMPORT_MODULE_ERROR = "Runtime.ImportModuleError"
BUILT_IN_MODULE_CONFLICT = "Runtime.BuiltInModuleConflict"
MALFORMED_HANDLER_NAME = "Runtime.MalformedHandlerName"
CONTEXT_UNMARSHAL_ERROR = "Runtime.LambdaContextUnmarshalError"
RESPONSE_TOO_LARGE = "Function.ResponseSizeTooLarge"

UNHANDLED_AT_INIT = (
    "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code. "
    "However, in rare cases, a Lambda runtime update can cause unexpected function behavior. "
    "For functions using managed runtimes, runtime updates can be triggered by a function change, or can be applied automatically. "
    "To determine if the runtime has been updated, check the runtime version in the INIT_START log entry. "
    "If this error correlates with a change in the runtime version, you may be able to mitigate this error by temporarily rolling back "
    "to the previous runtime version. "
    "For more information, see https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html\r"
)

_OWN_FOLDER = os.path.dirname(os.path.abspath(__file__)) + "/"  # noqa: PTH100, PTH120 - pathlib costs 3 ms of a cold start
_NO_BREAK_SPACE = "\u00a0"


class FaultError(Exception):
    """A failure of the runtime's own contract, not an exception of the handler. `exception_type` and `msg` are AWS's names."""

    def __init__(self, error_type: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.error_type = self.exception_type = error_type
        self.message = self.msg = message
        self.trace = trace


def build_error(message: str, error_type: str, stack_trace: list[str] | None, request_id: str | None = None) -> dict[str, Any]:
    """The error object, keys in AWS's order."""
    return {
        "errorMessage": message or "",
        "errorType": error_type or "",
        "requestId": request_id if request_id is not None else "",
        "stackTrace": stack_trace or [],
    }


def build_fault_error(fault: FaultError, request_id: str | None = None) -> dict[str, Any]:
    """The error object of a fault."""
    return build_error(fault.message, fault.error_type, fault.trace, request_id)


def build_exception_error(error: BaseException, request_id: str | None = None) -> dict[str, Any]:
    """The error object of an exception of the user's code; frames of the bootstrap that lead to it are left out."""
    return build_error(str(error), type(error).__name__, _format_trace(error.__traceback__), request_id)


def _format_trace(trace: TracebackType | None) -> list[str]:
    # Tuples, not FrameSummary: AWS's traces carry no column markers.
    rows = [(frame.filename, frame.lineno, frame.name, frame.line) for frame in traceback.extract_tb(trace)]
    for index, row in enumerate(rows):
        if not row[0].startswith(_OWN_FOLDER):
            rows = rows[index:]
            break
    return traceback.format_list(rows)  # type: ignore[arg-type]


def format_import_trace(error: BaseException | None) -> list[str]:
    """Where in the user's code an import failed, a string a frame: AWS's error object has none for import errors, people want it."""
    if error is None:
        return []
    rows = [(row.filename, row.lineno, row.name, row.line) for row in traceback.extract_tb(error.__traceback__)]
    own = [
        row for row in rows if not row[0].startswith((_OWN_FOLDER, "<frozen importlib")) and not row[0].endswith("importlib/__init__.py")
    ]
    return traceback.format_list(own)  # type: ignore[arg-type]


def format_error_lines(error: dict[str, Any]) -> list[str]:
    """The lines of an error in the log, text format; spaces that indent are no-break spaces, as CloudWatch shows them."""
    headline = "[ERROR]"
    if error["errorType"]:
        headline += " " + error["errorType"]
    if error["errorMessage"]:
        headline += (":" if error["errorType"] else "") + " " + error["errorMessage"]
    lines = [headline, "Traceback (most recent call last):"]
    for element in error["stackTrace"]:
        if element == "":
            lines.append("")
        for line in element.splitlines():
            text = line.lstrip(" ")
            lines.append(_NO_BREAK_SPACE * (len(line) - len(text)) + text)
    return lines
