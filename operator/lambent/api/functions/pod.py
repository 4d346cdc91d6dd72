"""The parts of a Function's spec that are a pod's: environment, volumes, tolerations, as `core/v1` has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lambent.api.fields import Fields, InvalidSpecError

RESERVED_ENV_PREFIXES: Final = ("LAMBENT_", "AWS_LAMBDA_")
RESERVED_ENV_NAMES: Final = frozenset(
    {"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"}
)
"""AWS Lambda Developer Guide, "Defined runtime environment variables", the reserved ones. Lambda reserves the credentials too
(AWS_ACCESS_KEY_ID…), since it fills them from the execution role; there is none here, so a Function may bring its own."""
EXEC_WRAPPER: Final = "AWS_LAMBDA_EXEC_WRAPPER"
"""A script that starts the runtime: Lambda leaves it to the user (developer guide, "Modifying the runtime environment")."""
VALUE_SOURCES: Final = ("secretKeyRef", "configMapKeyRef", "fieldRef", "resourceFieldRef")
VOLUME_SOURCES: Final = ("configMap", "secret", "persistentVolumeClaim", "emptyDir")
RESERVED_MOUNT_PATHS: Final = ("/", "/var/task", "/var/runtime", "/tmp", "/dev", "/proc", "/sys", "/etc", "/var/run/secrets/lambent")  # noqa: S108
_ENV_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class EnvVar:
    """One environment variable: a value, or where it comes from (`valueFrom` as a container has it)."""

    name: str
    value: str = ""
    value_from: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """As a container's `env` holds it."""
        if self.value_from is not None:
            return {"name": self.name, "valueFrom": dict(self.value_from)}
        return {"name": self.name, "value": self.value}


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume and where handlers find it; `source` is a pod volume's (`configMap`, `secret`, …), with its name as key."""

    name: str
    mount_path: str
    read_only: bool
    source: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Toleration:
    """A pod's toleration."""

    key: str | None
    operator: str
    value: str | None
    effect: str | None
    toleration_seconds: int | None

    def to_dict(self) -> dict[str, Any]:
        """As a pod's `tolerations` hold it."""
        parts = {
            "key": self.key,
            "operator": self.operator,
            "value": self.value,
            "effect": self.effect,
            "tolerationSeconds": self.toleration_seconds,
        }
        return {name: part for name, part in parts.items() if part is not None}


def is_reserved_env(name: str) -> bool:
    """Whether Lambda or Lambent sets that variable, so that a Function may not."""
    return name in RESERVED_ENV_NAMES or (name.startswith(RESERVED_ENV_PREFIXES) and name != EXEC_WRAPPER)


def parse_env(spec: Fields) -> tuple[EnvVar, ...]:
    """`spec.env`; names are checked and must differ."""
    variables: dict[str, EnvVar] = {}
    for item in spec.objects("env"):
        name = item.required("name")
        if not _ENV_NAME.fullmatch(name):
            raise InvalidSpecError(item.field("name"), name, "letters, digits and _, not beginning with a digit")
        if is_reserved_env(name):
            raise InvalidSpecError(item.field("name"), name, "a name that is not reserved (Lambda's own variables, _HANDLER, LAMBENT_*)")
        if name in variables:
            raise InvalidSpecError(item.field("name"), name, "each name once")
        source = item.object("valueFrom") if item.has("valueFrom") else None
        if source is not None and (len(source.names()) != 1 or source.names()[0] not in VALUE_SOURCES or item.string("value", "")):
            raise InvalidSpecError(
                item.field("valueFrom"), item.raw("valueFrom"), f"exactly one of {', '.join(VALUE_SOURCES)}, without value"
            )
        kind = source.names()[0] if source is not None else ""
        value_from = {kind: Fields(source.field(kind), source.values()[kind]).values()} if source is not None else None
        variables[name] = EnvVar(name, item.string("value", ""), value_from)
    return tuple(variables.values())


def parse_volumes(spec: Fields) -> tuple[Volume, ...]:
    """`spec.volumes`; names and mount paths must differ, and may not hide the platform's own."""
    volumes: dict[str, Volume] = {}
    for item in spec.objects("volumes"):
        name, path = item.required("name"), item.required("mountPath")
        sources = [source for source in VOLUME_SOURCES if item.has(source)]
        if len(sources) != 1:
            raise InvalidSpecError(item.path, sorted(item.names()), f"exactly one of {', '.join(VOLUME_SOURCES)}")
        if not path.startswith("/") or (path.rstrip("/") or "/") in RESERVED_MOUNT_PATHS:
            raise InvalidSpecError(item.field("mountPath"), path, f"an absolute path other than {', '.join(RESERVED_MOUNT_PATHS)}")
        if name in volumes or path in {volume.mount_path for volume in volumes.values()}:
            raise InvalidSpecError(item.path, name, "each name and each mountPath once")
        # An emptyDir may be written as `emptyDir: {}`: an object without fields is a source all the same.
        source = item.object(sources[0]).values()
        volumes[name] = Volume(name, path, item.boolean("readOnly", default=False), {sources[0]: source})
    return tuple(volumes.values())


def parse_tolerations(spec: Fields) -> tuple[Toleration, ...]:
    """`spec.tolerations`."""
    return tuple(
        Toleration(
            key=item.optional("key"),
            operator=item.string("operator", "Equal", ("Equal", "Exists")),
            value=item.optional("value"),
            effect=item.optional("effect"),
            toleration_seconds=item.optional_integer("tolerationSeconds", 0, 2**31 - 1),
        )
        for item in spec.objects("tolerations")
    )
