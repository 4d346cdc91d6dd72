"""AWS's module of this name: events from JSON, results to JSON."""

from lambent_runtime.marshal import to_json
from lambent_runtime.runtime_client import LambdaMarshaller

__all__ = ["LambdaMarshaller", "to_json"]
