"""The custom resources' schemas as tests look at them: every field by path, sample values, defaults filled in, unknown fields found."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).parents[2]
Schema = dict[str, Any]


@cache
def definition(plural: str) -> dict[str, Any]:
    """A CustomResourceDefinition."""
    found: dict[str, Any] = yaml.safe_load((CHECKOUT / "crds" / f"{plural}.yaml").read_text())
    return found


def version(plural: str) -> dict[str, Any]:
    """Its one version."""
    (found,) = definition(plural)["spec"]["versions"]
    return dict(found)


def schema(plural: str) -> Schema:
    """The whole object's schema."""
    found: Schema = version(plural)["schema"]["openAPIV3Schema"]
    return found


def walk(node: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every node below, by path; list items as `[]`, values of maps as `{}`."""
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from walk(child, f"{path}.{name}".lstrip("."))
    if "items" in node:
        yield from walk(node["items"], f"{path}[]")
    if isinstance(node.get("additionalProperties"), dict):
        yield from walk(node["additionalProperties"], f"{path}{{}}")


def fields(node: Schema) -> set[str]:
    """Paths of all named fields."""
    return {path for path, _ in walk(node) if path and not path.endswith(("[]", "{}"))}


def with_defaults(value: Any, node: Schema) -> Any:
    """As the API server stores it: defaults filled in where a field is missing."""
    if isinstance(value, dict):
        filled = dict(value)
        for name, child in node.get("properties", {}).items():
            if name not in filled and "default" in child:
                filled[name] = copy.deepcopy(child["default"])
            if name in filled:
                filled[name] = with_defaults(filled[name], child)
        return filled
    if isinstance(value, list) and "items" in node:
        return [with_defaults(item, node["items"]) for item in value]
    return value


def unknown_fields(value: Any, node: Schema, path: str = "") -> Iterator[str]:
    """What kubectl's strict validation would refuse."""
    if isinstance(value, dict) and not node.get("x-kubernetes-preserve-unknown-fields"):
        properties = node.get("properties")
        if properties is not None:
            for name, item in value.items():
                if name in properties:
                    yield from unknown_fields(item, properties[name], f"{path}.{name}")
                else:
                    yield f"{path}.{name}"
    if isinstance(value, list) and "items" in node:
        for index, item in enumerate(value):
            yield from unknown_fields(item, node["items"], f"{path}[{index}]")


def as_json_schema(node: Schema) -> Schema:
    """The structural schema as JSON Schema reads it: Kubernetes' own extensions mean nothing to it."""
    plain = {key: value for key, value in node.items() if not key.startswith("x-kubernetes-") and key not in ("format", "default")}
    if node.get("x-kubernetes-int-or-string"):
        # maxLength speaks of the text form only, which JSON Schema ignores for numbers by itself.
        plain["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    for name in ("properties",):
        if name in plain:
            plain[name] = {key: as_json_schema(child) for key, child in plain[name].items()}
    for name in ("items", "additionalProperties"):
        if isinstance(plain.get(name), dict):
            plain[name] = as_json_schema(plain[name])
    return plain
