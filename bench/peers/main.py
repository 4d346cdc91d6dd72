"""The same hello for functions-framework."""


def hello(request: object) -> dict[str, str]:  # noqa: ARG001 - functions-framework passes it
    """Answer like bench/functions.py."""
    return {"hello": "world"}
