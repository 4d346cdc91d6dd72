"""AWS's module of this name: the types of a handler's `context`."""

from lambent_runtime.context import Client, ClientContext, CognitoIdentity, LambdaContext

__all__ = ["Client", "ClientContext", "CognitoIdentity", "LambdaContext"]
