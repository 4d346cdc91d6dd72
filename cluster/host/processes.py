"""Processes named so that a reused pid is never mistaken for ours: by pid and start time (Linux)."""

import os
import signal
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_START_TIME_FIELD = 19  # of /proc/PID/stat, counted after the command's closing parenthesis


@dataclass(frozen=True)
class ProcessId:
    """A process that stays the same one even after its pid is given to another."""

    pid: int
    start: int


def start_time(stat: str) -> int:
    """The start time out of a line of /proc/PID/stat (the command in it may hold spaces)."""
    return int(stat.rpartition(")")[2].split()[_START_TIME_FIELD])


def identify(pid: int) -> ProcessId | None:
    """The process that has this pid now; None where there is none (or only its zombie)."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    if stat.rpartition(")")[2].split()[0] in {"Z", "X"}:
        return None
    return ProcessId(pid, start_time(stat))


def is_alive(process: ProcessId) -> bool:
    return identify(process.pid) == process


def end(process: ProcessId, patience: float) -> bool:
    """Asks a process to end, insists after a while; whether it is gone."""
    for signal_number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
        if not is_alive(process):
            return True
        try:
            os.kill(process.pid, signal_number)
        except ProcessLookupError:
            return True
        deadline = time.monotonic() + seconds
        while is_alive(process) and time.monotonic() < deadline:
            time.sleep(0.05)
    return not is_alive(process)


def with_argument(part: str, programs: Collection[str]) -> list[ProcessId]:
    """The processes of these programs that have a path in their command line, such as an engine's own folder."""
    found = []
    for folder in _PROC.iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if Path(words[0]).name in programs and any(part in word for word in words[1:]) and (process := identify(int(folder.name))):
            found.append(process)
    return found


def named(name: str) -> list[ProcessId]:
    """The processes whose program has this name."""
    found = []
    for folder in _PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if (folder / "comm").read_text().strip() != name:
                continue
        except (FileNotFoundError, ProcessLookupError):
            continue
        if process := identify(int(folder.name)):
            found.append(process)
    return found
