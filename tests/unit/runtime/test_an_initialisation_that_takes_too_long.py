"""Whoever stops an initialisation that takes too long, callers are told of the function's timeout, and the next one begins at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from lambent_shim import failures
from lambent_shim.lineage import Lineage
from lambent_shim.spawn import Ends

TIMED_OUT = failures.time_out(3)


class _Process:
    def __init__(self, ends: Ends) -> None:
        self.channel, self.init_error, self.pid = ends.channel, None, 0


class _Loop:
    def __init__(self) -> None:
        self.later: list[Callable[[], None]] = []

    def time(self) -> float:
        return 100.0

    def call_later(self, delay: float, callback: Callable[..., None], *arguments: Any) -> Any:
        self.later.append(lambda: callback(*arguments))

        class _Handle:
            def cancel(self) -> None:
                pass

        return _Handle()


class _Keeper:
    def __init__(self) -> None:
        self.ended: list[object] = []
        self.failed: list[failures.InitError] = []

    def watch(self, ends: Ends) -> Any:
        return _Process(ends)

    def claim(self, process: Any, pid: int) -> None:
        process.pid = pid

    def end(self, process: object, why: str) -> None:
        self.ended.append(process)

    def is_fertile_again(self) -> None: ...

    def initialisation_failed(self, error: failures.InitError, duration_ms: float) -> None:
        self.failed.append(error)


def test_it_is_told_once_as_the_functions_timeout() -> None:
    loop, keeper = _Loop(), _Keeper()
    lineage = Lineage(
        loop,  # type: ignore[arg-type]
        keeper,
        init_limit_seconds=10,
        timed_out=TIMED_OUT,
        sharing=0,
        respawn=lambda: (0, Ends(*os.pipe())),
    )
    lineage.adopt_candidate(Ends(*os.pipe()))
    candidate = lineage.candidate
    assert candidate is not None
    loop.later.pop()()
    assert keeper.ended == [candidate]
    assert [error.failure for error in keeper.failed] == [TIMED_OUT]
    # Its end is no news any more, neither for those who were told nor for those who have begun another one since.
    lineage.adopt_candidate(Ends(*os.pipe()))
    assert not lineage.bury(candidate, 9)
    assert lineage.candidate is not None
    assert len(keeper.failed) == 1
