"""Makes runs wait for each other: two commands in one checkout, two checkouts that build one part."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from cluster.host.progress import TICK_SECONDS, say


def _holder(path: Path) -> str:
    try:
        return path.read_text().strip() or "another run"
    except OSError:
        return "another run"


@contextmanager
def held(path: Path, what: str) -> Iterator[None]:
    """Holds a lock while the body runs; the kernel gives it back when its holder dies, however it dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    began = said = time.monotonic()
    while (file := _try(path)) is None:
        now = time.monotonic()
        if said == began or now - said >= TICK_SECONDS:
            say(f"  … waiting for {_holder(path)}, which has {what}: {now - began:.0f} s")
            said = now
        time.sleep(0.2)
    with file:
        file.seek(0)
        file.truncate()
        file.write(f"process {os.getpid()}\n")
        file.flush()
        yield


def _try(path: Path) -> TextIO | None:
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file.fileno()).st_ino == path.stat().st_ino:
            return file
    except (BlockingIOError, FileNotFoundError):
        pass  # held by another run, or taken away with all the rest by the run that held it
    file.close()
    return None
