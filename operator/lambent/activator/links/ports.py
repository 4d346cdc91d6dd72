"""What an activator needs from its surroundings, in a cluster or on a developer's machine.

Each has one implementation for Kubernetes (`lambent.activator.cluster`) and one for local processes (`lambent.dev`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from lambent.activator.admission.model import FunctionKey
from lambent.activator.links.hello import Hello, Identity
from lambent.api.functions.status import Initialization


class Provisioner(Protocol):
    """Starts pods."""

    def raise_to(self, function: FunctionKey, replicas: int) -> None:
        """See to it that there are at least so many pods; returns at once, never lowers, one flight per function."""

    def raised_at(self, function: FunctionKey) -> float | None:
        """When its scale was last raised, or a pod of it let go, in seconds since the epoch; None where that is not known."""


class Verifier(Protocol):
    """Believes or refuses shims."""

    async def verify(self, hello: Hello) -> Identity:
        """Whose it is. Raises `lambent.activator.links.hello.LinkRefusedError` unless the hello is true."""


class Blueprints(Protocol):
    """Knows what a generic pod has to be told to become a function."""

    def find(self, function: FunctionKey, revision: str) -> bytes | None:
        """The BECOME frame, where it is at hand. Raises `BlueprintError` where there is none to be had."""

    async def fetch(self, function: FunctionKey, revision: str) -> bytes:
        """The BECOME frame, from wherever its parts are. Raises `BlueprintError`."""


class Adopter(Protocol):
    """Hands pods that have become functions to their Deployments."""

    def adopt(self, pod: Identity, function: FunctionKey, revision: str, pods: int, moved: Callable[[], None], *, pause: bool) -> None:
        """Returns at once; `moved` is called when it is done. `pods`: how many it has. `pause`: another is likely to do it."""

    def calm(self, pod: Identity, function: FunctionKey) -> None:
        """A pod has initialised: give it the CPU limit it is to keep; returns at once."""

    def retire(self, pod: Identity, namespace: str, why: str) -> None:
        """Have a pod ended that runs nothing; returns at once."""


class InitializationReporter(Protocol):
    """Tells how revisions initialise."""

    def report(self, function: FunctionKey, outcome: Initialization) -> None:
        """Returns at once; what is known already is not told again."""
