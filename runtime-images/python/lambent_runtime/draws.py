"""Notices what an import draws that only one environment may have: random numbers, ids, names of temporary files.

On Lambda each environment imports for itself; workers that are forked after an import have what it has drawn in common. So whether an
import may be shared is known only once it has run (docs/decisions/0011). What C code draws by itself is not seen.
"""

from __future__ import annotations

import random  # noqa: F401 - there before the user's code, so that it shows what that draws from it
import sys
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any

_PASSED_ON = ("random", "secrets", "uuid", "tempfile", "lambent_runtime", "importlib")
"""Modules that draw for whoever calls them."""
_RENEWED = ("numpy.random", "multiprocessing.process")
"""What these draw when they are imported is drawn anew after a fork (lambent_runtime.renewal)."""
_KEPT_FUNCTIONS = ("_get_default_tempdir",)
"""tempfile's: a name drawn to try whether a folder can be written to is gone afterwards."""
_SOURCES = (
    ("os", "urandom"),
    ("os", "getrandom"),
    ("random", "_urandom"),
    ("uuid", "_generate_time_safe"),
)
"""Functions that draw what no two processes may have in common: module and name."""


class Draws:
    """What is drawn between `watch` and `stop`."""

    def __init__(self) -> None:
        self._watching = False
        self._first = ""
        self._put_back: list[Callable[[], None]] = []
        self._before: dict[str, object] = {}

    def watch(self) -> None:
        """Begin. Modules of the user's own that take the place of the standard library's are not looked at."""
        self._watching = True
        for module_name, name in _SOURCES:
            module = sys.modules.get(module_name)
            if module is not None and callable(getattr(module, name, None)):
                self._wrap(module, name)
        generator = getattr(sys.modules.get("random"), "Random", None)
        if generator is not None:
            self._wrap_seed(generator)
        self._before = _describe_global_states()

    def stop(self) -> None:
        """End: all is as it was."""
        self._watching = False
        for put_back in self._put_back:
            put_back()

    def explain(self) -> str:
        """What was drawn first, and where, in words for the log; empty: nothing."""
        after = _describe_global_states()
        for name, state in after.items():
            if not self._first and state != self._before.get(name, _FRESH):
                self._first = f"it has drawn from the functions of {name}, or has seeded them"
        return self._first

    def _note(self) -> None:
        if self._watching and not self._first:
            place = _find_drawer(sys._getframe(2))  # noqa: SLF001 - inspect, which has it by another name, takes 5 ms to import
            self._first = f"it has drawn random numbers ({place})" if place else ""

    def _wrap(self, module: ModuleType, name: str) -> None:
        original = getattr(module, name)

        def draw(*arguments: Any, **options: Any) -> Any:
            self._note()
            return original(*arguments, **options)

        setattr(module, name, draw)

        def put_back() -> None:
            if getattr(module, name, None) is draw:
                setattr(module, name, original)

        self._put_back.append(put_back)

    def _wrap_seed(self, generator: Any) -> None:
        original = generator.seed

        def seed(instance: Any, a: Any = None, version: int = 2) -> None:
            if a is None:
                self._note()
            original(instance, a, version)

        generator.seed = seed

        def put_back() -> None:
            if generator.seed is seed:
                generator.seed = original

        self._put_back.append(put_back)


def _find_drawer(frame: FrameType | None) -> str:
    """File and line that a draw is for; empty where it need not be counted."""
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if frame.f_code.co_name in _KEPT_FUNCTIONS or _belongs(module, _RENEWED):
            return ""
        if not _belongs(module, _PASSED_ON):
            return f"{frame.f_code.co_filename}, line {frame.f_lineno}"
        frame = frame.f_back
    return "unknown place"


def _belongs(module: str, names: tuple[str, ...]) -> bool:
    return module in names or module.startswith(tuple(f"{name}." for name in names))


_FRESH = "fresh"
"""Of a generator that the import itself has brought along: nothing was drawn yet."""


def _describe_global_states() -> dict[str, object]:
    """State of the generators behind the functions of `random` and `numpy.random`, as far as they are loaded."""
    found: dict[str, object] = {}
    module = sys.modules.get("random")
    if module is not None and hasattr(module, "getstate"):
        found["random"] = module.getstate()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None and hasattr(numpy_random, "get_state"):
        found["numpy.random"] = _describe_numpy(numpy_random)
    return found


class _NumpyState:
    """Equal to another one with the same state, and to _FRESH where nothing was drawn since numpy has seeded it by itself."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, state: Any, *, fresh: bool) -> None:
        self._state = tuple(part.tobytes() if hasattr(part, "tobytes") else part for part in state)
        self._fresh = fresh

    def __eq__(self, other: object) -> bool:
        return self._state == other._state if isinstance(other, _NumpyState) else self._fresh


def _describe_numpy(module: Any) -> _NumpyState:
    try:
        bits = module.mtrand._rand._bit_generator  # noqa: SLF001 - numpy has no other name for it
        # A seed that the user gave leaves no sequence; the position is where a generator that was just seeded begins.
        fresh = bits.seed_seq is not None and bits.state["state"]["pos"] == module.MT19937(0).state["state"]["pos"]
    except (AttributeError, KeyError, TypeError):
        fresh = False
    return _NumpyState(module.get_state(), fresh=fresh)
