"""AWS's module of this name: events from JSON, results to JSON."""

from __future__ import annotations

from typing import Any

from lambent_runtime.marshal import marshal_result, to_json, unmarshal_event

__all__ = ["LambdaMarshaller", "to_json"]


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
