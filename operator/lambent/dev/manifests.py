"""A folder of manifests as objects: Functions and Triggers, and the ConfigMaps and Secrets that they refer to."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lambent.api.fields import InvalidSpecError
from lambent.api.functions.function import Function, parse_function
from lambent.api.group import API_VERSION
from lambent.api.names import DEFAULT_NAMESPACE
from lambent.api.triggers.grants import HostGrant, parse_grant
from lambent.api.triggers.trigger import Trigger, parse_trigger

Key = tuple[str, str]
SUFFIXES = (".yaml", ".yml")


@dataclass(slots=True)
class Manifests:
    """All that a folder holds; by (namespace, name). `problems` are sentences that name the file."""

    functions: dict[Key, Function] = field(default_factory=dict)
    triggers: dict[Key, Trigger] = field(default_factory=dict)
    grants: dict[Key, HostGrant] = field(default_factory=dict)
    config_maps: dict[Key, dict[str, bytes]] = field(default_factory=dict)
    secrets: dict[Key, dict[str, bytes]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def fingerprint(folder: Path) -> dict[str, tuple[int, int]]:
    """Each manifest's time and size: equal as long as nothing was written."""
    found = {}
    for path in find_files(folder):
        try:
            stat = path.stat()
        except OSError:
            continue  # gone between listing and looking
        found[str(path)] = (stat.st_mtime_ns, stat.st_size)
    return found


def find_files(folder: Path) -> list[Path]:
    """The folder's YAML files, at any depth, without hidden ones; or the file itself."""
    if folder.is_file():
        return [folder]
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in SUFFIXES and path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def read_folder(folder: Path) -> Manifests:
    """Everything in it; what cannot be read is a problem, and the rest is served."""
    manifests = Manifests()
    for path in find_files(folder):
        try:
            documents = list(yaml.safe_load_all(path.read_text()))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            manifests.problems.append(f"{path}: {error}")
            continue
        for document in flatten(documents):
            _take(manifests, path, document)
    return manifests


def flatten(documents: list[Any]) -> Iterator[Mapping[str, Any]]:
    """Documents that are objects, those inside a List too."""
    for document in documents:
        if not isinstance(document, dict):
            continue
        if document.get("kind") == "List" and isinstance(document.get("items"), list):
            yield from flatten(document["items"])
        else:
            yield document


def _take(manifests: Manifests, path: Path, document: Mapping[str, Any]) -> None:
    api_version, kind = document.get("apiVersion"), document.get("kind")
    try:
        if (api_version, kind) == (API_VERSION, "Function"):
            function = parse_function(document)
            _put(manifests, manifests.functions, path, "Function", (function.namespace, function.name), function)
        elif (api_version, kind) == (API_VERSION, "Trigger"):
            trigger = parse_trigger(document)
            _put(manifests, manifests.triggers, path, "Trigger", (trigger.namespace, trigger.name), trigger)
        elif (api_version, kind) == (API_VERSION, "HostGrant"):
            grant = parse_grant(document)
            _put(manifests, manifests.grants, path, "HostGrant", ("", grant.name), grant)
        elif (api_version, kind) == ("v1", "ConfigMap"):
            manifests.config_maps[_key(document)] = _data(document, plain="data", encoded="binaryData")
        elif (api_version, kind) == ("v1", "Secret"):
            manifests.secrets[_key(document)] = _data(document, plain="stringData", encoded="data")
    except InvalidSpecError as error:
        name = (document.get("metadata") or {}).get("name") if isinstance(document.get("metadata"), dict) else None
        manifests.problems.append(f"{path}: {kind} {name}: {error}")


def _put(manifests: Manifests, where: dict[Key, Any], path: Path, kind: str, key: Key, value: Any) -> None:
    if key in where:
        manifests.problems.append(f"{path}: {kind} {key[1]} is in this folder twice; the first one is served")
        return
    where[key] = value


def _key(document: Mapping[str, Any]) -> Key:
    metadata = document.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        raise InvalidSpecError("metadata.name", metadata, "a name")
    return str(metadata.get("namespace") or DEFAULT_NAMESPACE), metadata["name"]


def _data(document: Mapping[str, Any], *, plain: str, encoded: str) -> dict[str, bytes]:
    """`data` and its base64 brother; plain text wins, as in a Secret's stringData."""
    found: dict[str, bytes] = {}
    for name, value in (document.get(encoded) or {}).items():
        try:
            found[str(name)] = base64.b64decode(str(value), validate=True)
        except binascii.Error:
            raise InvalidSpecError(f"{encoded}.{name}", value, "base64") from None
    for name, value in (document.get(plain) or {}).items():
        if not isinstance(value, str):
            raise InvalidSpecError(f"{plain}.{name}", value, "text")
        found[str(name)] = value.encode()
    return found
