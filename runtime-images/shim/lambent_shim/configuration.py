"""LAMBENT_SHIM parsed and validated; errors name the field, its value and what is allowed.

Fields: docs/runtime-contract.md. Only `__main__` reads the environment. A named tuple, since `dataclasses` takes 10 ms to import
before the prepared interpreter can start.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

LOG_FORMATS = ("Text", "JSON")
APPLICATION_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
SYSTEM_LEVELS = ("DEBUG", "INFO", "WARN")
SHARING = ("auto", "never", "always")
_MOST_PID = 4_194_304
"""PID_MAX_LIMIT (proc(5), pid_max)."""


class ConfigurationError(ValueError):
    """LAMBENT_SHIM does not say what it must."""


class Storage(NamedTuple):
    """A folder on the node's disk that the function may write to."""

    path: str
    size_mib: int
    field: str
    """The Function's field that says so."""


class Configuration(NamedTuple):
    """What this pod is and runs."""

    namespace: str
    function: str
    """Empty: a pool pod that is no function yet."""
    revision: str
    """10 hex digits; told in HELLO."""
    runtime: str
    """`python3.11`."""
    handler: str
    version: str
    """`$LATEST` or a number."""
    timeout_seconds: float
    """1 to 900."""
    memory_mib: int
    """128 to 10240: the function's memory, without the shim's share."""
    concurrency: int
    """Slots of this pod, 1 to 1000."""
    activators: tuple[str, ...]
    """`host:port`; every address of every host is dialled."""
    token_file: str
    """Path of the projected token; empty: the token is empty."""
    task_root: str
    """Folder of the user's code."""
    code_dir: str
    """Where a pool pod writes that code: the same folder, but for a mount of it that lets nobody write."""
    region: str
    arn: str
    log_format: str
    """Text or JSON."""
    application_level: str
    """Empty: as Lambda's Text format without a level."""
    system_level: str
    """For platform events in JSON format."""
    status_port: int
    """0: no status server."""
    runtime_dir: str
    layers_dir: str
    python: str
    pod: str
    parent_pid: int
    """The process that starts the shim, with which it ends; 0: it ends alone. For shims without a container."""
    pool: bool
    """A generic pod that waits for its function, or was one."""
    preload: tuple[str, ...]
    """Modules that a generic pod imports ahead, besides the usual ones."""
    variables: tuple[str, ...]
    """Names of the environment variables that the function's author set."""
    service_account: bool
    """Whether the author asked for an API token, and so for Kubernetes' own variables."""
    sharing: str
    """Whether workers are forked from a process that has imported the handler: one of SHARING."""
    scratch_dir: str
    """The folder besides the task root that only a function writes to: what it holds tells a pod that has been one."""
    storage: tuple[Storage, ...]
    """Folders whose size the shim holds."""
    memory_folders: tuple[str, ...]
    """Folders that the function may write to and that are kept in memory, besides /dev/shm."""


def parse_configuration(text: str, *, runtime_dir: str, pod: str) -> Configuration:
    """LAMBENT_SHIM's JSON; `runtime_dir` and `pod` are the defaults of the fields of that name. Raises ConfigurationError."""
    try:
        fields = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"LAMBENT_SHIM is no JSON: {error}") from None
    if not isinstance(fields, dict):
        raise ConfigurationError(f"LAMBENT_SHIM is {type(fields).__name__}, not an object")
    return read_configuration(fields, runtime_dir=runtime_dir, pod=pod)


