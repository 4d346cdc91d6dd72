"""A process's background tasks: watches, clocks, elections. One that fails, or ends, is started anew or ends the process.

A process whose watch or clock has stopped looks alive and serves what was true once. So nothing here ends in silence: it is logged, counted
and started anew after a pause; and where that helps as little as the time before, `wait` raises, and the process ends for its pod to be
restarted.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine
from typing import Any, Final

from lambent.kube.backoff import Backoff

Failed = Callable[[str], None]
"""Told the name of a task that has failed."""
TRIES: Final = 10
"""Failures in a row of one task that end the process."""
STEADY_SECONDS: Final = 60.0
"""A task that ran for so long before it failed has begun a new row."""

_log = logging.getLogger("lambent.tasks")


class BackgroundError(RuntimeError):
    """A background task of this process cannot go on."""


class Supervisor:
    """`start` tasks, `wait` for what none of them can recover from, and `close`."""

    def __init__(self, failed: Failed | None = None, *, tries: int = TRIES, backoff: Backoff | None = None) -> None:
        """`failed` counts."""
        self._failed = failed or _count_nothing
        self._tries = tries
        self._backoff = backoff or Backoff(first_seconds=0.1, longest_seconds=15.0)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._given_up = asyncio.Event()
        self._error: BaseException | None = None
        self._why = ""

    def start(self, name: str, run: Callable[[], Coroutine[Any, Any, None]], *, restart: bool = True) -> None:
        """Have `run`, which never returns of itself, run until `close`. Without `restart` its first failure ends the process: for what
        keeps state that a second run would not find as it left it. Raises ValueError where the name is taken."""
        if name in self._tasks:
            raise ValueError(f"a background task named {name!r} runs already")
        self._tasks[name] = asyncio.get_running_loop().create_task(self._keep(name, run, restart=restart), name=name)

    @property
    def names(self) -> list[str]:
        """The names of all tasks that run."""
        return list(self._tasks)

    async def wait(self) -> None:
        """Without end, unless a task cannot go on: raises `BackgroundError`, by what it failed of."""
        await self._given_up.wait()
        raise BackgroundError(self._why) from self._error

    async def close(self) -> None:
        """Cancel all, and wait for their end."""
        tasks, self._tasks = list(self._tasks.values()), {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, name: str, run: Callable[[], Coroutine[Any, Any, None]], *, restart: bool) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            began = loop.time()
            error: BaseException | None = None
            try:
                await run()
            except asyncio.CancelledError as cancelled:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                error = cancelled  # of something that it waited for; nobody means it to end
            except Exception as failure:  # noqa: BLE001 - whatever it is, nobody else would ever hear of it
                error = failure
            failures = 1 if loop.time() - began >= STEADY_SECONDS else failures + 1
            self._failed(name)
            what = "has failed" if error is not None else "has ended by itself"
            if not restart or failures >= self._tries:
                _log.critical("background task %s %s, and this process with it", name, what, exc_info=error, extra={"failures": failures})
                self._why, self._error = f"background task {name} {what}, {failures} times in a row", error
                self._given_up.set()
                return
            pause = self._backoff.wait_seconds(failures, random.random())  # noqa: S311 - jitter
            _log.error("background task %s %s; starting it anew", name, what, exc_info=error, extra={"failures": failures})
            await asyncio.sleep(pause)


def _count_nothing(_name: str) -> None:
    return
