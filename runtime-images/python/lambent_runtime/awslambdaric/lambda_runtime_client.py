"""AWS's module of this name: the client of the Runtime API."""

from lambent_runtime.runtime_client import InvocationRequest, LambdaRuntimeClient, LambdaRuntimeClientError

__all__ = ["InvocationRequest", "LambdaRuntimeClient", "LambdaRuntimeClientError"]
