"""Imports ahead, in the prepared interpreter of a pool pod, what handlers nearly always import: a fork shares it for nothing.

User code that brings a file of the same name as anything here is not run by this interpreter at all, but by a fresh one
(lambent_shim.become): modules that are imported already hold references to each other that nobody could undo.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import sys
from collections.abc import Iterable

from lambent_runtime.paths import find_replaceable
from lambent_runtime.renewal import find_generators

# fmt: off
USUAL = (
    "lambent_runtime.async_worker", "lambent_runtime.snapshot",
    "ast", "asyncio", "base64", "bisect", "collections.abc", "concurrent.futures.thread", "contextlib", "copy", "csv", "dataclasses",
    "datetime", "decimal", "email.message", "email.parser", "email.utils", "enum", "fnmatch", "functools", "glob", "gzip", "hashlib",
    "heapq", "hmac", "http.client", "inspect", "io", "ipaddress", "itertools", "json", "locale", "logging", "math", "numbers",
    "operator", "pathlib", "queue", "random", "re", "secrets", "select", "selectors", "shlex", "shutil", "signal", "socket", "ssl",
    "string", "struct", "subprocess", "tempfile", "textwrap", "threading", "time", "traceback", "typing", "unicodedata",
    "urllib.error", "urllib.parse", "urllib.request", "uuid", "warnings", "weakref", "zipfile", "zlib",
)
# fmt: on
"""Left out for their memory, 250 to 600 KB each: html, http.cookiejar, pickle, xml.etree.ElementTree, zoneinfo."""


def import_ahead(more: Iterable[str]) -> list[str]:
    """Import the usual modules and more; what cannot be imported is said and left out.

    Returns the top-level names that code of the user's could have files of: they are looked for here, since that writes to the pages of
    all these names (reference counts), which the children then share.
    """
    for name in (*USUAL, *more):
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - a package may raise anything; a function that needs it learns by its own import
            print(f"preload: {name} is left out, it cannot be imported: {error!r}")
    replaceable = find_replaceable(sys.modules)
    gc.collect()
    find_generators()
    gc.freeze()
    ctypes.CDLL(None).malloc_trim(0)
    return replaceable
