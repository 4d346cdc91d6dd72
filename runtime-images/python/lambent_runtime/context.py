"""The `context` a handler is called with: the attributes and texts of AWS's LambdaContext (Lambda developer guide, "Python context")."""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import Any

_W3C_FIELDS = ("traceparent", "tracestate", "baggage")
_VARIABLES = (
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
)


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
    """The caller as Amazon Cognito knows it."""

    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")
    cognito_identity_id: Any
    cognito_identity_pool_id: Any


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


class _Variables:
    """The function's variables, read for each invocation, as a handler may change them; decoded again only once one has.

    `os.environ` encodes the name and decodes the value at each look, so this looks at what it keeps, where it is Python's own.
    """

    def __init__(self) -> None:
        self._encoded: tuple[object, ...] = ()
        self._values: tuple[str | None, ...] = ()
        self._keys = tuple(map(os.fsencode, _VARIABLES))
        self._kind = type(os.environ)

    def read(self) -> tuple[str | None, ...]:
        """The values of _VARIABLES."""
        environ = os.environ
        if type(environ) is not self._kind:
            return tuple([environ.get(name) for name in _VARIABLES])
        encoded = tuple(map(environ._data.get, self._keys))  # type: ignore[attr-defined]  # noqa: SLF001
        if encoded != self._encoded:
            self._values = tuple([environ.get(name) for name in _VARIABLES])
            self._encoded = encoded
        return self._values


_read_variables = _Variables().read


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
        self.aws_request_id = invoke_id
        (self.log_group_name, self.log_stream_name, self.function_name, self.memory_limit_in_mb, self.function_version) = _read_variables()
        self.invoked_function_arn = invoked_function_arn
        self.tenant_id = tenant_id
        self._w3c_fields: dict[str, str] = {}
        self.client_context: ClientContext | None = None
        if client_context is not None:
            self._w3c_fields = _take_w3c_fields(client_context)
            self.client_context = _fill(ClientContext(), client_context)
            if self.client_context.client is not None:
                self.client_context.client = _fill(Client(), self.client_context.client)
        self.identity = identity = CognitoIdentity()
        if cognito_identity is None:
            identity.cognito_identity_id = identity.cognito_identity_pool_id = None
        else:
            identity.cognito_identity_id = cognito_identity.get("cognitoIdentityId")
            identity.cognito_identity_pool_id = cognito_identity.get("cognitoIdentityPoolId")
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
