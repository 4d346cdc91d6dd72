"""Makes runs wait for each other: two commands in one checkout, two checkouts that build one part."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.progress import TICK_SECONDS, say


def _holder(path: Path) -> str:
    try:
        return path.read_text().strip() or "another run"
    except OSError:
        return "another run"


@contextmanager
def held(path: Path, what: str) -> Iterator[None]:
    """Holds a lock while the body runs; the kernel gives it back when its holder dies, however it dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        began = last_said = time.monotonic()
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                now = time.monotonic()
                if now - last_said >= TICK_SECONDS or last_said == began:
                    say(f"  … waiting for {_holder(path)}, which has {what}: {now - began:.0f} s")
                    last_said = now
                time.sleep(0.2)
        file.seek(0)
        file.truncate()
        file.write(f"process {os.getpid()}\n")
        file.flush()
        yield
