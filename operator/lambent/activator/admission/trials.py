"""When an invocation may try a function that is blocked because it has never initialised.

On Lambda each invocation repeats a failed initialisation. Here one in a while does, so that all others are answered at once; the trouble
(a database that was not there, a missing setting) may pass without a new manifest, and nobody else would find out.
"""

from __future__ import annotations

from lambent.activator.admission.model import Limits


class Trials:
    """The times of one function, as one activator keeps them: with several, each has its own.

    In a pod that is there, a trial costs an import: it may come every `initialise_again_seconds`. One that has to start a pod first costs
    a node's scheduling, image and memory until the pod is idle: the pause before the next such one doubles, up to
    `initialise_again_longest_seconds`. That is how long an idle pod lives by default: a function that stays broken then costs no more
    than one that is called once a minute, and one that is mended is found out about within a minute of being asked for.
    """

    __slots__ = ("_limits", "_next_at", "_next_start_at", "_pause")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._next_at = 0.0
        self._next_start_at = 0.0
        self._pause = limits.initialise_again_seconds

    def admit(self, now: float, *, pod: bool, may_start: bool) -> bool:
        """Whether an invocation is the next trial; with a `pod` to try it in, or else, where it `may_start` one, by starting it."""
        if now < self._next_at:
            return False
        if not pod:
            if not may_start or now < self._next_start_at:
                return False
            self._next_start_at = now + self._pause
            self._pause = min(2 * self._pause, self._limits.initialise_again_longest_seconds)
        self._next_at = now + self._limits.initialise_again_seconds
        return True

    def forget(self) -> None:
        """It is not blocked: should it be so again, that is another story."""
        self._next_at = self._next_start_at = 0.0
        self._pause = self._limits.initialise_again_seconds
