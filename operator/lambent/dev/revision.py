"""One state of a function as processes need it: its files, its environment, its name. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambent.api.functions.function import Function
from lambent.api.functions.pod import EnvVar
from lambent.api.functions.revision import code_sha256, revision_of
from lambent.dev.manifests import Manifests

RUNTIMES = ("python3.11",)


class UnservedError(ValueError):
    """What `dev` cannot serve; the text names the field."""


@dataclass(frozen=True, slots=True)
class Revision:
    """All that a process of the function is started with."""

    name: str
    function: Function
    files: Mapping[str, bytes]
    environment: Mapping[str, str]


def build_revision(function: Function, manifests: Manifests) -> Revision:
    """Raises `UnservedError`. Values from ConfigMaps and Secrets are part of the revision: changing them starts a new one."""
    spec = function.spec
    refused = {
        "runtime": spec.runtime if spec.runtime not in RUNTIMES else None,
        "image": spec.image,
        "requirements": spec.requirements,
        "layers": spec.layers,
        "volumes": spec.volumes,
    }
    for field, value in refused.items():
        if value:
            allowed = f"; {' or '.join(RUNTIMES)} is" if field == "runtime" else ""
            raise UnservedError(f"spec.{field} {value!r} is not served by dev{allowed}")
    files = _find_files(function, manifests)
    environment = {variable.name: value for variable in spec.env if (value := _find_value(function, variable, manifests)) is not None}
    digest = code_sha256({**files, **{f"\0{name}": value.encode() for name, value in environment.items()}})
    return Revision(revision_of(spec, digest), function, files, environment)


def _find_files(function: Function, manifests: Manifests) -> Mapping[str, bytes]:
    code = function.spec.code
    if code is None or (code.source not in ("inline", "configMap")):
        raise UnservedError(f"spec.code.{code.source if code else ''} is not served by dev; inline and configMap are")
    if code.config_map is None:
        return {path: content.encode() for path, content in code.inline.items()}
    source = code.config_map
    data = manifests.config_maps.get((function.namespace, source.name))
    if data is None:
        raise UnservedError(f"spec.code.configMap.name: there is no ConfigMap {source.name} in the folder")
    if not source.items:
        return data
    missing = [item.key for item in source.items if item.key not in data]
    if missing:
        raise UnservedError(f"spec.code.configMap.items: ConfigMap {source.name} has no key {missing[0]}")
    return {item.path: data[item.key] for item in source.items}


def _find_value(function: Function, variable: EnvVar, manifests: Manifests) -> str | None:
    """The value, None where an optional source is not there."""
    source = variable.value_from
    if source is None:
        return variable.value
    where = f"spec.env {variable.name}"
    for kind, objects in (("configMapKeyRef", manifests.config_maps), ("secretKeyRef", manifests.secrets)):
        if kind in source:
            reference: Mapping[str, Any] = source[kind]
            data = objects.get((function.namespace, str(reference.get("name"))), {})
            value = data.get(str(reference.get("key")))
            if value is not None:
                return value.decode("utf-8", "surrogateescape")
            if reference.get("optional") is True:
                return None
            raise UnservedError(f"{where}: {kind} {reference.get('name')}/{reference.get('key')} is not in the folder")
    path = str((source.get("fieldRef") or {}).get("fieldPath"))
    known = {"metadata.name": f"{function.name}-dev", "metadata.namespace": function.namespace}
    if path not in known:
        raise UnservedError(f"{where}: valueFrom {dict(source)!r} is not served by dev")
    return known[path]
