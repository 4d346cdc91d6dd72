"""Keeps the function's processes apart from each other, from the shim and from what is the pod's own, as far as one user id allows.

By Landlock (landlock(7)), which any process may ask for. Processes in a domain cannot trace those outside of it, read their memory or use
their descriptors, and from Linux 6.12 on cannot signal them: the prepared interpreter's domain holds everything that the shim starts, and
each process that runs user code has a domain of its own in it. Where the kernel has none, processes are at least not dumpable.
What Landlock leaves open between processes, their limits and priorities, `lambent_runtime.refused_calls` closes.
"""

from __future__ import annotations

import _ctypes  # what ctypes is made of: of itself that is a millisecond more
import os
import struct
from collections.abc import Callable, Iterable, Iterator

_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""The same numbers on every architecture."""
_VERSION = 1
_PATH_BENEATH = 1
_LOG_OFF = 1
"""Denials are for the process alone to know (from version 7 on)."""

_READ_FILE = 1 << 2
_WRITES = (1 << 1) | sum(1 << bit for bit in range(4, 13))
"""Write files; remove and make entries of every kind."""
_REFER = 1 << 13
_TRUNCATE = 1 << 14
_SCOPE_SIGNAL = 1 << 1

_OLDEST = 2
"""Version 1 (Linux 5.13 to 5.18) refuses every rename from one folder to another, which handlers may well do."""
_MOST_RULES = 4096

_process = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]  # None: the process itself
_syscall = _ctypes.dlsym(_process, "syscall")
_prctl = _ctypes.dlsym(_process, "prctl")
_version = 0
"""What this process's domain was made with; 0: it has none."""


def read_options(arguments: list[str]) -> tuple[list[str], list[str], list[str]]:
    """(hidden, fixed, the rest) of a command line that begins with any number of `--hidden PATH` and `--fixed PATH`."""
    paths: dict[str, list[str]] = {"--hidden": [], "--fixed": []}
    while arguments and arguments[0] in paths:
        paths[arguments[0]].append(arguments[1])
        arguments = arguments[2:]
    return paths["--hidden"], paths["--fixed"], arguments


def confine(hidden: Iterable[str], fixed: Iterable[str]) -> str:
    """Enter a domain in which no file below `hidden` can be read and nothing at or below `fixed` changed, for good and with all children.

    Returns why it could not be; empty where it could.
    """
    global _version  # noqa: PLW0603 - one process has one domain
    version = _call(_syscall, _CREATE_RULESET, None, 0, _VERSION)
    if version < _OLDEST:
        _call(_prctl, _PR_SET_DUMPABLE, 0, 0, 0, 0)
        return f"the kernel offers Landlock in version {max(0, version)}, 2 is needed (Linux 5.19, and a seccomp profile that allows it)"
    writes = _WRITES | (_TRUNCATE if version >= 3 else 0)
    try:
        rules = list(_list_rights([os.path.realpath(path) for path in hidden], [os.path.realpath(path) for path in fixed], writes))
        _call(_prctl, _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        _restrict(version, _READ_FILE | writes | _REFER, [("/", _REFER), *rules])
    except OSError as error:
        _call(_prctl, _PR_SET_DUMPABLE, 0, 0, 0, 0)
        return str(error)
    _version = version
    return ""


def enter_domain() -> None:
    """Enter a domain of this process's own, inside that of the process it was forked from."""
    if _version:
        try:
            _restrict(_version, _REFER, [("/", _REFER)])
        except OSError:
            return  # sixteen domains deep, or without memory: it stays in that of its parent


def _restrict(version: int, handled: int, rules: Iterable[tuple[str, int]]) -> None:
    scopes = _SCOPE_SIGNAL if version >= 6 else 0
    # The third field is there from version 6 on, the second from 4 on.
    attributes = struct.pack("=QQQ", handled, 0, scopes) if scopes else struct.pack("=Q", handled)
    ruleset = _check(_call(_syscall, _CREATE_RULESET, attributes, len(attributes), 0), "landlock_create_ruleset")
    try:
        for path, rights in rules:
            try:
                place = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
            except OSError:
                continue  # gone since it was listed: nothing is allowed there
            try:
                rule = struct.pack("=Qi", rights, place)
                _check(_call(_syscall, _ADD_RULE, ruleset, _PATH_BENEATH, rule, 0), f"landlock_add_rule({path})")
            finally:
                os.close(place)
        _check(_call(_syscall, _RESTRICT_SELF, ruleset, _LOG_OFF if version >= 7 else 0), "landlock_restrict_self")
    finally:
        os.close(ruleset)


def _list_rights(hidden: list[str], fixed: list[str], writes: int) -> Iterator[tuple[str, int]]:
    """(path, rights) of what is allowed: rights count for all that is below, so folders that hold an excluded path are left out, and
    what else is in them is listed.
    """
    excluded = {*hidden, *fixed}
    waiting, listed = ["/"], 0
    while waiting:
        path = waiting.pop()
        if any(place.startswith(f"{path.rstrip('/')}/") for place in excluded) and path not in excluded:
            entries = sorted(entry.path for entry in os.scandir(path) if not entry.is_symlink())
            listed += len(entries)
            if listed > _MOST_RULES:
                raise OSError(f"there are over {_MOST_RULES} files and folders beside {', '.join(sorted(excluded))}")
            waiting += entries
            continue
        rights = _READ_FILE | writes
        if path in hidden:
            continue
        if path in fixed:
            rights = _READ_FILE
        yield path, rights if os.path.isdir(path) else rights & (_READ_FILE | (1 << 1) | _TRUNCATE)  # noqa: PTH112


def _call(function: int, *arguments: int | bytes | None) -> int:
    call: Callable[..., int] = _ctypes.call_function
    return call(function, arguments)


def _check(result: int, what: str) -> int:
    if result < 0:
        raise OSError(f"the kernel refuses {what}")
    return result
