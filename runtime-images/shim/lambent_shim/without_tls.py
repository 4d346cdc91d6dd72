"""Loads what imports `ssl`, and will never use it, without: OpenSSL takes 10 ms of CPU of a cold start and 1.3 MB of every pod.

A stand-in takes its place while asyncio, uvloop and picows load, and is gone afterwards: who imports `ssl` then gets it. Links use no TLS;
one of the three that was asked for it would fail with a TypeError.
"""

from __future__ import annotations

import sys
from types import ModuleType, TracebackType


class _StandIn(ModuleType):
    """Has whatever they take from `ssl` when they load: errors to catch, numbers to compare with, and things never called."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        if name.endswith("Error"):
            return type(name, (OSError,), {})
        return 0 if name.isupper() else type(name, (), {})


class WithoutTls:
    """`with WithoutTls():` around the imports."""

    def __init__(self) -> None:
        self._stand_in = _StandIn("ssl")

    def __enter__(self) -> None:
        """From here on `ssl` is the stand-in, unless it is loaded already."""
        sys.modules.setdefault("ssl", self._stand_in)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """And here no longer."""
        if sys.modules.get("ssl") is self._stand_in:
            del sys.modules["ssl"]
