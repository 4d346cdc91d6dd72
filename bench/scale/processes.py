"""Child processes with a log each: started by name, measured by /proc, ended by pid. None outlives the one that started it."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_libc = ctypes.CDLL(None, use_errno=True)


class ProcessError(RuntimeError):
    """A process that ended or said nothing; the message holds the end of its log."""


@dataclass(frozen=True)
class Usage:
    """What a process has taken so far: `cpu_seconds` since its start, memory now, in MiB."""

    cpu_seconds: float
    resident_mib: float
    proportional_mib: float
    """PSS: of pages that several processes share, each counts its part."""
    peak_mib: float


class Process:
    """One child; ended with its parent, however that ends."""

    def __init__(self, name: str, argv: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None) -> None:
        """Start it. The kernel ends it when the thread that calls this ends, so call it from the main thread."""
        self.name = name
        self.log = log
        self.started = time.monotonic()
        with log.open("ab") as sink:
            self._child = subprocess.Popen(
                [str(word) for word in argv],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=dict(env) if env is not None else None,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - it calls nothing that takes a lock
            )

    def check(self) -> None:
        """Raises ProcessError where it has ended by itself."""
        code = self._child.poll()
        if code is not None:
            raise ProcessError(f"{self.name} ended with {code}:\n{self.tail()}")

    def tail(self, lines: int = 15) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def end(self, *, patience: float = 20.0, number: signal.Signals = signal.SIGTERM) -> float:
        """Ask it to end, insist after `patience` seconds; the seconds it took."""
        began = time.monotonic()
        if self._child.poll() is None:
            self._child.send_signal(number)
            try:
                self._child.wait(patience)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        return time.monotonic() - began

    def usage(self) -> Usage:
        """Return a process's CPU time and memory, read from /proc."""
        folder = Path("/proc") / str(self._child.pid)
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        sizes = _sizes((folder / "smaps_rollup").read_text()) | _sizes((folder / "status").read_text())
        return Usage(
            cpu_seconds=(int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND,
            resident_mib=sizes["Rss"] / 1024,
            proportional_mib=sizes["Pss"] / 1024,
            peak_mib=sizes["VmHWM"] / 1024,
        )


def _sizes(text: str) -> dict[str, int]:
    """KiB by name out of lines such as `Pss:  1234 kB`."""
    rows = (line.split() for line in text.splitlines() if line.endswith(" kB"))
    return {row[0].rstrip(":"): int(row[1]) for row in rows}


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    # A Ctrl-C in the terminal is for the one that started us, which takes everything down in order.
    os.setpgrp()
