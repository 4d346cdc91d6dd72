"""AWS's module of this name, as far as tools hook it or look into it.

`handle_event_request` and what it calls are looked up here for each invocation, so that whoever replaces them is called.
"""

from __future__ import annotations

import os
from types import CoroutineType
from typing import Any

from lambent_runtime.context import LambdaContext
from lambent_runtime.errors import FaultError as FaultException
from lambent_runtime.errors import build_error as make_error
from lambent_runtime.errors import build_exception_error, build_fault_error
from lambent_runtime.invocation import parse_header
from lambent_runtime.loader import load_handler as _get_handler
from lambent_runtime.logs import LambdaLoggerFilter, LambdaLoggerHandler, Logs, Unbuffered, current_request_id, tenant_id
from lambent_runtime.marshal import to_json
from lambent_runtime.runtime_client import LambdaRuntimeClient
from lambent_runtime.worker import coroutine_runner

__all__ = ["LambdaLoggerFilter", "LambdaLoggerHandler", "Unbuffered", "_get_handler", "make_error"]

lambda_runtime_client = LambdaRuntimeClient(os.environ.get("AWS_LAMBDA_RUNTIME_API", ""))
"""The one of this process."""


def __getattr__(name: str) -> Any:
    if name == "_GLOBAL_AWS_REQUEST_ID":
        return current_request_id()
    if name == "_GLOBAL_TENANT_ID":
        return tenant_id.get()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def handle_event_request(
    lambda_runtime_client: Any,
    request_handler: Any,
    invoke_id: str,
    event_body: bytes,
    content_type: str,
    client_context_json: Any,
    cognito_identity_json: Any,
    invoked_function_arn: str | None,
    epoch_deadline_time_in_ms: int,
    tenant_id: str | None,
    log_sink: Any,
    invocation_id: str | None = None,
) -> None:
    """Run the handler for one invocation, and post what came of it."""
    fault: dict[str, Any] = {}
    try:
        lambda_context = create_lambda_context(
            client_context_json, cognito_identity_json, epoch_deadline_time_in_ms, invoke_id, invoked_function_arn, tenant_id
        )
        event = lambda_runtime_client.marshaller.unmarshal_request(event_body, content_type)
        response = request_handler(event, lambda_context)
        if isinstance(response, CoroutineType):
            response = coroutine_runner.run(response)
        result, result_content_type = lambda_runtime_client.marshaller.marshal_response(response)
    except FaultException as failure:
        error = build_fault_error(failure, invoke_id)
        fault = make_xray_fault("LambdaValidationError", failure.msg, os.getcwd(), [])  # noqa: PTH109 - as AWS's
    except Exception as failure:  # noqa: BLE001 - the user's code may raise anything; the caller gets it
        error = build_exception_error(failure, invoke_id)
        fault = make_xray_fault(type(failure).__name__, str(failure), os.getcwd(), extract_traceback(failure.__traceback__))  # noqa: PTH109
    if fault:
        log_error(error, log_sink)
        lambda_runtime_client.post_invocation_error(invoke_id, to_json(error), to_json(fault), invocation_id)
    else:
        lambda_runtime_client.post_invocation_result(invoke_id, result, result_content_type, invocation_id)


def create_lambda_context(
    client_context_json: Any,
    cognito_identity_json: Any,
    epoch_deadline_time_in_ms: int,
    invoke_id: str,
    invoked_function_arn: str | None,
    tenant_id: str | None = None,
) -> LambdaContext:
    """The handler's context. Raises FaultException Runtime.LambdaContextUnmarshalError."""
    client_context = parse_header(client_context_json, "Client Context")
    identity = parse_header(cognito_identity_json, "Cognito Identity")
    return LambdaContext(invoke_id, client_context, identity, epoch_deadline_time_in_ms, invoked_function_arn, tenant_id)


def log_error(error_result: dict[str, Any], log_sink: Any) -> None:
    """Write a failed invocation's error, as the log's format has it."""
    Logs(log_sink, as_json=(os.environ.get("AWS_LAMBDA_LOG_FORMAT") or "").upper() == "JSON").log_error(error_result)


def extract_traceback(tb: Any) -> list[tuple[Any, ...]]:
    """(file, line, function, text) of each frame."""
    import traceback  # noqa: PLC0415 - loaded already, where there is an error

    return [(frame.filename, frame.lineno, frame.name, frame.line) for frame in traceback.extract_tb(tb)]


def make_xray_fault(ex_type: str, ex_msg: str, working_dir: str, tb_tuples: list[tuple[Any, ...]]) -> dict[str, Any]:
    """An error as X-Ray has it."""
    stack = [{"label": method, "path": file, "line": line} for file, line, method, _ in tb_tuples]
    exceptions = [{"message": ex_msg, "type": ex_type, "stack": stack}]
    return {"working_directory": working_dir, "exceptions": exceptions, "paths": list({file for file, *_ in tb_tuples})}


def update_xray_env_variable(xray_trace_id: str | None) -> None:
    """The variable is this invocation's, or not set."""
    if xray_trace_id is not None:
        os.environ["_X_AMZN_TRACE_ID"] = xray_trace_id
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
