"""Ending what has got away from a worker, where one look at the processes is outrun."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from lambent_shim.limits import descendants


def spawn() -> int:
    """A child that waits for its end."""
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    return pid


def test_each_that_follows_another_is_ended_until_none_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    spawned = [spawn() for _ in range(4)]

    def looks() -> Iterator[list[int]]:
        for pid in spawned:
            yield [pid]
        while True:
            yield []

    look = looks()
    monkeypatch.setattr(descendants, "find_strays", lambda _known: next(look))

    assert descendants.end_strays(set())
    assert [os.WTERMSIG(os.waitpid(pid, 0)[1]) for pid in spawned] == [signal.SIGKILL] * 4


def test_the_ended_are_collected_and_count_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    pid = spawn()
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    monkeypatch.setattr(descendants, "find_strays", lambda _known: [pid])

    assert descendants.end_strays(set())
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)


def test_what_outruns_every_look_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    monkeypatch.setattr(descendants, "find_strays", lambda _known: [os.getpid()])
    monkeypatch.setattr(descendants, "kill_all", killed.extend)

    assert not descendants.end_strays(set())
    assert killed


def test_only_pid_one_of_a_container_stops_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    strays = [41, 42]
    monkeypatch.setattr(descendants, "find_strays", lambda _known: strays)
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))

    descendants.end_strays_frozen(set())
    assert sent == []

    monkeypatch.setattr(os, "getpid", lambda: 1)
    descendants.end_strays_frozen(set())
    assert sent == [(-1, signal.SIGSTOP), (41, signal.SIGKILL), (42, signal.SIGKILL), (-1, signal.SIGCONT)]
