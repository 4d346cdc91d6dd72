"""Loads asyncio, uvloop and picows without what they import and the shim never uses: a third of the imports' CPU time, 3 MiB of every pod.

A stand-in takes the place of each such module while they load, and is gone afterwards: who imports the module then gets it. Those that
hold a stand-in get what they ask of it from the module itself, loaded when they do. `ssl`, for OpenSSL's 10 ms, has none of that: links use
no TLS, and one of the three that was asked for it would fail with a TypeError.
"""

from __future__ import annotations

import sys
from _datetime import datetime, timezone  # type: ignore[import-not-found]
from _random import Random
from _sha1 import sha1  # type: ignore[import-not-found]
from collections.abc import Callable
from functools import partial
from types import FunctionType, GeneratorType, MethodType, ModuleType, TracebackType
from typing import Any, Final

_COROUTINE: Final = 0x80
"""CO_COROUTINE, of a code object's flags."""


class _Name:
    """Something of a module that was bound before the module is there: can be called, and has attributes, as the real one."""

    def __init__(self, module: str, name: str) -> None:
        self._names = module, name

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return _load(*self._names)(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(_load(*self._names), name)


class _StandIn(ModuleType):
    """A module of which only the names given are there at once."""

    def __init__(self, name: str, **given: Any) -> None:
        super().__init__(name)
        self.__dict__.update(given)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        own = self.__name__
        return _Name(own, name) if sys.modules.get(own) is self else _load(own, name)


class _WithoutTls(ModuleType):
    """Has whatever they take from `ssl` when they load: errors to catch, numbers to compare with, and things never called."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        if name.endswith("Error"):
            return type(name, (OSError,), {})
        return 0 if name.isupper() else type(name, (), {})


def _load(module: str, name: str) -> Any:
    __import__(module)
    return getattr(sys.modules[module], name)


def _is_coroutine_function(function: object) -> bool:
    """`inspect.iscoroutinefunction`."""
    while isinstance(function, MethodType | partial):
        function = function.__func__ if isinstance(function, MethodType) else function.func
    return isinstance(function, FunctionType) and bool(function.__code__.co_flags & _COROUTINE)


def _dataclass(**_options: bool) -> Callable[[type], type]:
    """A constructor is all that picows' classes need of it; the real one compiles four functions for each."""

    def decorate(decorated: type) -> type:
        names = list(decorated.__annotations__)

        def construct(self: object, *arguments: Any, **named: Any) -> None:
            self.__dict__.update(zip(names, arguments, strict=False), **named)

        decorated.__init__ = construct  # type: ignore[misc]
        return decorated

    return decorate


def _build_stand_ins() -> list[ModuleType]:
    return [
        _WithoutTls("ssl"),
        _StandIn("asyncio.sslproto"),
        _StandIn("dataclasses", dataclass=_dataclass),
        _StandIn("datetime", datetime=datetime, UTC=timezone.utc),  # which the module builds in Python, and then throws away
        _StandIn("hashlib", sha1=sha1),  # of OpenSSL too; a handshake needs the one hash
        _StandIn("inspect", iscoroutinefunction=_is_coroutine_function, isgenerator=lambda found: isinstance(found, GeneratorType)),
        _StandIn("ipaddress"),
        _StandIn("linecache"),
        _StandIn("pathlib"),
        _StandIn("platform", python_implementation=lambda: "CPython"),
        _StandIn("random", random=Random().random),  # seeded by the system, as the module's own
        _StandIn("subprocess", PIPE=-1, STDOUT=-2, DEVNULL=-3),
        _StandIn("traceback"),
    ]


class LightImports:
    """`with LightImports():` around the imports."""

    def __init__(self) -> None:
        self._stand_ins = _build_stand_ins()

    def __enter__(self) -> None:
        """From here on each of these is its stand-in, unless it is loaded already."""
        for module in self._stand_ins:
            sys.modules.setdefault(module.__name__, module)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """And here no longer."""
        for module in self._stand_ins:
            if sys.modules.get(module.__name__) is module:
                del sys.modules[module.__name__]
