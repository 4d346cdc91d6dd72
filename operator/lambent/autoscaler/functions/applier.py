"""Writing scales: one write at a time per function, none by a process that does not lead, failures tried again with growing pauses."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from functools import partial
from typing import Final

from lambent.autoscaler.functions.fleet import ScaleOrder
from lambent.autoscaler.functions.views import version_of
from lambent.autoscaler.statistics import FunctionKey
from lambent.kube.backoff import Backoff
from lambent.kube.client import KubeClient
from lambent.kube.errors import KubeError, KubeUnavailableError, NotFoundError
from lambent.kube.scale import Scale, raise_scale, set_scale
from lambent.tasks.keyed import KeyedTasks

logger: Final = logging.getLogger(__name__)
FIELD_MANAGER: Final = "lambent-autoscaler"
_BACKOFF: Final = Backoff(first_seconds=0.5, longest_seconds=10.0)
_WRITE_SECONDS: Final = 2.0
"""A decision is not carried out later than that: by then another one is due, perhaps another leader's."""

Done = Callable[[ScaleOrder, Scale], None]
Failed = Callable[[ScaleOrder, KubeError], None]


class Applier:
    """`submit` returns at once; `done` or `failed` is called later. What cannot be submitted now is decided anew at the next tick."""

    def __init__(
        self,
        client: KubeClient,
        may_act: Callable[[], bool],
        done: Done,
        failed: Failed,
        *,
        clock: Callable[[], float],
        count_failure: Callable[[str], None] | None = None,
    ) -> None:
        """`count_failure` counts writes that end with an exception nobody expects."""
        self._client = client
        self._may_act = may_act
        self._done = done
        self._failed = failed
        self._clock = clock
        self._writing = KeyedTasks("writing a scale", count_failure)
        self._failures: dict[FunctionKey, tuple[int, float]] = {}

    def submit(self, order: ScaleOrder) -> bool:
        """Begin to write it; False where this process does not lead, a write of this function is under way, or the last one just failed."""
        _, not_before = self._failures.get(order.key, (0, float("-inf")))
        if order.key in self._writing or self._clock() < not_before or not self._may_act():
            return False
        return self._writing.start(partial(self._write, order), order.key)

    async def close(self) -> None:
        """Give up the writes under way and wait for their end."""
        await self._writing.close()

    async def _write(self, order: ScaleOrder) -> None:
        try:
            async with asyncio.timeout(_WRITE_SECONDS):
                scale = await self._set(order)
        except NotFoundError:
            return  # deleted; the watch will say so
        except TimeoutError:
            self._note_failure(order, KubeUnavailableError(0, "Timeout", f"no answer within {_WRITE_SECONDS:g} s"))
        except KubeError as error:
            self._note_failure(order, error)
        else:
            self._failures.pop(order.key, None)
            self._done(order, scale)

    async def _set(self, order: ScaleOrder) -> Scale:
        namespace, name = order.key.namespace, order.deployment
        if order.desired > order.current:
            return await raise_scale(self._client, namespace, name, order.desired, order.max_scale, field_manager=FIELD_MANAGER)
        # Only if it is still what the decision saw: an activator may have raised it in this very moment.
        return await set_scale(self._client, namespace, name, order.desired, expected=order.current, field_manager=FIELD_MANAGER)

    def _note_failure(self, order: ScaleOrder, error: KubeError) -> None:
        failures = self._failures.get(order.key, (0, 0.0))[0] + 1
        self._failures[order.key] = (failures, self._clock() + _BACKOFF.wait_seconds(failures, random.random()))  # noqa: S311 - jitter
        self._failed(order, error)


def scale_version(scale: Scale) -> int:
    """A scale's place in the history of its Deployment."""
    return version_of(scale.version)
