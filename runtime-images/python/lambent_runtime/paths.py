"""Where the user's code finds its modules: Lambda's order of `sys.path`, and no module of the bootstrap in its way."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

# fmt: off
_LOADED_ON_LAMBDA = frozenset((
    "__main__", "_collections_abc", "_weakrefset", "abc", "awslambdaric", "builtins",
    "codecs", "collections", "contextlib", "copyreg", "decimal",
    "encodings", "enum", "functools", "genericpath", "importlib", "io", "itertools", "json", "keyword", "lambent_runtime",
    "linecache", "logging", "math", "numbers", "operator", "os", "posixpath", "re", "reprlib", "site", "stat", "string", "sys",
    "threading", "time", "token", "tokenize", "traceback", "types", "typing", "warnings", "weakref", "zipimport",
))
# fmt: on
"""What AWS's runtime has itself imported before the handler: there too, these win over a file of the same name."""


def build_search_path(task_root: str, layers_dir: str, runtime_dir: str, current: list[str]) -> list[str]:
    """`sys.path` for the handler: its code, layers, what PYTHONPATH says, the runtime's own packages, the standard library.

    As on Lambda (developer guide, "Runtime search path in the Python runtime"): the standard library comes after the user's code.
    """
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    first = [task_root, f"{layers_dir}/python/lib/{version}/site-packages", f"{layers_dir}/python"]
    standard = {entry for entry in current if entry.startswith((sys.prefix, sys.base_prefix, sys.exec_prefix)) and entry != runtime_dir}
    given = [entry for entry in current if entry not in standard and entry != runtime_dir and entry not in first]
    library = [entry for entry in current if entry in standard and entry not in first]
    own = [] if runtime_dir == "" else [runtime_dir]
    return [*first, *given, *own, *library]


def find_shadowed(modules: list[str], task_root: str) -> list[str]:
    """Modules, of those loaded, that the user's code brings a file or folder of the same name for and that Lambda would not have loaded."""
    entries = {entry.partition(".")[0] for entry in _list_folder(task_root)}
    shadowed = entries.intersection(find_replaceable(modules))
    return [name for name in modules if name.partition(".")[0] in shadowed]


def _list_folder(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - pathlib costs 3 ms of a cold start
    except OSError:
        return []


def find_replaceable(modules: Iterable[str]) -> list[str]:
    """Top-level names, of modules loaded, that a file of the user's would take the place of."""
    return sorted({name.partition(".")[0] for name in modules} - _LOADED_ON_LAMBDA - set(sys.builtin_module_names))


def prepare_imports(task_root: str, layers_dir: str, runtime_dir: str) -> None:
    """Set `sys.path` and forget preloaded modules that the user's code replaces."""
    sys.path[:] = build_search_path(task_root, layers_dir, runtime_dir, sys.path)
    for folder in sys.path[:3]:
        if any(name.endswith(".pth") for name in _list_folder(folder)):
            import site  # noqa: PLC0415 - few packages still come with such files

            # As AWS's bootstrap does for the code's folder and the layers': namespace packages of older kinds live by it.
            site.addsitedir(folder)
    for name in find_shadowed(list(sys.modules), task_root):
        del sys.modules[name]
    sys.path_importer_cache.pop(task_root, None)
