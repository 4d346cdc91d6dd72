"""What BECOME asks for: whether the pod may become it, and the configuration and variables it then has. Pure.

Shape: docs/runtime-contract.md, "Pool pods"; rules: docs/decisions/0007-the-warm-pool.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from lambent_shim.configuration import Configuration, ConfigurationError, read_configuration
from lambent_shim.expansion import expand_entries

_SERVICES: Final = "KUBERNETES_"
"""The services' variables that every container is given, also without service links (Kubernetes, "Accessing the Service")."""

_READ_AT_START: Final = ("PATH", "HOME", "LANG", "LANGUAGE", "AWS_LAMBDA_EXEC_WRAPPER")
_READ_AT_START_PREFIXES: Final = (
    *("LC_", "LD_", "MALLOC_", "GLIBC_", "PYTHON"),
    # Libraries of what is imported ahead read theirs when they are loaded.
    *("OPENSSL_", "OMP_", "OPENBLAS_", "GOTO_", "MKL_", "KMP_", "BLIS_", "NPY_", "NUMPY_", "NUMEXPR_", "ARROW_", "PANDAS_"),
)


class BecomeError(ValueError):
    """BECOME does not say what it must."""


class Order(NamedTuple):
    """A well-formed BECOME."""

    configuration: Configuration
    variables: dict[str, str]
    """The function's own variables, references expanded."""


def read_names(head: Mapping[str, Any], pod: Configuration) -> tuple[str, str]:
    """(function, revision) that a BECOME's head names, to a pod that was generic as `pod`. Raises BecomeError."""
    shim = head.get("shim")
    if not isinstance(shim, dict):
        raise BecomeError(f"shim is {shim!r}, allowed: an object")
    for name in ("function", "revision"):
        if not isinstance(shim.get(name), str) or not shim[name]:
            raise BecomeError(f"shim.{name} is {shim.get(name)!r}, allowed: a non-empty string")
    for name, value in _keep(pod).items():
        if name in shim and shim[name] != value and not (name == "runtime" and not shim[name]):
            raise BecomeError(f"shim.{name} is {shim[name]!r}, allowed: {value!r}, which is the pod's")
    return shim["function"], shim["revision"]


def explain_refusal(current: Configuration, function: str, revision: str, *, used: bool, draining: bool) -> str:
    """Why a pool pod does not become, or is not, this function at this revision; empty where it may, or is."""
    if draining:
        return "the pod is draining"
    if used:
        return "the container was a function before it was restarted"
    if current.function and (current.function, current.revision) != (function, revision):
        return f"the pod is {current.function} at {current.revision}"
    return ""


def read_order(head: Mapping[str, Any], files: Iterable[str], pod: Configuration, container: Mapping[str, str]) -> Order:
    """What a generic pod becomes by this head, whose names are read; `files` are the paths it brings. Raises BecomeError, which names
    field and value.
    """
    try:
        fields = {"region": pod.region, **head["shim"], **_keep(pod)}
        configuration = read_configuration(fields, runtime_dir=pod.runtime_dir, pod=pod.pod)
    except ConfigurationError as error:
        raise BecomeError(f"shim.{error}") from None
    for path in files:
        _check_path(path)
    services = {name: value for name, value in container.items() if name.startswith(_SERVICES)}
    variables = expand_entries(_read_entries(head.get("env", [])), services)
    return Order(configuration._replace(pool=True, preload=pod.preload, variables=tuple(variables)), variables)


def _keep(pod: Configuration) -> dict[str, Any]:
    """Fields that no function changes, as LAMBENT_SHIM has them."""
    return {
        "namespace": pod.namespace,
        "runtime": pod.runtime,
        "activators": list(pod.activators),
        "tokenFile": pod.token_file,
        "taskRoot": pod.task_root,
        "codeDir": pod.code_dir,
        "statusPort": pod.status_port,
        "runtimeDir": pod.runtime_dir,
        "layersDir": pod.layers_dir,
        "python": pod.python,
        "pod": pod.pod,
        "parentPid": pod.parent_pid,
        "scratchDir": pod.scratch_dir,
        "storage": [{"path": path, "sizeMiB": size, "field": field} for path, size, field in pod.storage],
        "memoryFolders": list(pod.memory_folders),
        "pool": False,
        "preload": [],
    }


def _read_entries(entries: Any) -> list[tuple[str, str, bool]]:
    if not isinstance(entries, list):
        raise BecomeError(f"env is {entries!r}, allowed: a list of [name, value, expand]")
    for index, entry in enumerate(entries):
        # A value may be a secret: messages name the variable, not what it holds.
        if not isinstance(entry, list) or [type(part) for part in entry] != [str, str, bool]:
            raise BecomeError(f"env[{index}] is not [name, value, expand]: two strings, true or false")
        if not entry[0] or "=" in entry[0] or "\0" in entry[0]:
            raise BecomeError(f"env[{index}] is named {entry[0]!r}, allowed: a name without '=' and NUL")
        if "\0" in entry[1]:
            raise BecomeError(f"env[{index}], {entry[0]}, has a NUL in its value")
    return [(name, value, may_refer) for name, value, may_refer in entries]


def _check_path(path: str) -> None:
    if not all(part not in {"", ".", ".."} for part in path.split("/")) or "\0" in path:
        raise BecomeError(f"files holds {path!r}, allowed: relative paths without empty, '.' and '..' parts")


def explain_fresh_start(
    started_with: Mapping[str, str], wanted: Mapping[str, str], replaceable: Iterable[str], files: Iterable[str]
) -> str:
    """Why the interpreter that waits cannot run this function, so that a fresh one has to be started; empty where it can.

    Some variables count only when an interpreter, or a library it has loaded, starts. And code that brings a file of the name of a
    module that is loaded already (`replaceable`, top-level names) wants its own, in every module that imports it.
    """
    names = {name for name in started_with.keys() | wanted.keys() if name in _READ_AT_START or name.startswith(_READ_AT_START_PREFIXES)}
    differing = sorted(name for name in names if started_with.get(name) != wanted.get(name))
    if differing:
        return f"{', '.join(differing)} counts when an interpreter starts"
    own = {path.partition("/")[0].partition(".")[0] for path in files}
    shadowed = sorted(own.intersection(replaceable))
    return f"the code brings its own {', '.join(shadowed)}" if shadowed else ""
