"""Lets pods of functions' Deployments start: watches those without a node, and lifts the gates of all that are not made in vain.

Level-triggered: what is to be lifted is decided anew after each change and while pods wait, by every activator.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from lambent.activator.admission.model import FunctionKey
from lambent.activator.pool.gates import Gates, Lift, view_pod
from lambent.api.functions.gates import build_lift
from lambent.api.group import LABEL_ROLE, ROLE_FUNCTION, START_GATE
from lambent.kube.client import JSON_PATCH, KubeClient
from lambent.kube.errors import ConflictError, InvalidError, KubeError, NotFoundError
from lambent.kube.paths import collection_path, object_path
from lambent.kube.watch import Deleted, Listed, watch_objects
from lambent.tasks.keyed import KeyedTasks
from lambent.tasks.supervisor import Failed

FIELD_MANAGER: Final = "lambent-activator"
SELECTOR: Final = f"{LABEL_ROLE}={ROLE_FUNCTION}"
WITHOUT_NODE: Final = "spec.nodeName="
LOOK_SECONDS: Final = 0.25
"""Between decisions while pods wait: that time has passed is no event."""
WRITE_SECONDS: Final = 2.0
REMEMBERED: Final = 4096
"""Functions of which it is known when a pod of theirs was last let go."""
AT_ONCE: Final = 8
"""Gates that are lifted at the same time: the API server has others to serve."""

_log = logging.getLogger("lambent.activator.gates")


class GateMetrics(Protocol):
    """What is counted."""

    def gate_lifted(self, why: str) -> None:
        """A pod was let go: `wanted`, or `left_behind`, for too long to be in vain."""

    def made_in_vain(self) -> None:
        """A pod was deleted before it was let go; told by the activator that leads alone."""


class Gatekeeper:
    """`watch` and `tend` run until cancelled. Told of handovers (`lambent.activator.pool.gates.Handovers`)."""

    def __init__(
        self,
        client: KubeClient,
        leads: Callable[[FunctionKey], bool],
        becoming: Callable[[FunctionKey], int],
        metrics: GateMetrics,
        clock: Callable[[], float] = time.monotonic,
        *,
        failed: Failed | None = None,
    ) -> None:
        """`leads` and `becoming`: see `Gates`."""
        self._client = client
        self._leads = leads
        self._metrics = metrics
        self._clock = clock
        self._gates = Gates(leads, becoming)
        self._changed = asyncio.Event()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._lifting = KeyedTasks("letting a pod start", failed)
        self._lifted_at: dict[FunctionKey, float] = {}

    # Handovers

    def took(self, function: FunctionKey, uid: str) -> None:
        """A pod of a pool has become the function's."""
        self._gates.took(function, uid)

    def moved(self, function: FunctionKey, uid: str) -> None:
        """It is handed over."""
        self._gates.moved(function, uid, self._clock())
        self._changed.set()

    def dropped(self, function: FunctionKey, uid: str) -> None:
        """It is not handed over."""
        self._gates.dropped(function, uid)
        self._changed.set()

    def lifted_at(self, function: FunctionKey) -> float | None:
        """When a gate of the function's was last lifted from here, in seconds since the epoch."""
        return self._lifted_at.get(function)

    # Pods

    async def watch(self) -> None:
        """Follow the pods without a node: few, and only while they are being made."""
        path = collection_path("v1", "pods")
        async for event in watch_objects(self._client, path, label_selector=SELECTOR, field_selector=WITHOUT_NODE, keep=view_pod):
            if isinstance(event, Listed):
                self._gates.keep(event.items, self._clock())
            else:
                pod = event.item
                vain = self._gates.lose(pod) if isinstance(event, Deleted) else self._gates.see(pod, self._clock())
                if vain and self._leads(pod.function):
                    self._metrics.made_in_vain()
            self._changed.set()

    async def tend(self) -> None:
        """Lift what is to be lifted, after each change and while pods wait."""
        while True:
            for lift in self._gates.decide(self._clock()):
                self._begin(lift)
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS if self._gates.busy else None):
                    await self._changed.wait()

    async def close(self) -> None:
        """Give up what is under way; the other activators see to it."""
        await self._lifting.close()

    def _begin(self, lift: Lift) -> None:
        self._lifting.start(partial(self._lift, lift), lift.pod.uid)

    async def _lift(self, lift: Lift) -> None:
        pod = lift.pod
        try:
            async with self._slots, asyncio.timeout(WRITE_SECONDS):
                path = object_path("v1", "pods", pod.function.namespace, pod.name)
                operations = build_lift(pod.uid, START_GATE, lift.gate)
                await self._client.patch(path, operations, kind=JSON_PATCH, field_manager=FIELD_MANAGER)
        except (NotFoundError, ConflictError, InvalidError):
            return  # gone, or lifted by another: the watch will say which, else it is tried again
        except (KubeError, TimeoutError) as error:
            fields = {"namespace": pod.function.namespace, "function": pod.function.name, "pod": pod.name}
            why = str(error) or f"no answer within {WRITE_SECONDS:g} s"
            _log.warning("pod not let go, trying again: %s", why, extra=fields)
            return
        self._lifted_at.pop(pod.function, None)
        self._lifted_at[pod.function] = time.time()
        if len(self._lifted_at) > REMEMBERED:
            del self._lifted_at[next(iter(self._lifted_at))]
        self._gates.lifted(pod, self._clock())
        self._metrics.gate_lifted("left_behind" if lift.left_behind else "wanted")
