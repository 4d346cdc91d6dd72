"""An API server in memory as the controller talks to it: objects by path, label selectors, JSON patches, scripted refusals."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import Any

from lambent.controller.writes.execution import FAILED_TEST
from lambent.kube.client import JSON_PATCH, Json
from lambent.kube.errors import AlreadyExistsError, AnswerTooLargeError, ConflictError, InvalidError, KubeError, NotFoundError
from tests.support.json_patch import FailedTestError, apply_json_patch


class ControllerApi:
    """The methods of KubeClient that the controller uses. `fail` maps (method, part of a path) to the error that is raised."""

    def __init__(self) -> None:
        self.objects: dict[str, Json] = {}
        self.calls: list[tuple[str, str]] = []
        self.fail: dict[tuple[str, str], KubeError] = {}
        self.version = 0

    def put(self, path: str, body: Json) -> Json:
        self.version += 1
        stored = copy.deepcopy(body)
        metadata = stored.setdefault("metadata", {})
        metadata["resourceVersion"] = str(self.version)
        metadata.setdefault("uid", f"uid-{self.version}")
        self.objects[path] = stored
        return copy.deepcopy(stored)

    async def get(self, path: str) -> Json:
        self._called("GET", path)
        return copy.deepcopy(self._found(path))

    async def list(
        self,
        path: str,
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_token: str = "",
        most_bytes: int = 0,
        metadata_only: bool = False,
    ) -> Json:
        self._called("LIST", path)
        inside = [body for name, body in self.objects.items() if name.rpartition("/")[0] == path or _everywhere(name) == path]
        found = [body for body in inside if _selects(label_selector, body["metadata"].get("labels") or {})]
        if field_selector:
            field, _, name = field_selector.partition("=")
            assert field == "metadata.name"
            found = [body for body in found if body["metadata"]["name"] == name]
        first = int(continue_token or 0)
        page = found[first : first + limit] if limit else found
        if most_bytes and sum(len(json.dumps(body)) for body in page) > most_bytes:
            raise AnswerTooLargeError(0, "AnswerTooLarge", "too large", path)
        if metadata_only:
            page = [{"metadata": body["metadata"]} for body in page]
        left = {"continue": str(first + limit)} if limit and first + limit < len(found) else {}
        return {"metadata": left, "items": [copy.deepcopy(body) for body in page]}

    async def create(self, path: str, body: Json, *, field_manager: str = "") -> Json:
        self._called("POST", path)
        full = f"{path}/{body['metadata']['name']}"
        if full in self.objects:
            raise AlreadyExistsError(409, "AlreadyExists", "already exists", full)
        return self.put(full, body)

    async def patch(self, path: str, body: Json | Sequence[Json], *, kind: str = "", field_manager: str = "") -> Json:
        self._called("PATCH", path)
        target = path.removesuffix("/status")
        found = self._found(target)
        if kind == JSON_PATCH:
            try:
                return self.put(target, apply_json_patch(found, body))
            except FailedTestError:
                raise InvalidError(422, "Invalid", FAILED_TEST, path) from None
        assert isinstance(body, dict)
        expected = body.get("metadata", {}).get("resourceVersion")
        if expected is not None and expected != found["metadata"]["resourceVersion"]:
            raise ConflictError(409, "Conflict", "the object has been modified", path)
        if "status" not in body:
            return self.put(target, {**found, **body})
        status = {**(found.get("status") or {}), **body["status"]}
        return self.put(target, {**found, "status": {key: value for key, value in status.items() if value is not None}})

    async def delete(self, path: str, *, uid: str = "") -> Json:
        self._called("DELETE", path)
        if uid and self._found(path)["metadata"]["uid"] != uid:
            raise ConflictError(409, "Conflict", "uid differs", path)
        return self.objects.pop(path)

    def writes(self) -> list[tuple[str, str]]:
        """What was written since the last look, without Events."""
        found = [(method, path) for method, path in self.calls if method not in ("GET", "LIST") and not path.endswith("/events")]
        self.calls.clear()
        return found

    def events(self) -> list[Any]:
        """Reasons of all Events."""
        return [body["reason"] for body in self.objects.values() if body.get("kind") == "Event"]

    def _called(self, method: str, path: str) -> None:
        self.calls.append((method, path))
        for (failing, part), error in self.fail.items():
            if failing == method and part in path:
                raise error

    def _found(self, path: str) -> Json:
        if path not in self.objects:
            raise NotFoundError(404, "NotFound", "not found", path)
        return self.objects[path]


def _everywhere(path: str) -> str:
    """The path of a collection in all namespaces, from that of an object in one."""
    root, _, rest = path.partition("/namespaces/")
    return f"{root}/{rest.split('/')[1]}" if rest else ""


def _selects(selector: str, labels: dict[str, str]) -> bool:
    """`key`, `key=value` or `key in (a,b)`; the empty one selects everything."""
    key, _, values = selector.partition(" in ")
    if values:
        return labels.get(key) in values.strip("()").split(",")
    key, equals, value = selector.partition("=")
    return not key or (labels.get(key) == value if equals else key in labels)
