"""An API server in memory, for the methods of KubeClient that unit tests need: resourceVersions, conflicts, scripted failures."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from lambent.kube.client import Json
from lambent.kube.errors import AlreadyExistsError, ConflictError, InvalidError, KubeError, NotFoundError
from tests.support.json_patch import FailedTestError, apply_json_patch


class FakeKube:
    """`calls` are (method, path, body); `before` is called with each and may raise or change `objects`."""

    def __init__(self) -> None:
        self.objects: dict[str, Json] = {}
        self.calls: list[tuple[str, str, Any]] = []
        self.before: Callable[[str, str], None] = lambda method, path: None
        self.version = 0

    def put(self, path: str, body: Json) -> Json:
        self.version += 1
        body = copy.deepcopy(body)
        body.setdefault("metadata", {})["resourceVersion"] = str(self.version)
        self.objects[path] = body
        return copy.deepcopy(body)

    async def get(self, path: str, *, timeout_seconds: float | None = None) -> Json:
        self._called("GET", path, None)
        return copy.deepcopy(self._found(path))

    async def create(self, path: str, body: Json, *, field_manager: str = "", timeout_seconds: float | None = None) -> Json:
        self._called("POST", path, body)
        path = f"{path}/{body['metadata']['name']}"
        if path in self.objects:
            raise AlreadyExistsError(409, "AlreadyExists", "already exists", path)
        return self.put(path, body)

    async def replace(self, path: str, body: Json, *, field_manager: str = "", timeout_seconds: float | None = None) -> Json:
        self._called("PUT", path, body)
        self._check_version(path, body)
        return self.put(path, body)

    async def patch(self, path: str, body: Any, *, kind: str = "", field_manager: str = "", timeout_seconds: float | None = None) -> Json:
        self._called("PATCH", path, body)
        if isinstance(body, list):
            try:
                return self.put(path, apply_json_patch(self._found(path), body))
            except FailedTestError:
                raise InvalidError(422, "Invalid", "the server rejected our request due to an error in our request", path) from None
        self._check_version(path, body)
        return self.put(path, _merged(self._found(path), body))

    async def apply(self, path: str, body: Json, *, field_manager: str, force: bool = True) -> Json:
        self._called("APPLY", path, body)
        return self.put(path, _merged(self._found(path), body))

    def _called(self, method: str, path: str, body: Any) -> None:
        self.calls.append((method, path, copy.deepcopy(body)))
        self.before(method, path)

    def _found(self, path: str) -> Json:
        if path not in self.objects:
            raise NotFoundError(404, "NotFound", "not found", path)
        return self.objects[path]

    def _check_version(self, path: str, body: Json) -> None:
        version = body.get("metadata", {}).get("resourceVersion")
        if version is not None and version != self._found(path)["metadata"]["resourceVersion"]:
            raise ConflictError(409, "Conflict", "the object has been modified", path)


def unavailable(method: str = "GET", path: str = "/") -> KubeError:
    from lambent.kube.errors import KubeUnavailableError

    return KubeUnavailableError(0, "NoConnection", "connection refused", f"{method} {path}")


def _merged(target: Json, patch: Json) -> Json:
    """RFC 7396: null removes."""
    merged = copy.deepcopy(target)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key, {}), value) if isinstance(value, dict) else value
    return merged
