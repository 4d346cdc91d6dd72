"""What a generic pod is told to become: a function's settings, environment and files, as one BECOME frame. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.api import link as wire
from lambent.api.functions.files import CodeFiles
from lambent.api.functions.function import Function
from lambent.api.functions.pod import EnvVar
from lambent.api.functions.revision import revision_of
from lambent.api.functions.shim import function_fields

Values = Mapping[str, str | None]
"""By the name of an environment variable: its value from a Secret or ConfigMap; None where it is optional and not there."""


class BlueprintError(Exception):
    """The function cannot be sent to a generic pod now; its text says why."""


def build_frame(function: Function, revision: str, region: str, files: CodeFiles, values: Values) -> bytes:
    """BECOME. Raises `BlueprintError` where spec and files are not that revision's: one of them is older or newer."""
    found = revision_of(function.spec, files.sha256)
    if found != revision:
        raise BlueprintError(f"the code and spec at hand are revision {found}, not {revision}")
    env = [entry for variable in function.spec.env if (entry := _entry(variable, values)) is not None]
    return wire.encode_become({"shim": function_fields(function, revision, region), "env": env}, files.files)


def _entry(variable: EnvVar, values: Values) -> list[Any] | None:
    """[name, value, whether `$(NAME)` in it is replaced]: as in a container, only in values written out."""
    if variable.value_from is None:
        return [variable.name, variable.value, True]
    value = values.get(variable.name)
    return None if value is None else [variable.name, value, False]


def find_references(function: Function) -> dict[str, tuple[str, str, str, bool]]:
    """By the name of an environment variable: (`secrets` or `configmaps`, name, key, optional) of what it is read from."""
    found = {}
    for variable in function.spec.env:
        for source, plural in (("secretKeyRef", "secrets"), ("configMapKeyRef", "configmaps")):
            reference = (variable.value_from or {}).get(source)
            if reference is not None:
                name, key = str(reference.get("name") or ""), str(reference.get("key") or "")
                found[variable.name] = (plural, name, key, bool(reference.get("optional")))
    return found
