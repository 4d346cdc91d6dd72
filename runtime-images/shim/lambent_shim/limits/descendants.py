"""Finds what a function's process has started, also what has left its process group, so that a timeout ends all of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Collection
from typing import Final

_ROUNDS: Final = 4
"""At one time: who waits for the shim gets a turn between."""
_FROZEN_ROUNDS: Final = 16


def find_descendants(pid: int, without: Collection[int] = ()) -> list[int]:
    """Pids below a process, by the kernel's lists of children (a snapshot); `without` some, and what is below those."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        for child in _read_children(waiting.pop()):
            if child not in without:
                found.append(child)
                waiting.append(child)
    return found


def find_strays(known: set[int]) -> list[int]:
    """Pids that became this process's children because their parent ended, and what is below them: all that is not known."""
    children = _find_stray_children(known)
    return children + [pid for child in children for pid in find_descendants(child)]


def _find_stray_children(known: set[int]) -> list[int]:
    """A stray in a known process's session stays: it is that worker's own."""
    strays: list[int] = []
    for child in _read_children(os.getpid()):
        if child in known:
            continue
        try:
            if os.getsid(child) in known:
                continue
        except ProcessLookupError:
            continue
        strays.append(child)
    return strays


def end_strays(known: set[int], *, frozen: bool = False) -> bool:
    """Kill all strays, as often as new ones are found; whether none is left. What is not known yet must not be being forked meanwhile.

    A chain of processes that each fork and end can outrun one look at them: it ends once a signal meets the last of it. Among forty such
    chains the shim has a fortieth of the CPU, and would never be done with looking: `frozen`, PID 1 of a container stops all others first.
    """
    if frozen and os.getpid() == 1:
        return not _find_stray_children(known) or _end_frozen(known)
    return any(not _kill_strays(known) for _ in range(_ROUNDS))


def _end_frozen(known: set[int]) -> bool:
    """Kill all strays while nothing can fork (kill(2), pid -1); the others stand still for some milliseconds. Whether none is left.

    Linux stops all at one moment. gVisor misses whom a process brings forth just then, who is met at one of the next rounds.
    """
    try:
        for _ in range(_FROZEN_ROUNDS):
            _send_all(signal.SIGSTOP)
            if not _kill_strays(known):
                return True
        return False
    finally:
        # Whatever has happened: a pod that stands still serves nobody.
        _send_all(signal.SIGCONT)


def _send_all(number: int) -> None:
    """To all processes of the container but this one, its first."""
    try:
        os.kill(-1, number)
    except ProcessLookupError:
        return  # there are no others


def _kill_strays(known: set[int]) -> bool:
    """Kill or collect those that are found; whether there were any. One that has ended by itself may have brought forth another."""
    strays = find_strays(known)
    kill_all([pid for pid in strays if not _collect(pid)])
    return bool(strays)


def _collect(pid: int) -> bool:
    """Whether it has ended and is collected by this: an orphan, which has no other parent."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return False


def kill_all(pids: list[int]) -> None:
    """SIGKILL to each that is still there."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def end_all() -> None:
    """Kill all that is below this process, a subreaper, and collect it: also what is being forked while it is looked for."""
    while True:
        kill_all(find_descendants(os.getpid()))
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _read_children(pid: int) -> list[int]:
    children: list[int] = []
    try:
        tasks = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - pathlib costs 3 ms of a cold start
    except OSError:
        return children
    for task in tasks:
        try:
            with open(f"/proc/{pid}/task/{task}/children", "rb") as file:  # noqa: PTH123
                children.extend(map(int, file.read().split()))
        except OSError:
            continue
    return children
