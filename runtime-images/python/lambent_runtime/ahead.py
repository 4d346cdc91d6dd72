"""Imports ahead, in the prepared interpreter of a pool pod, what handlers nearly always import: a fork shares it for nothing.

User code that brings a file of the same name as anything here is not run by this interpreter at all, but by a fresh one
(lambent_shim.become): modules that are imported already hold references to each other that nobody could undo.
"""

from __future__ import annotations

import gc
import importlib
from collections.abc import Iterable

# fmt: off
USUAL = (
    "lambent_runtime.async_worker", "lambent_runtime.snapshot",
    "ast", "asyncio", "base64", "bisect", "calendar", "collections.abc", "concurrent.futures.thread", "configparser", "contextlib", "copy",
    "csv", "dataclasses", "datetime", "decimal", "email.message", "email.parser", "email.utils", "enum", "fnmatch", "fractions",
    "functools", "glob", "gzip", "hashlib", "heapq", "hmac", "html", "http.client", "http.cookiejar", "inspect", "io", "ipaddress",
    "itertools", "json", "locale", "logging", "math", "mimetypes", "numbers", "operator", "pathlib", "pickle", "platform", "pprint",
    "queue", "random", "re", "secrets", "select", "selectors", "shlex", "shutil", "signal", "socket", "ssl", "statistics", "string",
    "struct", "subprocess", "tempfile", "textwrap", "threading", "time", "traceback", "typing", "unicodedata", "urllib.error",
    "urllib.parse", "urllib.request", "uuid", "warnings", "weakref", "xml.etree.ElementTree", "zipfile", "zlib", "zoneinfo",
)
# fmt: on


def import_ahead(more: Iterable[str]) -> None:
    """Import the usual modules and more; what cannot be imported is said and left out."""
    for name in (*USUAL, *more):
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - a package may raise anything; a function that needs it learns by its own import
            print(f"preload: {name} is left out, it cannot be imported: {error!r}")
    gc.collect()
    gc.freeze()
