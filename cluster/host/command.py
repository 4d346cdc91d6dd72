"""Runs other programs: their output goes to a log file, their failure becomes a ClusterError."""

import ctypes
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from cluster.errors import ClusterError

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """A child that outlives a killed run would work against the next one."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def shown(argv: Sequence[str | Path]) -> str:
    """A command as a person would type it."""
    return shlex.join(str(word) for word in argv)


def _merged(env: Mapping[str, str] | None) -> dict[str, str]:
    return {**os.environ, **(env or {})}


def run(
    argv: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
    do: str = "",
) -> None:
    """Runs a command to its end, its output appended to the log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        sink.write(f"\n$ {shown(argv)}\n".encode())
        sink.flush()
        try:
            result = subprocess.run(
                [str(word) for word in argv],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=_merged(env),
                cwd=cwd,
                timeout=timeout,
                preexec_fn=_die_with_parent,
                check=False,
            )
        except FileNotFoundError as error:
            raise ClusterError(f"{argv[0]} is not there", do=do) from error
        except subprocess.TimeoutExpired as error:
            message = f"`{shown(argv)}` did not end within {timeout:.0f} s"
            raise ClusterError(message, do=do, log=log) from error
    if result.returncode != 0:
        message = f"`{shown(argv)}` failed with exit code {result.returncode}"
        raise ClusterError(message, do=do, log=log)


def output(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    timeout: float = 60,
    stdin: str | None = None,
    do: str = "",
) -> str:
    """What a short command prints; its failure carries what it said."""
    try:
        result = subprocess.run(
            [str(word) for word in argv],
            input=stdin if stdin is not None else "",
            capture_output=True,
            text=True,
            errors="replace",
            env=_merged(env),
            timeout=timeout,
            preexec_fn=_die_with_parent,
            check=False,
        )
    except FileNotFoundError as error:
        raise ClusterError(f"{argv[0]} is not there", do=do) from error
    except subprocess.TimeoutExpired as error:
        raise ClusterError(f"`{shown(argv)}` did not answer within {timeout:.0f} s", do=do) from error
    if result.returncode != 0:
        said = (result.stderr.strip() or result.stdout.strip())[-2000:]
        raise ClusterError(f"`{shown(argv)}` failed with exit code {result.returncode}: {said}", do=do)
    return result.stdout


def answers(argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None, timeout: float = 10) -> str | None:
    """What a command prints, or None where it fails or is not there."""
    try:
        return output(argv, env=env, timeout=timeout)
    except ClusterError:
        return None


def succeeds_quickly(
    argv: Sequence[str | Path], *, log: Path, env: Mapping[str, str] | None, first_word_within: float, within: float
) -> bool:
    """Whether a command ends well, given up when it says nothing for a while at its start.

    For a pull: a registry that can't be reached is noticed in seconds, a slow one has its time.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    before = log.stat().st_size if log.exists() else 0
    with log.open("ab") as sink:
        child = subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=_merged(env),
            preexec_fn=_die_with_parent,
        )
    started = time.monotonic()
    while (code := child.poll()) is None:
        waited = time.monotonic() - started
        silent = log.stat().st_size == before
        if waited > within or (silent and waited > first_word_within):
            child.kill()
            child.wait()
            return False
        time.sleep(0.1)
    return code == 0
