"""Says what is being done: a line when a step begins, one every few seconds while it lasts, one at its end."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

TICK_SECONDS = 5.0
_started = time.monotonic()
_writing = threading.Lock()


def say(line: str) -> None:
    """One line, whole, with the seconds since the command began."""
    with _writing:
        print(f"[{time.monotonic() - _started:4.0f} s] {line}", file=sys.stderr, flush=True)


@contextmanager
def step(title: str, waiting_for: str = "") -> Iterator[None]:
    """Shows a step's begin, its life signs and its end."""
    began = time.monotonic()
    ended = threading.Event()
    hint = f" (waiting for {waiting_for})" if waiting_for else ""

    def tick() -> None:
        while not ended.wait(TICK_SECONDS):
            say(f"  … {title}: {time.monotonic() - began:.0f} s{hint}")

    say(title)
    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    try:
        yield
    except BaseException:
        say(f"  ✗ {title}: not done, after {time.monotonic() - began:.1f} s")
        raise
    else:
        say(f"  ✓ {title}: {time.monotonic() - began:.1f} s")
    finally:
        ended.set()
        ticker.join()
