"""Ends a process and all below it, whatever sessions and groups those have made for themselves."""

from __future__ import annotations

import os
import signal
from pathlib import Path


def kill_tree(pid: int) -> None:
    """SIGKILL for a process that is the subreaper of what is below it, and for all of that.

    Everything is stopped first: a stopped process forks nothing that would be missed, and orphans stay below the subreaper.
    """
    found: set[int] = set()
    new = {pid}
    while new:
        for each in new:
            _send(each, signal.SIGSTOP)
        found |= new
        new = {child for each in found for child in _read_children(each)} - found
    for each in found:
        _send(each, signal.SIGKILL)


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _read_children(pid: int) -> list[int]:
    """By each thread's list (proc(5), children)."""
    children: list[int] = []
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return children
    for task in tasks:
        try:
            children.extend(map(int, (task / "children").read_text().split()))
        except OSError:
            continue
    return children
