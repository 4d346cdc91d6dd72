"""How long to wait before the next try, pure: exponential with full jitter, so that many clients do not come back at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits between 0 and an upper limit that doubles with each failure, in seconds."""

    first_seconds: float = 0.25
    """The upper limit after one failure."""
    longest_seconds: float = 10.0
    """The upper limit never passes this: an API server that is back is noticed within it."""

    def wait_seconds(self, failures: int, chance: float) -> float:
        """The wait after so many failures in a row; `chance` is a random number from 0 to 1."""
        limit = min(self.longest_seconds, self.first_seconds * 2.0 ** min(failures - 1, 30)) if failures > 0 else 0.0
        # Never below a tenth: a wait of nothing is a busy loop.
        return limit * max(0.1, chance)
