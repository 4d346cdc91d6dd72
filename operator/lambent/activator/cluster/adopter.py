"""Hands pods that have become functions to their Deployments, and ends those that are nobody's. One flight per function.

Level-triggered: each step looks at what there is, so that it can be done again by the same or another activator after a crash.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from lambent.activator.admission.model import FunctionKey
from lambent.activator.links.hello import Identity
from lambent.activator.pool import adoption
from lambent.activator.pool.gates import Handovers
from lambent.api import names
from lambent.api.functions.function import FunctionSpec
from lambent.api.functions.shim import is_boosted
from lambent.api.group import LABEL_FUNCTION
from lambent.kube.backoff import Backoff
from lambent.kube.client import MERGE, STRATEGIC, Json, KubeClient
from lambent.kube.errors import ConflictError, ForbiddenError, InvalidError, KubeError, NotFoundError
from lambent.kube.paths import collection_path, object_path
from lambent.kube.scale import raise_scale
from lambent.tasks.keyed import KeyedTasks
from lambent.tasks.supervisor import Failed

FIELD_MANAGER: Final = "lambent-activator"
TRIES: Final = 30
AT_ONCE: Final = 4
"""Pods of one function that are moved over at the same time: the API server has others to serve."""
CALM_SECONDS: Final = 0.1
"""From a pod's word that it has become a function to the first write: its first answer has the cores to itself until then."""
OTHERS_SECONDS: Final = 1.5
"""How long the activator that took a pod has before another looks whether it is done."""
SCALE_SECONDS: Final = (0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""Between looks whether the ReplicaSet knows of the new scale."""
IDLE_GRACE_SECONDS: Final = 10
"""A pod of a pool has a quarter of an hour to end in, for the longest timeout. Where its container has just been restarted, the signal may
come before its process can take it, and nothing but the end of that time would end it."""
RESIZE_SECONDS: Final = 3.0
"""How long a node may take to say that it has no room."""

_log = logging.getLogger("lambent.activator.adoption")


class AdoptionMetrics(Protocol):
    """What is counted."""

    def adopted(self, outcome: str) -> None:
        """A pod was `moved`, found `moved_by_another`, `retired`, its `resize_refused`; or `calmed` after its initialisation."""


@dataclass(slots=True)
class _Move:
    pod: Identity
    revision: str
    moved: Callable[[], None]


@dataclass(slots=True)
class _Flight:
    pods: int = 0
    moves: list[_Move] = field(default_factory=list)


class _NobodysError(Exception):
    """The pod's function or revision is gone."""


class KubeAdopter:
    """`spec_of` gives a Function's spec as the watch has it; `handovers` hears how far each pod is."""

    def __init__(
        self,
        client: KubeClient,
        spec_of: Callable[[FunctionKey], FunctionSpec | None],
        cpu_request_percent: int,
        init_boost_millis: int,
        metrics: AdoptionMetrics,
        handovers: Handovers,
        backoff: Backoff | None = None,
        *,
        failed: Failed | None = None,
    ) -> None:
        self._client = client
        self._spec_of = spec_of
        self._percent = cpu_request_percent
        self._boost = init_boost_millis
        self._metrics = metrics
        self._handovers = handovers
        self._backoff = backoff or Backoff(first_seconds=0.05, longest_seconds=5.0)
        self._flights: dict[FunctionKey, _Flight] = {}
        self._tasks = KeyedTasks("handing a pod over", failed)

    def adopt(self, pod: Identity, function: FunctionKey, revision: str, pods: int, moved: Callable[[], None], *, pause: bool) -> None:
        """Returns at once. `pause`: another activator is likely to do it."""
        move = _Move(pod, revision, moved)
        self._handovers.took(function, pod.uid)
        if pause:
            self._begin(self._look_after(function, move, pods))
        else:
            self._add(function, move, pods)

    def calm(self, pod: Identity, function: FunctionKey) -> None:
        """A pod of the Deployment has initialised: its limit of CPU is what the function says from now on. Returns at once."""
        spec = self._spec_of(function)
        if spec is not None and is_boosted(spec, self._boost):
            self._begin(self._calm(pod, function.namespace, spec))

    async def _calm(self, pod: Identity, namespace: str, spec: FunctionSpec) -> None:
        if await self._insist(
            lambda: self._resize(pod, namespace, spec), "CPU limit not lowered", {"namespace": namespace, "pod": pod.pod}
        ):
            self._metrics.adopted("calmed")

    async def _insist(
        self,
        write: Callable[[], Awaitable[object]],
        failed: str,
        fields: dict[str, str],
        gone: tuple[type[KubeError], ...] = (NotFoundError,),
    ) -> bool:
        """Write until it is done; False where the pod is `gone`, or after TRIES."""
        for failures in range(1, TRIES):
            try:
                await write()
            except gone:
                return False
            except KubeError as error:
                _log.warning("%s, trying again: %s", failed, error, extra=fields)
                await asyncio.sleep(self._backoff.wait_seconds(failures, random.random()))  # noqa: S311 - jitter
            else:
                return True
        return False

    async def _resize(self, pod: Identity, namespace: str, spec: FunctionSpec) -> None:
        path = object_path("v1", "pods", namespace, pod.pod, "resize")
        await self._client.patch(path, adoption.build_resize(spec, self._percent), kind=STRATEGIC, field_manager=FIELD_MANAGER)

    def retire(self, pod: Identity, namespace: str, why: str) -> None:
        """Have a pod ended that runs nothing. Returns at once."""
        self._begin(self._retire(pod, namespace, why, IDLE_GRACE_SECONDS))

    async def close(self) -> None:
        """Give up what is under way; the other activators see to it."""
        await self._tasks.close()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.start(lambda: work)

    def _add(self, function: FunctionKey, move: _Move, pods: int) -> None:
        flight = self._flights.get(function)
        if flight is None:
            flight = self._flights[function] = _Flight()
            self._begin(self._fly(function, flight))
        flight.pods = max(flight.pods, pods)
        flight.moves.append(move)

    async def _look_after(self, function: FunctionKey, move: _Move, pods: int) -> None:
        """Another activator took it: see that it is done."""
        await asyncio.sleep(OTHERS_SECONDS * (1 + random.random()))  # noqa: S311 - spreads load
        try:
            if adoption.is_moved(await self._client.get(_pod_path(function.namespace, move.pod.pod)), function.name):
                self._moved(function, move, "moved_by_another")
                return
        except NotFoundError:
            self._drop(function, [move])
            return
        except KubeError:
            pass  # then it is looked at below, with patience
        self._add(function, move, pods)

    async def _fly(self, function: FunctionKey, flight: _Flight) -> None:
        failures = 0
        try:
            while flight.moves:
                await asyncio.sleep(CALM_SECONDS)
                moves, pods = flight.moves, flight.pods
                flight.moves = []
                try:
                    await self._move_all(function, moves, pods)
                except _NobodysError as error:
                    self._drop(function, moves)
                    for move in moves:
                        await self._retire(move.pod, function.namespace, str(error), None)
                except (KubeError, TimeoutError) as error:
                    failures += 1
                    if failures in (1, TRIES):
                        fields = {"namespace": function.namespace, "function": function.name, "failures": failures}
                        _log.warning("pods not handed over, trying again: %s", error, extra=fields)
                    if failures == TRIES:
                        self._drop(function, moves + flight.moves)
                        return
                    await asyncio.sleep(self._backoff.wait_seconds(failures, random.random()))  # noqa: S311 - jitter
                    flight.moves = moves + flight.moves
        finally:
            del self._flights[function]

    async def _move_all(self, function: FunctionKey, moves: list[_Move], pods: int) -> None:
        by_revision: dict[str, list[_Move]] = {}
        for move in moves:
            by_revision.setdefault(move.revision, []).append(move)
        spec = self._spec_of(function)
        if spec is None:
            raise _NobodysError(f"there is no Function {function.name} any more")
        for revision, group in by_revision.items():
            replica_set = await self._prepare(function, revision, pods, spec)
            gate = asyncio.Semaphore(AT_ONCE)

            async def move_one(move: _Move, replica_set: Json = replica_set, gate: asyncio.Semaphore = gate) -> None:
                async with gate:
                    await self._move(function, move, replica_set, spec)

            await asyncio.gather(*(move_one(move) for move in group))

    async def _prepare(self, function: FunctionKey, revision: str, pods: int, spec: FunctionSpec) -> Json:
        """Raise the scale; the ReplicaSet, once its controller has acted on it."""
        deployment = names.deployment(function.name)
        try:
            scale = await raise_scale(
                self._client, function.namespace, deployment, pods, spec.scaling.max_scale, field_manager=FIELD_MANAGER
            )
        except NotFoundError:
            raise _NobodysError(f"there is no Deployment {deployment}") from None
        path = collection_path("apps/v1", "replicasets", function.namespace)
        for pause in SCALE_SECONDS:
            page = await self._client.list(path, label_selector=f"{LABEL_FUNCTION}={function.name}")
            replica_set = adoption.find_replica_set(list(page.get("items") or ()), revision)
            if replica_set is None and pause >= SCALE_SECONDS[-1]:
                raise _NobodysError(f"revision {revision} has no ReplicaSet any more")
            if replica_set is not None and adoption.wants_pods(replica_set, min(pods, scale.replicas)):
                return dict(replica_set)
            await asyncio.sleep(pause)
        raise TimeoutError(f"the ReplicaSet of {deployment} does not want {pods} pods though its scale is {scale.replicas}")

    async def _move(self, function: FunctionKey, move: _Move, replica_set: Json, spec: FunctionSpec) -> None:
        path = _pod_path(function.namespace, move.pod.pod)
        try:
            await self._client.patch(path, adoption.build_claim(replica_set, move.pod.uid), kind=MERGE, field_manager=FIELD_MANAGER)
        except (NotFoundError, ConflictError):
            self._drop(function, [move])
            return  # it is gone; whoever waits for it sees its link break
        self._moved(function, move, "moved")
        problem = ""
        try:
            await self._resize(move.pod, function.namespace, spec)
        except NotFoundError:
            return
        except (ForbiddenError, InvalidError) as error:
            problem = error.message
        if problem:
            await self._refuse_resize(move.pod, function.namespace, problem)
        else:
            self._begin(self._look_at_resize(function, move.pod))

    def _moved(self, function: FunctionKey, move: _Move, outcome: str) -> None:
        move.moved()
        self._handovers.moved(function, move.pod.uid)
        self._metrics.adopted(outcome)

    def _drop(self, function: FunctionKey, moves: list[_Move]) -> None:
        for move in moves:
            self._handovers.dropped(function, move.pod.uid)

    async def _look_at_resize(self, function: FunctionKey, pod: Identity) -> None:
        await asyncio.sleep(RESIZE_SECONDS)
        try:
            problem = adoption.find_resize_problem(await self._client.get(_pod_path(function.namespace, pod.pod)))
        except KubeError:
            return
        if problem:
            await self._refuse_resize(pod, function.namespace, problem)

    async def _refuse_resize(self, pod: Identity, namespace: str, problem: str) -> None:
        self._metrics.adopted("resize_refused")
        await self._retire(pod, namespace, f"it cannot have the function's memory and CPU: {problem}", None)

    async def _retire(self, pod: Identity, namespace: str, why: str, grace_seconds: int | None) -> None:
        """`grace_seconds`: None for the pod's own, in which it finishes what it runs."""
        fields = {"namespace": namespace, "pod": pod.pod}
        path = _pod_path(namespace, pod.pod)

        async def end() -> None:
            await self._client.delete(path, uid=pod.uid, grace_period_seconds=grace_seconds)

        # A conflict: the name is another pod's by now.
        if await self._insist(end, "pod not ended", fields, gone=(NotFoundError, ConflictError)):
            self._metrics.adopted("retired")
            _log.info("pod of a pool ended: %s", why, extra=fields)


def _pod_path(namespace: str, name: str) -> str:
    return object_path("v1", "pods", namespace, name)
