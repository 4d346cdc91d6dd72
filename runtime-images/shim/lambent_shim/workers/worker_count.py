"""How many workers a pod should have. Pure."""

from __future__ import annotations


def count_missing(*, slots: int, coroutine: bool, ready: int, busy: int, starting: int, waiting: int) -> int:
    """Workers to start now: one for each invocation that waits, and one spare, so that the next finds it ready.

    `busy` workers serve one invocation each, `ready` ones none; never more than `slots` in all. A coroutine handler has one worker.
    """
    wanted = 1 if coroutine else min(slots, busy + waiting + 1)
    return max(0, wanted - ready - busy - starting)
