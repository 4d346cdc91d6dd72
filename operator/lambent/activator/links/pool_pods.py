"""Which pods have become what, as far as this activator has seen it; sends BECOME and has the pods adopted.

Knows pods by uid, where admission knows links by number. Whose word counts: docs/decisions/0007, "Who is believed".
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, Protocol

from lambent.activator.admission.model import Become, FunctionKey
from lambent.activator.links.hello import Hello, Identity, LinkRefusedError
from lambent.activator.links.ports import Adopter, Blueprints
from lambent.activator.pool.blueprint import BlueprintError
from lambent.tasks.keyed import KeyedTasks
from lambent.tasks.supervisor import Failed

REMEMBERED: Final = 20_000
"""Pods whose past is kept in mind; those long gone are forgotten first."""
MOVING_SECONDS: Final = (0.2, 0.4, 0.8, 1.6)
"""Between looks at the labels of a pod that says it has become a function; HELLO may take 5 s in all."""

_log = logging.getLogger("lambent.activator.pool")


class Line(Protocol):
    """The link to a pod."""

    def send_become(self, frame: bytes) -> None:
        """BECOME."""


class Desk:
    """`give_back(number)` takes a link back whose BECOME could not be sent."""

    def __init__(self, blueprints: Blueprints, adopter: Adopter, give_back: Callable[[int], None], *, failed: Failed | None = None) -> None:
        self._blueprints = blueprints
        self._adopter = adopter
        self._give_back = give_back
        self._open: dict[str, int] = {}
        """Links of pods that come from a pool, by the pod's uid."""
        self._pods: dict[int, Identity] = {}
        self._past: OrderedDict[str, tuple[str, str]] = OrderedDict()
        """(function, revision) that a pod was seen to become, or was asked to, by its uid."""
        self._ended: OrderedDict[str, None] = OrderedDict()
        """Pods that were ended because of what they said, by uid."""
        self._fetching = KeyedTasks("reading what a pod is to become", failed)

    async def admit(self, hello: Hello, identity: Identity, verify: Callable[[Hello], Awaitable[Identity]]) -> Identity:
        """A verified hello of a pod that comes from a pool. Raises `LinkRefusedError` where it is not to be believed all the same.

        Where the pod says it is a function and its labels do not, another activator may be about to move it over.
        """
        for pause in MOVING_SECONDS:
            if identity.moved or self._past.get(identity.uid) == (hello.function.name, hello.revision):
                break
            await asyncio.sleep(pause)
            identity = await verify(hello)
        if identity.uid in self._open:
            raise LinkRefusedError("this pod is linked already")
        past = self._past.get(identity.uid)
        why = identity.spoiled
        if hello.generic and past is not None:
            why = why or f"it has become {past[0]}, or was asked to, and is generic no more"
        elif not identity.moved and past != (hello.function.name, hello.revision):
            why = why or f"nobody has seen it become {hello.function.name}"
        if why:
            if identity.uid not in self._ended:
                # Once: on its way out it may go on to ask.
                self._ended[identity.uid] = None
                self._adopter.retire(identity, hello.function.namespace, why)
                if len(self._ended) > REMEMBERED:
                    self._ended.popitem(last=False)
            raise LinkRefusedError(why)
        return identity

    def opened(self, number: int, identity: Identity) -> None:
        """An admitted link."""
        self._open[identity.uid] = number
        self._pods[number] = identity

    def closed(self, number: int) -> None:
        """A link is gone; harmless where it was none of a pool's pod."""
        identity = self._pods.pop(number, None)
        if identity is not None:
            self._open.pop(identity.uid, None)

    def send(self, line: Line, order: Become) -> None:
        """Send BECOME, now or once its parts have been read."""
        try:
            frame = self._blueprints.find(order.function, order.revision)
        except BlueprintError as error:
            self._tell_unfit(order, error)
            self._give_back(order.link)
            return
        if frame is not None:
            self._send(line, order, frame)
            return
        self._fetching.start(partial(self._fetch, line, order))

    async def _fetch(self, line: Line, order: Become) -> None:
        sent = False
        try:
            frame = await self._blueprints.fetch(order.function, order.revision)
            if order.link in self._pods:
                self._send(line, order, frame)
            sent = True
        except BlueprintError as error:
            self._tell_unfit(order, error)
        finally:
            # Whatever it was: who waits for that pod is to be served by another.
            if not sent and order.link in self._pods:
                self._give_back(order.link)

    def _send(self, line: Line, order: Become, frame: bytes) -> None:
        # Before it is sent: the pod may come back by another link before this one has brought its answer.
        self._remember(self._pods[order.link].uid, order.function.name, order.revision)
        line.send_become(frame)

    def became(self, number: int, function: FunctionKey, revision: str, pods: int, moved: Callable[[], None], *, asked: bool) -> None:
        """A pod has become a function; `asked` by this activator."""
        identity = self._pods[number]
        self._remember(identity.uid, function.name, revision)
        self._adopter.adopt(identity, function, revision, pods, moved, pause=not asked)

    def calm(self, pod: Identity, function: FunctionKey) -> None:
        """A pod that comes from no pool has initialised."""
        self._adopter.calm(pod, function)

    def retire(self, number: int, namespace: str, why: str) -> None:
        """The pod is of no use to anybody."""
        identity = self._pods.get(number)
        if identity is not None:
            self._adopter.retire(identity, namespace, why)

    def _remember(self, uid: str, function: str, revision: str) -> None:
        self._past[uid] = (function, revision)
        self._past.move_to_end(uid)
        if len(self._past) > REMEMBERED:
            self._past.popitem(last=False)

    @staticmethod
    def _tell_unfit(order: Become, error: BlueprintError) -> None:
        fields = {"namespace": order.function.namespace, "function": order.function.name, "revision": order.revision}
        _log.info("started without the pool: %s", error, extra=fields)
