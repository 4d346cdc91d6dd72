"""Finds what a generic pod is to be told: from the watch where it holds the code, else from the API server.

Frames that depend on nothing but spec and code are kept, up to a bound. Values from Secrets are read anew for each pod, as the kubelet
does, and kept nowhere.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from lambent.activator.admission.model import FunctionKey
from lambent.activator.pool.blueprint import BlueprintError, Values, build_frame, find_references
from lambent.api.fields import InvalidSpecError
from lambent.api.functions.files import CodeFiles, config_map_files, inline_files
from lambent.api.functions.function import Function, parse_function
from lambent.api.group import API_VERSION, FUNCTIONS
from lambent.kube.client import Json, KubeClient
from lambent.kube.errors import KubeError, NotFoundError
from lambent.kube.paths import object_path

KEPT_BYTES: Final = 32 << 20


class KubeBlueprints:
    """`known` gives a Function as the watch has it, its inline code cut short where it is large."""

    def __init__(self, client: KubeClient, known: Callable[[FunctionKey], Function | None], region: str) -> None:
        self._client = client
        self._known = known
        self._region = region
        self._kept: OrderedDict[tuple[FunctionKey, str], bytes] = OrderedDict()
        self._size = 0

    def find(self, function: FunctionKey, revision: str) -> bytes | None:
        """The frame, where it is at hand; None: it has to be fetched. Raises `BlueprintError`."""
        frame = self._kept.get((function, revision))
        if frame is not None:
            self._kept.move_to_end((function, revision))
            return frame
        body = self._known(function)
        if body is None:
            raise BlueprintError("there is no such Function any more")
        if find_references(body) or body.spec.code is None or not body.spec.code.inline:
            return None
        try:
            return self._keep(function, revision, build_frame(body, revision, self._region, inline_files(body.spec.code.inline), {}))
        except (BlueprintError, InvalidSpecError):
            return None  # its code is cut short, or the watch is behind

    async def fetch(self, function: FunctionKey, revision: str) -> bytes:
        """The frame, from what the API server has now. Raises `BlueprintError`."""
        try:
            body = parse_function(await self._client.get(object_path(API_VERSION, FUNCTIONS, *function)))
            files = await self._read_files(body)
            values = await self._read_values(body)
        except NotFoundError as error:
            raise BlueprintError(f"{error.request}: not found") from None
        except (KubeError, InvalidSpecError, ValueError, KeyError) as error:
            raise BlueprintError(str(error)) from None
        frame = build_frame(body, revision, self._region, files, values)
        return frame if find_references(body) else self._keep(function, revision, frame)

    async def _read_files(self, function: Function) -> CodeFiles:
        code = function.spec.code
        if code is not None and code.inline:
            return inline_files(code.inline)
        if code is None or code.config_map is None:
            raise BlueprintError("its code is in no ConfigMap and not inline")
        return config_map_files(code.config_map, await self._read("configmaps", function.namespace, code.config_map.name))

    async def _read_values(self, function: Function) -> Values:
        references = find_references(function)
        objects = sorted({(plural, name) for plural, name, _, _ in references.values()})
        read = await asyncio.gather(*(self._read_if_there(plural, function.namespace, name) for plural, name in objects))
        bodies = dict(zip(objects, read, strict=True))
        values: dict[str, str | None] = {}
        for variable, (plural, name, key, optional) in references.items():
            value = read_key(bodies[plural, name], key)
            if value is None and not optional:
                raise BlueprintError(f"spec.env ({variable}): there is no key {key!r} in {plural}/{name}")
            values[variable] = value
        return values

    async def _read(self, plural: str, namespace: str, name: str) -> Json:
        return await self._client.get(object_path("v1", plural, namespace, name))

    async def _read_if_there(self, plural: str, namespace: str, name: str) -> Json | None:
        try:
            return await self._read(plural, namespace, name)
        except NotFoundError:
            return None

    def _keep(self, function: FunctionKey, revision: str, frame: bytes) -> bytes:
        self._kept[function, revision] = frame
        self._size += len(frame)
        while self._size > KEPT_BYTES:
            _, dropped = self._kept.popitem(last=False)
            self._size -= len(dropped)
        return frame


def read_key(body: Json | None, key: str) -> str | None:
    """One value of a Secret or ConfigMap as a container's variable has it; None where it is not there. Raises `BlueprintError`."""
    if body is None:
        return None
    secret = body.get("kind") == "Secret" or "type" in body
    if not secret:
        value = (body.get("data") or {}).get(key)
        return value if isinstance(value, str) else None
    encoded = (body.get("data") or {}).get(key)
    if encoded is None:
        return None
    try:
        return base64.b64decode(encoded).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise BlueprintError(f"the value of {key!r} is not text") from None
