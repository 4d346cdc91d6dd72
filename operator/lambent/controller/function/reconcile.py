"""One reconcile of a Function: observe, decide, carry out."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from lambent.api import conditions
from lambent.api.conditions import READY, REASON_NAMESPACE_LIMIT
from lambent.api.fields import InvalidSpecError
from lambent.api.functions.function import Function, parse_function
from lambent.api.group import FUNCTIONS
from lambent.api.namespace_limits import RAISED_BY
from lambent.controller.function.change_pace import ChangePace
from lambent.controller.function.children import Children, observe_write, unpack_children
from lambent.controller.function.decision import decide, decide_failed, decide_invalid
from lambent.controller.function.observation import build_observed, observe, read_function
from lambent.controller.function.resting import Resting, RestingFunctions, build_counts_patch, find_rest, plan_counts, tells_counts_alone
from lambent.controller.function.status_pace import StatusPace
from lambent.controller.resources.installation import Installation
from lambent.controller.writes.drift import Accepted
from lambent.controller.writes.execution import Executor, NameTakenError, RefusedError
from lambent.controller.writes.plan import WARNING, Notice, Observed, Plan
from lambent.controller.writes.views import Counts, view_object
from lambent.kube.client import Json, KubeClient
from lambent.kube.errors import KubeError

SOON_SECONDS: Final = 2.0
REFUSED_SECONDS: Final = 30.0
"""A write that was refused is tried again after the first of these, later after as long as it has been refused, at most the second: generic
pods give way to those that a quota refuses, and quotas and admission rules change without telling."""

TERMINATING: Final = "because it is being terminated"
"""Part of what the API server says to whoever creates something in a namespace that is being deleted."""


def _tell_nobody(_namespace: str, _name: str, _function: Function | None) -> None:
    return


def _within_bounds(_namespace: str, _name: str) -> str:
    return ""


class FunctionReconciler:
    """Reconciles Functions; remembers of each what the API server made of the last writes, and a few that are at rest."""

    def __init__(
        self,
        client: KubeClient,
        executor: Executor,
        installation: Installation,
        clock: Callable[[], datetime],
        seen: Callable[[str, str, Function | None], None] = _tell_nobody,
        why_beyond: Callable[[str, str], str] = _within_bounds,
    ) -> None:
        """`clock` gives the time in UTC; `seen` is told (namespace, name, Function) as last read, None where there is none to build.

        `why_beyond` says why a Function has no place in its namespace, nothing where it has one.
        """
        self._client = client
        self._executor = executor
        self._installation = installation
        self._clock = clock
        self._seen = seen
        self._why_beyond = why_beyond
        self._accepted: dict[tuple[str, str], dict[str, Accepted]] = {}
        self._resting = RestingFunctions()
        self._pace = StatusPace()
        self._changes = ChangePace(installation.changes_per_second)

    def knows(self, namespace: str, name: str) -> bool:
        """Whether that Function was there when last looked at."""
        return (namespace, name) in self._accepted

    def known(self) -> Iterable[tuple[str, str]]:
        """All Functions that were there when last looked at, by (namespace, name)."""
        return self._accepted.keys()

    def disturb(self, namespace: str, name: str) -> None:
        """There is news of a Function: its next reconcile reads everything."""
        self._resting.disturb((namespace, name))

    def change(self, namespace: str, name: str) -> None:
        """A user has changed a Function, or it is gone: its next reconcile reads what is not known to be as it was."""
        self._resting.change((namespace, name))

    def forget(self) -> None:
        """Events may have been missed: nothing is known to be as it was."""
        self._resting.forget()

    def note_gone(self, namespace: str, name: str) -> None:
        """A Function is gone: its end waits for nothing."""
        self._changes.forget((namespace, name))

    def compare(self, namespace: str, name: str, looks: int, counts: Counts) -> bool:
        """A Function's Deployment looks different, with this hash of `hash_deployment`. Whether a reconcile must follow."""
        return self._resting.compare((namespace, name), looks, counts)

    def hear(self, namespace: str, name: str, counts: Counts | None) -> bool:
        """A Deployment has other counts, these, or a pod that is well has changed (None). Whether a reconcile must follow."""
        return self._resting.hear((namespace, name), counts)

    async def reconcile(self, namespace: str, name: str) -> float | None:
        """One step; the seconds until the next look, None for not before something changes."""
        resting = self._resting.begin((namespace, name), self._clock())
        if resting is not None:
            return await self._follow_counts(namespace, name, resting)
        try:
            return self._changes.wait_seconds((namespace, name), self._clock()) or await self._look(namespace, name)
        finally:
            self._resting.end((namespace, name))

    async def _look(self, namespace: str, name: str) -> float | None:
        """Look at a Function and all that belongs to it, and bring it one step further."""
        remembered = self._resting.take_known((namespace, name))
        body = await read_function(self._client, namespace, name)
        if body is None:
            # Its children go by their owner references.
            self._accepted.pop((namespace, name), None)
            self._seen(namespace, name, None)
            return None
        accepted = self._accepted.setdefault((namespace, name), {})
        metadata = body["metadata"]
        if metadata.get("deletionTimestamp"):
            return None
        wait_seconds = self._changes.ask((namespace, name), int(metadata.get("generation") or 0), self._clock())
        if wait_seconds:
            await self._tell_wait(body, wait_seconds)
            return wait_seconds
        try:
            function = parse_function(body)
        except InvalidSpecError as error:
            self._seen(namespace, name, None)
            plan = decide_invalid(self._clock(), int(metadata.get("generation") or 0), body.get("status") or {}, str(error))
            await self._carry_out(body, plan)
            return plan.requeue_seconds
        self._seen(namespace, name, function)
        beyond = self._why_beyond(namespace, name)
        if beyond:
            stored = body.get("status") or {}
            await self._carry_out(body, decide_invalid(self._clock(), function.generation, stored, beyond, REASON_NAMESPACE_LIMIT))
            return None
        try:
            known = unpack_children(remembered.children, remembered.counts) if remembered is not None else None
            observed = await observe(self._client, function, body, accepted, known)
            return await self._step(body, observed)
        except KubeError:
            raise
        except Exception as error:
            await self._tell_defect(namespace, name, error)
            raise

    async def _tell_wait(self, body: Json, seconds: float) -> None:
        namespace, rate = body["metadata"]["namespace"], self._installation.changes_per_second
        if self._changes.is_to_be_told(namespace, seconds, self._clock()):
            message = (
                f"carried out in {seconds:.0f} s: of the Functions of the namespace {namespace} that were changed within the last minute, "
                f"{rate} a second are looked at; {RAISED_BY}.changesPerSecond"
            )
            await self._executor.tell(body, Notice(WARNING, "ChangePutOff", message))

    async def _follow_counts(self, namespace: str, name: str, resting: Resting) -> float | None:
        """Nothing but a Function's counts can have changed: nothing is read."""
        now = self._clock()
        left_seconds = resting.seconds_left(now)
        changes = plan_counts(now, resting)
        if changes is None:
            return left_seconds
        wait_seconds = self._pace.wait_seconds((namespace, name), now)
        if wait_seconds:
            return _sooner(wait_seconds, left_seconds)
        try:
            written = await self._executor.write_counts(FUNCTIONS, namespace, name, build_counts_patch(resting, changes))
        except BaseException:
            # What was remembered is wrong, or may be by now.
            self._resting.disturb((namespace, name))
            raise
        if written is None:
            self._resting.disturb((namespace, name))
            return 0.0
        self._pace.wrote((namespace, name), now)
        self._resting.wrote((namespace, name), written.get("status") or {})
        return left_seconds

    def review(self, body: Json, children: Children) -> bool:
        """Whether a Function that lists have shown asks for a reconcile; writes nothing, and knows the Function from now on."""
        metadata = body["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        accepted = self._accepted.setdefault((namespace, name), {})
        try:
            function = parse_function(body)
        except InvalidSpecError:
            return True
        self._seen(namespace, name, function)
        ready = function.status.condition(READY)
        told_beyond = ready is not None and ready.reason == REASON_NAMESPACE_LIMIT
        is_beyond = bool(self._why_beyond(namespace, name))
        if told_beyond or is_beyond:
            return told_beyond != is_beyond
        code = function.spec.code
        if (code is not None and code.config_map is not None) or len(children.code_maps) > 1:
            # What these ask for is in no list.
            return True
        return decide(self._clock(), build_observed(function, body, children, accepted), self._installation) != Plan()

    async def _step(self, body: Json, observed: Observed) -> float | None:
        """Decide and carry out. An announcement, which writes status alone, is followed at once by the step that it announces: what belongs
        to the Function is as it was read a moment ago, and each write names what it expects to find. What was written is not read again
        either: the API server's answers show it."""
        name = (observed.function.namespace, observed.function.name)
        now = self._clock()
        plan = decide(now, observed, self._installation)
        if tells_counts_alone(observed.stored_status, plan) and (wait_seconds := self._pace.wait_seconds(name, now)):
            self._resting.rest(name, find_rest(now, observed.function, observed.stored_status, observed, plan))
            return _sooner(wait_seconds, plan.requeue_seconds)
        try:
            written, after = await self._carry_out(body, plan, observed)
            if written is not None and not plan.writes and plan.requeue_seconds == 0.0:
                function = parse_function(written)
                observed = replace(observed, function=function, stored_status=written.get("status") or {})
                body, plan = written, decide(self._clock(), observed, self._installation)
                written, after = await self._carry_out(body, plan, observed)
        except RefusedError as refused:
            return await self._tell_refusal(body, observed, refused)
        except NameTakenError as taken:
            plan = decide(now, replace(observed, met=(taken.kind, view_object(taken.body))), self._installation)
            await self._carry_out(body, plan)
            return plan.requeue_seconds
        if after is not None and (plan.status is None or written is not None):
            function = parse_function(written) if written is not None else observed.function
            stored = (written or body).get("status") or {}
            after = replace(after, function=function, stored_status=stored)
            following = decide(now, after, self._installation) if plan.writes else plan
            if not plan.writes or following == Plan(requeue_seconds=plan.requeue_seconds):
                self._resting.rest(name, find_rest(now, function, stored, after, following))
        return plan.requeue_seconds

    async def _carry_out(self, body: Json, plan: Plan, observed: Observed | None = None) -> tuple[Json | None, Observed | None]:
        """Return the Function with the status that was written, None where none was; and what a look would show after all writes."""
        metadata = body["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        for write in plan.writes:
            done = await self._executor.write(namespace, write)
            if done.accepted is not None:
                self._accepted.setdefault((namespace, name), {})[write.kind] = done.accepted
            observed = observe_write(observed, write, done.body) if observed is not None else None
        written = await self._executor.write_status(FUNCTIONS, body, plan.status) if plan.status is not None else None
        if written is not None:
            self._pace.wrote((namespace, name), self._clock())
        for notice in plan.notices:
            await self._executor.tell(body, notice)
        return written, observed

    async def _tell_defect(self, namespace: str, name: str, error: Exception) -> None:
        """Say in the status that the controller itself has failed: whoever waits for the Function must not wait in the dark."""
        with contextlib.suppress(KubeError):
            # Something may have been written before it failed.
            body = await read_function(self._client, namespace, name)
            if body is not None:
                generation = int(body["metadata"].get("generation") or 0)
                await self._carry_out(body, decide_failed(self._clock(), generation, body.get("status") or {}, error))

    async def _tell_refusal(self, body: Json, observed: Observed, refused: RefusedError) -> float:
        if TERMINATING in refused.message:
            # The namespace goes, and the Function with it.
            return REFUSED_SECONDS
        told = decide(self._clock(), replace(observed, refused={refused.kind: refused.message}), self._installation)
        # The status of the same step, without its writes: none of them is said to have happened.
        status = {key: value for key, value in (told.status or {}).items() if key != "readyRevision"}
        await self._carry_out(body, replace(told, writes=(), status=status or None))
        return _again_seconds(self._clock(), observed)


def _again_seconds(now: datetime, observed: Observed) -> float:
    ready = observed.function.status.condition(conditions.READY)
    if ready is None or ready.status != conditions.FALSE or not ready.last_transition_time:
        return SOON_SECONDS
    elapsed = (now - datetime.fromisoformat(ready.last_transition_time)).total_seconds()
    return min(REFUSED_SECONDS, max(SOON_SECONDS, elapsed))


def _sooner(seconds: float, other: float | None) -> float:
    return seconds if other is None else min(seconds, other)
