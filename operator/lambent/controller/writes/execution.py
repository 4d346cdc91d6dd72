"""Carries a plan out: writes, then status, then events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lambent.api.group import API_VERSION
from lambent.controller.resources.code import holds_code
from lambent.controller.writes.drift import Accepted, Manifest, accept
from lambent.controller.writes.kinds import KINDS
from lambent.controller.writes.plan import Create, Delete, Notice, Repair, Write
from lambent.controller.writes.views import view_object
from lambent.kube.client import JSON_PATCH, Json, KubeClient
from lambent.kube.errors import AlreadyExistsError, BadRequestError, ConflictError, ForbiddenError, InvalidError, KubeError, NotFoundError
from lambent.kube.events import EventRecorder
from lambent.kube.paths import collection_path, object_path
from lambent.telemetry.controller_metrics import ControllerMetrics

FIELD_MANAGER: Final = "lambent-controller"
FAILED_TEST: Final = "the server rejected our request due to an error in our request"
"""All that the API server says where a JSON patch's `test` fails; what is wrong with an object's fields it tells by name."""


TOO_LARGE_STATUS: Final = 413
TOO_LARGE: Final = ("request is too large", "Request entity too large", "trying to send message larger than max")
"""What API server, etcd and what lies between them say to an object that they will never take."""


class RefusedError(Exception):
    """The API server will not take an object as it is: quota, admission, or a field it does not allow. Waiting alone may not help."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        self.message = message
        super().__init__(f"{kind}: {message}")


class NameTakenError(Exception):
    """A name that an object needs is another one's: `body` as the API server has it."""

    def __init__(self, kind: str, body: Json) -> None:
        self.kind = kind
        self.body = body
        super().__init__(f"{kind} {body['metadata']['name']} is there already")


@dataclass(frozen=True, slots=True)
class Written:
    """What came of a write."""

    body: Json | None = None
    """The object as the API server has it now; None where the write's answer does not show it."""
    accepted: Accepted | None = None
    """What to remember, where the object will be compared later."""


NOTHING_WRITTEN: Final = Written()


class Executor:
    """Writes for the controller. Every method can be cancelled and run again."""

    def __init__(self, client: KubeClient, events: EventRecorder, metrics: ControllerMetrics) -> None:
        self._client = client
        self._events = events
        self._metrics = metrics

    async def write(self, namespace: str, write: Write) -> Written:
        """Carry out one write. Raises `RefusedError`, `NameTakenError`, or a KubeError."""
        version, plural = KINDS[write.kind]
        if isinstance(write, Delete):
            await self._delete(object_path(version, plural, namespace, write.name), write)
            return NOTHING_WRITTEN
        try:
            if isinstance(write, Create):
                return await self._create(collection_path(version, plural, namespace), write)
            return await self._repair(object_path(version, plural, namespace, str(write.built["metadata"]["name"])), write)
        except (ForbiddenError, InvalidError, BadRequestError) as error:
            if isinstance(write, Repair) and FAILED_TEST in error.message:
                raise _another_object(error) from error
            raise RefusedError(write.kind, error.message) from error
        except KubeError as error:
            if error.status == TOO_LARGE_STATUS or any(words in error.message for words in TOO_LARGE):
                raise RefusedError(write.kind, error.message) from error
            raise

    async def write_status(self, plural: str, body: Json, status: Mapping[str, Any]) -> Json | None:
        """A merge patch of an object's status; the object with it, None where it is gone.

        ConflictError where it has changed since it was read.
        """
        metadata = body["metadata"]
        path = object_path(API_VERSION, plural, metadata["namespace"], metadata["name"], "status")
        patch = {"metadata": {"resourceVersion": metadata["resourceVersion"]}, "status": dict(status)}
        self._count(f"{body['kind']}/status", "patch")
        try:
            return await self._client.patch(path, patch, field_manager=FIELD_MANAGER)
        except NotFoundError:
            # Deleted meanwhile: there is nobody to tell.
            return None

    async def write_counts(self, plural: str, namespace: str, name: str, patch: Sequence[Json]) -> Json | None:
        """A JSON patch of a status; the object with it, None where it is gone. ConflictError where one of its tests fails."""
        self._count("Function/status", "patch")
        path = object_path(API_VERSION, plural, namespace, name, "status")
        try:
            return await self._client.patch(path, patch, kind=JSON_PATCH, field_manager=FIELD_MANAGER)
        except NotFoundError:
            return None
        except (InvalidError, BadRequestError) as error:
            if FAILED_TEST in error.message:
                raise _another_object(error) from error
            raise

    async def tell(self, body: Json, notice: Notice) -> None:
        """An Event on the user's object."""
        await self._events.record(body, notice.type, notice.reason, notice.message)

    async def _create(self, path: str, write: Create) -> Written:
        self._count(write.kind, "create")
        try:
            answer = await self._client.create(path, dict(write.body), field_manager=FIELD_MANAGER)
        except AlreadyExistsError:
            if write.kind in ("ConfigMap", "Pod") and await self._is_own(path, write):
                return NOTHING_WRITTEN
            raise
        return Written(answer, _remember(write.body, answer))

    async def _is_own(self, path: str, write: Create) -> bool:
        """Whether the object under the name is what was to be created. Raises `NameTakenError` where it is somebody else's.

        These two kinds are looked for by their label, so one without it is met here alone.
        """
        page = await self._client.list(path, field_selector=f"metadata.name={write.body['metadata']['name']}")
        for body in page.get("items") or ():
            if view_object(body).owner_uid != write.body["metadata"]["ownerReferences"][0]["uid"]:
                raise NameTakenError(write.kind, body)
            if write.kind == "ConfigMap" and not holds_code(write.body, body):
                raise NameTakenError(write.kind, body)
            return write.kind == "ConfigMap"
        return False

    async def _repair(self, path: str, write: Repair) -> Written:
        self._count(write.kind, "patch")
        answer = await self._client.patch(path, [dict(item) for item in write.operations], kind=JSON_PATCH, field_manager=FIELD_MANAGER)
        return Written(answer, _remember(write.built, answer))

    async def _delete(self, path: str, write: Delete) -> None:
        self._count(write.kind, "delete")
        try:
            await self._client.delete(path, uid=write.uid)
        except NotFoundError:
            return

    def _count(self, kind: str, verb: str) -> None:
        self._metrics.writes.labels(kind, verb).inc()


def _another_object(error: KubeError) -> ConflictError:
    return ConflictError(error.status, error.reason, "the object is another one by now", error.request)


def _remember(built: Manifest, answer: Json) -> Accepted | None:
    if built["kind"] == "ConfigMap":
        # Immutable: the object of this uid has this code.
        return Accepted(built=str(built["metadata"]["name"]), live=str(answer["metadata"].get("uid", "")))
    # A candidate is never compared: it is replaced whole.
    return accept(built, answer) if built["kind"] != "Pod" else None
