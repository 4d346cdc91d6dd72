"""RFC 6902, as far as the control plane uses it: tests, and what is added to objects or removed from objects and lists."""

from __future__ import annotations

import copy
from typing import Any


class FailedTestError(AssertionError):
    """A test does not hold, or what is to be removed is not there: an API server answers 422, and changes nothing."""


def apply_json_patch(body: dict[str, Any], operations: Any) -> dict[str, Any]:
    """The body with all operations done."""
    patched = copy.deepcopy(body)
    for operation in operations:
        *parents, last = (part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:])
        target: Any = patched
        for part in parents:
            target = _find(target, part)
        if operation["op"] == "test":
            if _find(target, last) != operation["value"]:
                raise FailedTestError(operation)
        elif operation["op"] == "remove":
            if _find(target, last) is None:
                raise FailedTestError(operation)
            del target[_key(target, last)]
        else:
            assert operation["op"] == "add", operation
            target[last] = copy.deepcopy(operation["value"])
    return patched


def _find(target: Any, part: str) -> Any:
    """None where it is not there."""
    if isinstance(target, list):
        return target[int(part)] if int(part) < len(target) else None
    return (target or {}).get(part)


def _key(target: Any, part: str) -> Any:
    return int(part) if isinstance(target, list) else part
