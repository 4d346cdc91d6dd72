"""Starts pods by raising a Deployment's scale. One flight per function; while one is under way, the highest wish waits."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from lambent.activator.admission.model import FunctionKey
from lambent.api import names
from lambent.kube.backoff import Backoff
from lambent.kube.client import KubeClient
from lambent.kube.errors import KubeError
from lambent.kube.scale import raise_scale
from lambent.tasks.keyed import KeyedTasks
from lambent.tasks.supervisor import Failed

FIELD_MANAGER = "lambent-activator"
TRIES = 20
REMEMBERED = 4096
"""Functions of which it is known when they were last raised: it tells where the time of a start went."""

_log = logging.getLogger("lambent.activator.provisioner")


class StartGates(Protocol):
    """What lets pods start that were made."""

    def lifted_at(self, function: FunctionKey) -> float | None:
        """When a pod of it was last let go from here, in seconds since the epoch."""


@dataclass(slots=True)
class _Flight:
    """What one function's task aims at."""

    wanted: int


class KubeProvisioner:
    """`maximum` gives a function's maxScale; `gates` hold back the pods that are asked for until they are let go."""

    def __init__(
        self,
        client: KubeClient,
        maximum: Callable[[FunctionKey], int],
        gates: StartGates,
        backoff: Backoff | None = None,
        *,
        failed: Failed | None = None,
    ) -> None:
        self._client = client
        self._maximum = maximum
        self._gates = gates
        self._backoff = backoff or Backoff(first_seconds=0.05, longest_seconds=2.0)
        self._flights: dict[FunctionKey, _Flight] = {}
        self._tasks = KeyedTasks("raising a scale", failed)
        self._raised: dict[FunctionKey, float] = {}

    def raise_to(self, function: FunctionKey, replicas: int) -> None:
        """See to it that there are at least so many pods; returns at once."""
        flight = self._flights.get(function)
        if flight is not None:
            flight.wanted = max(flight.wanted, replicas)
            return
        flight = self._flights[function] = _Flight(replicas)
        self._tasks.start(partial(self._fly, function, flight))

    def raised_at(self, function: FunctionKey) -> float | None:
        """When its scale was last raised from here, or a pod of it let go, in seconds since the epoch."""
        times = [at for at in (self._raised.get(function), self._gates.lifted_at(function)) if at is not None]
        return max(times, default=None)

    async def close(self) -> None:
        """Give up what is under way."""
        await self._tasks.close()

    async def _fly(self, function: FunctionKey, flight: _Flight) -> None:
        """Until the highest wish is fulfilled, or it is time to leave it to the next one to ask."""
        failures = 0
        done = 0
        try:
            while done < flight.wanted and failures < TRIES:
                wanted = flight.wanted
                try:
                    scale = await raise_scale(
                        self._client,
                        function.namespace,
                        names.deployment(function.name),
                        wanted,
                        self._maximum(function),
                        field_manager=FIELD_MANAGER,
                    )
                except KubeError as error:
                    failures += 1
                    if failures in (1, TRIES):
                        _log.warning(
                            "scale not raised, trying again: %s",
                            error,
                            extra={"namespace": function.namespace, "function": function.name, "replicas": wanted, "failures": failures},
                        )
                    await asyncio.sleep(self._backoff.wait_seconds(failures, random.random()))  # noqa: S311 - jitter
                else:
                    done = wanted
                    if scale.written:
                        self._raised.pop(function, None)
                        self._raised[function] = time.time()
                        if len(self._raised) > REMEMBERED:
                            del self._raised[next(iter(self._raised))]
                        _log.info(
                            "scale raised", extra={"namespace": function.namespace, "function": function.name, "replicas": scale.replicas}
                        )
        finally:
            del self._flights[function]