def read_configuration(fields: Mapping[str, Any], *, runtime_dir: str, pod: str) -> Configuration:
    """As parse_configuration, of the object itself. Raises ConfigurationError."""
    pool = _flag(fields, "pool")
    namespace = _text(fields, "namespace")
    function = _absent(fields, "function") if pool else _text(fields, "function")
    region = _text(fields, "region", "us-east-1")
    logging = fields.get("logging") or {}
    if not isinstance(logging, dict):
        raise ConfigurationError(f"logging is {logging!r}, allowed: an object")
    log_format = _choice(logging, "format", LOG_FORMATS, "Text", inside="logging.")
    as_json = log_format == "JSON"
    return Configuration(
        namespace=namespace,
        function=function,
        revision=_absent(fields, "revision") if pool else _text(fields, "revision", ""),
        runtime=_text(fields, "runtime", "") or "python3.11",
        handler=_absent(fields, "handler") if pool else _text(fields, "handler"),
        version=_text(fields, "version", "$LATEST"),
        timeout_seconds=_number(fields, "timeoutSeconds", 3, 0.001, 900),
        memory_mib=int(_number(fields, "memoryMiB", 128, 1, 1_048_576)),
        concurrency=int(_number(fields, "concurrency", 1, 1, 1000)),
        activators=_addresses(fields),
        token_file=_text(fields, "tokenFile", ""),
        task_root=_text(fields, "taskRoot"),
        code_dir=_text(fields, "codeDir", "") or _text(fields, "taskRoot"),
        region=region,
        arn=_text(fields, "arn", f"arn:aws:lambda:{region}:{namespace}:function:{function}"),
        log_format=log_format,
        application_level=_choice(logging, "applicationLevel", APPLICATION_LEVELS, "INFO" if as_json else "", inside="logging."),
        system_level=_choice(logging, "systemLevel", SYSTEM_LEVELS, "INFO", inside="logging."),
        status_port=int(_number(fields, "statusPort", 9001, 0, 65_535)),
        runtime_dir=_text(fields, "runtimeDir", runtime_dir),
        layers_dir=_text(fields, "layersDir", "/opt"),
        python=_text(fields, "python", "python3"),
        pod=_text(fields, "pod", pod),
        parent_pid=int(_number(fields, "parentPid", 0, 0, _MOST_PID)),
        pool=pool,
        preload=_modules(fields),
        variables=_names(fields),
        service_account=_flag(fields, "serviceAccount"),
        sharing=_choice(fields, "sharing", SHARING, "auto"),
        scratch_dir=_text(fields, "scratchDir", "/tmp"),  # noqa: S108 - the one folder a function may write to
        storage=_storage(fields),
        memory_folders=_folders(fields, "memoryFolders"),
    )


def _storage(fields: Mapping[str, Any]) -> tuple[Storage, ...]:
    value = fields.get("storage") or []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ConfigurationError(f"storage is {value!r}, allowed: a list of objects with path, sizeMiB and field")
    return tuple(Storage(_text(item, "path"), int(_number(item, "sizeMiB", 0, 1, 1_048_576)), _text(item, "field")) for item in value)


def _folders(fields: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = fields.get(name) or []
    if not isinstance(value, list) or not all(isinstance(path, str) and path.startswith("/") for path in value):
        raise ConfigurationError(f"{name} is {value!r}, allowed: a list of absolute paths")
    return tuple(value)


def _flag(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name, False)
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name} is {value!r}, allowed: true or false")
    return value


def _absent(fields: Mapping[str, Any], name: str) -> str:
    if fields.get(name):
        raise ConfigurationError(f"{name} is {fields[name]!r}, allowed: none where pool is true, BECOME brings it")
    return ""


def _modules(fields: Mapping[str, Any]) -> tuple[str, ...]:
    value = fields.get("preload") or []
    if not isinstance(value, list) or not all(
        isinstance(name, str) and all(part.isidentifier() for part in name.split(".")) for name in value
    ):
        raise ConfigurationError(f"preload is {value!r}, allowed: a list of modules' names")
    return tuple(value)


def _names(fields: Mapping[str, Any]) -> tuple[str, ...]:
    value = fields.get("variables") or []
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ConfigurationError(f"variables is {value!r}, allowed: a list of environment variables' names")
    return tuple(value)


def _text(fields: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = fields.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or (default is None and not value):
        raise ConfigurationError(f"{name} is {value!r}, allowed: a non-empty string")
    return value


def _number(fields: Mapping[str, Any], name: str, default: float, least: float, most: float) -> float:
    value = fields.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise ConfigurationError(f"{name} is {value!r}, allowed: {least} to {most}")
    return value


def _choice(fields: Mapping[str, Any], name: str, allowed: tuple[str, ...], default: str, *, inside: str = "") -> str:
    value = fields.get(name) or default
    if value != default and value not in allowed:
        raise ConfigurationError(f"{inside}{name} is {value!r}, allowed: {', '.join(allowed)}")
    return str(value)


def _addresses(fields: Mapping[str, Any]) -> tuple[str, ...]:
    value = fields.get("activators")
    if not isinstance(value, list) or not value:
        raise ConfigurationError(f"activators is {value!r}, allowed: a list of host:port")
    for address in value:
        host, _, port = address.rpartition(":") if isinstance(address, str) else ("", "", "")
        if not host or not port.isdigit() or not 0 < int(port) < 65_536:
            raise ConfigurationError(f"activators holds {address!r}, allowed: host:port")
    return tuple(value)
