"""AWS's client of the Runtime API, for tools that hook it: hands what it is given to the shim, one invocation at a time."""

from __future__ import annotations

import json
from typing import Any

from lambent_runtime.invocation import Invocation
from lambent_runtime.marshal import marshal_result, unmarshal_event


class LambdaMarshaller:
    """What `LambdaRuntimeClient.marshaller` is; a function may put one of its own there."""

    def unmarshal_request(self, request: Any, content_type: str = "application/json") -> Any:
        """The event. Raises FaultException Runtime.UnmarshalError."""
        return unmarshal_event(request) if content_type == "application/json" else request

    def marshal_response(self, response: Any) -> tuple[str | bytes, str]:
        """The result's JSON, or bytes as they are, and its content type. Raises FaultException Runtime.MarshalError."""
        if isinstance(response, bytes):
            return response, "application/unknown"
        return marshal_result(response).decode(), "application/json"


class InvocationRequest:
    """An invocation as AWS's client gives it to its loop."""

    def __init__(self, **kwds: Any) -> None:
        self.__dict__.update(kwds)

    def __eq__(self, other: object) -> bool:
        return self.__dict__ == getattr(other, "__dict__", None)

    __hash__ = None  # type: ignore[assignment]


class LambdaRuntimeClientError(Exception):
    """A call of the Runtime API that failed."""

    def __init__(self, endpoint: str, response_code: int, response_body: bytes) -> None:
        self.endpoint = endpoint
        self.response_code = response_code
        self.response_body = response_body
        super().__init__(
            f"Request to Lambda Runtime '{endpoint}' endpoint failed. Reason: '{response_code}'. Response body: '{response_body!r}'"
        )


class LambdaRuntimeClient:
    """Takes the outcome of the invocation that is under way."""

    marshaller = LambdaMarshaller()

    def __init__(self, lambda_runtime_address: str, use_thread_for_polling_next: bool = False) -> None:
        self.lambda_runtime_address = lambda_runtime_address
        self.use_thread_for_polling_next = use_thread_for_polling_next
        self._invocation: Invocation | None = None
        self._answer: bytes | None = None

    def begin(self, invocation: Invocation) -> None:
        """The next outcome is this invocation's."""
        self._invocation, self._answer = invocation, None

    def take_answer(self) -> bytes:
        """The RESULT frame. Raises RuntimeError where nobody has posted an outcome, which ends the process."""
        answer, self._answer = self._answer, None
        if answer is None:
            raise RuntimeError("handle_event_request has returned without a result or an error of the invocation")
        return answer

    def post_invocation_result(
        self,
        invoke_id: str,  # noqa: ARG002 - as AWS's, for those who hook it
        result_data: str | bytes,
        content_type: str = "application/json",  # noqa: ARG002
        invocation_id: str | None = None,  # noqa: ARG002
    ) -> None:
        """The handler has returned."""
        if self._invocation is not None:
            payload = result_data if isinstance(result_data, bytes) else result_data.encode()
            self._answer = self._invocation.encode_payload(payload)

    def post_invocation_error(
        self,
        invoke_id: str,  # noqa: ARG002
        error_response_data: str,
        xray_fault: str,  # noqa: ARG002
        invocation_id: str | None = None,  # noqa: ARG002
    ) -> None:
        """The handler has failed, or its event or result is no JSON."""
        if self._invocation is not None:
            error_type = json.loads(error_response_data).get("errorType")
            self._answer = self._invocation.encode_payload(error_response_data.encode(), failed_as=error_type)

    def post_init_error(self, error_response_data: dict[str, Any], error_type_override: str | None = None) -> None:
        """The handler cannot be imported; the bootstrap itself tells the shim."""
