"""Renews random state in a process that was forked from one that has drawn it, so that no two workers go on with the same numbers.

Python sees to the functions of its own `random` after a fork, the kernel and OpenSSL to theirs; everything else is seen to here.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from typing import Any

_found: list[Any] = []
"""Generators of random numbers that this process has found, and its ancestors: all their children have copies of them."""


def find_generators() -> None:
    """Remember all generators that there are and that gc.freeze has not hidden: what is remembered is renewed in each child."""
    kinds = _kinds()
    # type() and not isinstance: proxies of libraries answer for what they stand for, and may raise.
    if kinds:
        _found.extend(each for each in gc.get_objects() if issubclass(type(each), kinds))


def renew() -> None:
    """In a new process: begin anew with everything that was found, and with numpy's global generator."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None and hasattr(numpy_random, "seed"):
        numpy_random.seed()
    for generator in _found:
        # Classes of the user's may want arguments, or be what they inherit no more.
        with suppress(Exception):
            _renew(generator)
    processes = sys.modules.get("multiprocessing.process")
    if processes is not None:
        processes.current_process().authkey = os.urandom(32)


def _renew(generator: Any) -> None:
    if hasattr(generator, "state"):
        generator.state = type(generator)().state
    else:
        generator.seed()


def _kinds() -> tuple[type, ...]:
    names = (("random", "Random"), ("numpy.random", "RandomState"), ("numpy.random", "BitGenerator"))
    found = (getattr(sys.modules.get(module), name, None) for module, name in names)
    return tuple(kind for kind in found if isinstance(kind, type))
