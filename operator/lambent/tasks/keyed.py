"""Short tasks that nobody awaits: one at a time for each key, what fails is told, and none outlives its owner."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Hashable
from typing import Any

from lambent.tasks.supervisor import Failed

_log = logging.getLogger("lambent.tasks")


class KeyedTasks:
    """The tasks of one owner, which calls `close` at its end. `name` is what they are counted and logged under."""

    def __init__(self, name: str, failed: Failed | None = None) -> None:
        """`failed` counts those that end with an exception, which is a defect: what can go wrong is theirs to deal with."""
        self._name = name
        self._failed = failed
        self._tasks: dict[Hashable, asyncio.Task[Any]] = {}
        self._number = 0

    def start(self, work: Callable[[], Coroutine[Any, Any, Any]], key: Hashable = None) -> bool:
        """Begin one; False, and nothing is begun, where that of this key is under way. Without a key there may be any number."""
        if key is None:
            self._number += 1
            key = self._number
        elif key in self:
            return False
        task = asyncio.get_running_loop().create_task(work())
        self._tasks[key] = task
        task.add_done_callback(lambda done: self._end(key, done))
        return True

    def __contains__(self, key: Hashable) -> bool:
        """Whether that of this key is under way."""
        task = self._tasks.get(key)
        return task is not None and not task.done()

    def __len__(self) -> int:
        """How many are under way."""
        return len(self._tasks)

    async def finish(self) -> None:
        """Wait for all that are under way."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def close(self) -> None:
        """Give up all that are under way, and wait for their end."""
        for task in list(self._tasks.values()):
            task.cancel()
        await self.finish()

    def _end(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            _log.error("%s of %s has failed", self._name, key, exc_info=error)
            if self._failed is not None:
                self._failed(self._name)
