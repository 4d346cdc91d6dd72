"""What an activator needs from its surroundings, in a cluster or on a developer's machine.

Each has one implementation for Kubernetes (`lambent.activator.cluster`) and one for local processes (`lambent.dev`).
"""

from __future__ import annotations

from typing import Protocol

from lambent.activator.admission.model import FunctionKey
from lambent.activator.hello import Hello
from lambent.api.status import Initialization


class Provisioner(Protocol):
    """Starts pods."""

    def raise_to(self, function: FunctionKey, replicas: int) -> None:
        """See to it that there are at least so many pods; returns at once, never lowers, one flight per function."""

    def raised_at(self, function: FunctionKey) -> float | None:
        """When its scale was last raised, in seconds since the epoch; None where that is not known."""


class Verifier(Protocol):
    """Believes or refuses shims."""

    async def verify(self, hello: Hello) -> None:
        """Raises `lambent.activator.hello.LinkRefusedError` unless the hello is true."""


class InitializationReporter(Protocol):
    """Tells how revisions initialise."""

    def report(self, function: FunctionKey, outcome: Initialization) -> None:
        """Returns at once; what is known already is not told again."""
