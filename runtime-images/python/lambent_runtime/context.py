"""The `context` a handler is called with: the attributes and texts of AWS's LambdaContext (Lambda developer guide, "Python context")."""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import Any

_W3C_FIELDS = ("traceparent", "tracestate", "baggage")


class _Record:
    """An object of fixed attributes with awslambdaric's repr."""

    __slots__: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}([" + ",".join(f"{name}={getattr(self, name)}" for name in self.__slots__) + "])"


def _fill(record: Any, fields: Any) -> Any:
    for name in record.__slots__:
        setattr(record, name, fields.get(name))
    return record


class CognitoIdentity(_Record):
    """Who calls, by Amazon Cognito."""

    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")


class Client(_Record):
    """The calling application, by the AWS Mobile SDK."""

    __slots__ = ("app_package_name", "app_title", "app_version_code", "app_version_name", "installation_id")
    _ORDER = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")

    def __repr__(self) -> str:
        return "Client([" + ",".join(f"{name}={getattr(self, name)}" for name in self._ORDER) + "])"


class ClientContext(_Record):
    """What the caller sent as ClientContext."""

    __slots__ = ("client", "custom", "env")
    client: Any
    custom: Any
    env: Any

    def __repr__(self) -> str:
        return f"ClientContext([custom={self.custom},env={self.env},client={self.client}])"


class LambdaContext:
    """One invocation, as its handler sees it."""

    def __init__(
        self,
        invoke_id: str,
        client_context: Any,
        cognito_identity: Any,
        epoch_deadline_time_in_ms: int,
        invoked_function_arn: str | None = None,
        tenant_id: str | None = None,
    ) -> None:
        environ = os.environ
        self.aws_request_id = invoke_id
        self.log_group_name = environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = invoked_function_arn
        self.tenant_id = tenant_id
        self._w3c_fields = _take_w3c_fields(client_context)
        self.client_context: ClientContext | None = None
        if client_context is not None:
            self.client_context = _fill(ClientContext(), client_context)
            if self.client_context.client is not None:
                self.client_context.client = _fill(Client(), self.client_context.client)
        self.identity = _fill(CognitoIdentity(), {})
        if cognito_identity is not None:
            self.identity.cognito_identity_id = cognito_identity.get("cognitoIdentityId")
            self.identity.cognito_identity_pool_id = cognito_identity.get("cognitoIdentityPoolId")
        self._epoch_deadline_time_in_ms = epoch_deadline_time_in_ms

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the timeout; 0 once it has passed."""
        return max(0, self._epoch_deadline_time_in_ms - int(time.time() * 1000))

    def w3c(self) -> dict[str, str]:
        """The W3C trace context the caller sent."""
        return dict(self._w3c_fields)

    def log(self, msg: object) -> None:
        """Write to the log as it is, without a line's end."""
        for handler in logging.getLogger().handlers:
            sink = getattr(handler, "log_sink", None)
            if sink is not None:
                sink.log(str(msg))
                return
        sys.stdout.write(str(msg))

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}([aws_request_id={self.aws_request_id},log_group_name={self.log_group_name},"
            f"log_stream_name={self.log_stream_name},function_name={self.function_name},memory_limit_in_mb={self.memory_limit_in_mb},"
            f"function_version={self.function_version},invoked_function_arn={self.invoked_function_arn},"
            f"client_context={self.client_context},identity={self.identity},tenant_id={self.tenant_id}])"
        )


def _take_w3c_fields(client_context: Any) -> dict[str, str]:
    if not isinstance(client_context, dict) or "w3c" not in client_context:
        return {}
    fields = client_context.pop("w3c")
    if not isinstance(fields, dict):
        return {}
    return {name: fields[name] for name in _W3C_FIELDS if isinstance(fields.get(name), str)}
