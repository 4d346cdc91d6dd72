"""Ending what has got away from a worker, where one look at the processes is outrun."""

from __future__ import annotations

import os
import signal

import pytest

from lambent_shim.limits import descendants


def spawn() -> int:
    """A child that waits for its end."""
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    return pid


def end(pid: int) -> int:
    """Ended, and not yet collected."""
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return pid


def see(monkeypatch: pytest.MonkeyPatch, *looks: list[int]) -> None:
    """Find these strays, look by look; none afterwards."""
    coming = iter(looks)
    monkeypatch.setattr(descendants, "_find_stray_children", lambda _known: list(looks))
    monkeypatch.setattr(descendants, "find_strays", lambda _known: next(coming, []))


def test_each_that_follows_another_is_ended_until_none_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    spawned = [spawn() for _ in range(3)]
    see(monkeypatch, *([pid] for pid in spawned))

    assert descendants.end_strays(set())
    assert [os.WTERMSIG(os.waitpid(pid, 0)[1]) for pid in spawned] == [signal.SIGKILL] * 3


def test_the_ended_are_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    pid = end(spawn())
    see(monkeypatch, [pid])

    assert descendants.end_strays(set())
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)


def test_one_that_has_ended_by_itself_may_have_a_follower(monkeypatch: pytest.MonkeyPatch) -> None:
    first, follower = end(spawn()), spawn()
    see(monkeypatch, [first], [follower])

    assert descendants.end_strays(set())
    os.kill(follower, signal.SIGTERM)  # of two the kernel gives SIGKILL first
    assert os.WTERMSIG(os.waitpid(follower, 0)[1]) == signal.SIGKILL


def test_what_outruns_every_look_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    monkeypatch.setattr(descendants, "find_strays", lambda _known: [os.getpid()])
    monkeypatch.setattr(descendants, "kill_all", killed.extend)

    assert not descendants.end_strays(set())
    assert killed


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The signals that PID 1 of a container sends: which the test is, until it ends."""
    signals: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "getpid", lambda: 1)
    monkeypatch.setattr(os, "kill", lambda pid, number: signals.append((pid, number)))
    return signals


STOP, GO_ON = (-1, signal.SIGSTOP), (-1, signal.SIGCONT)


def test_pid_one_of_a_container_stops_everything_first(monkeypatch: pytest.MonkeyPatch, sent: list[tuple[int, int]]) -> None:
    see(monkeypatch, [41, 42], [43])
    assert descendants.end_strays(set(), frozen=True)
    # 43 has been forked by one that was just being stopped.
    assert sent == [STOP, (41, signal.SIGKILL), (42, signal.SIGKILL), STOP, (43, signal.SIGKILL), STOP, GO_ON]


def test_pid_one_stops_nobody_where_there_is_no_stray(monkeypatch: pytest.MonkeyPatch, sent: list[tuple[int, int]]) -> None:
    see(monkeypatch)
    assert descendants.end_strays(set(), frozen=True)
    assert sent == []


def test_pid_one_lets_the_others_go_on_though_it_meets_ever_more(monkeypatch: pytest.MonkeyPatch, sent: list[tuple[int, int]]) -> None:
    see(monkeypatch, *([41] for _ in range(100)))
    assert not descendants.end_strays(set(), frozen=True)
    assert sent[-1] == GO_ON


def test_pid_one_lets_the_others_go_on_though_a_look_fails(monkeypatch: pytest.MonkeyPatch, sent: list[tuple[int, int]]) -> None:
    def fail(_known: set[int]) -> list[int]:
        raise PermissionError

    monkeypatch.setattr(descendants, "_find_stray_children", lambda _known: [41])
    monkeypatch.setattr(descendants, "find_strays", fail)
    with pytest.raises(PermissionError):
        descendants.end_strays(set(), frozen=True)
    assert sent[-1] == GO_ON


def test_nobody_stands_still_for_ordinary_strays(monkeypatch: pytest.MonkeyPatch, sent: list[tuple[int, int]]) -> None:
    see(monkeypatch, [41])
    assert descendants.end_strays(set())
    assert sent == [(41, signal.SIGKILL)]
