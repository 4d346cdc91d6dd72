"""One reconcile of a Trigger: what it asks for, and its status. Routing is the activators', by the same claims."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import datetime

from lambent.api.conditions import REASON_NAMESPACE_LIMIT
from lambent.api.fields import InvalidSpecError
from lambent.api.group import API_VERSION, TRIGGERS
from lambent.api.triggers.claims import Claim, Name, Refusal
from lambent.api.triggers.trigger import Trigger, parse_trigger
from lambent.controller.function.decision import decide_failed
from lambent.controller.function.observation import read_function
from lambent.controller.trigger.decision import ObservedTrigger, decide_invalid_trigger, decide_trigger
from lambent.controller.trigger.index import TriggerIndex
from lambent.controller.writes.execution import Executor
from lambent.controller.writes.plan import Plan
from lambent.kube.client import Json, KubeClient
from lambent.kube.errors import KubeError, NotFoundError
from lambent.kube.paths import object_path


class TriggerReconciler:
    """Reconciles Triggers; `requeue` is told of others whose standing has changed with one."""

    def __init__(
        self,
        client: KubeClient,
        executor: Executor,
        index: TriggerIndex,
        clock: Callable[[], datetime],
        requeue: Callable[[Name], None],
        why_beyond: Callable[[str, str], str] = lambda _namespace, _name: "",
        knows_function: Callable[[str, str], bool] = lambda _namespace, _name: False,
    ) -> None:
        """`why_beyond` says why a Trigger has no place in its namespace, nothing where it has one. `knows_function` says whether a Function
        is known to be there; another is looked for."""
        self._client = client
        self._executor = executor
        self._index = index
        self._clock = clock
        self._requeue = requeue
        self._why_beyond = why_beyond
        self._knows_function = knows_function

    async def reconcile(self, namespace: str, name: str) -> bool:
        """Bring the index and the status up to date; whether the Trigger is there."""
        body = await self._read(namespace, name)
        if body is None or body["metadata"].get("deletionTimestamp"):
            self._tell(self._index.drop((namespace, name)))
            return False
        stored = body.get("status") or {}
        try:
            trigger = parse_trigger(body)
        except InvalidSpecError as error:
            self._tell(self._index.drop((namespace, name)))
            plan = decide_invalid_trigger(self._clock(), int(body["metadata"].get("generation") or 0), stored, str(error))
            await self._carry_out(body, plan)
            return True
        try:
            await self._judge(body, trigger)
        except KubeError:
            raise
        except Exception as error:
            # A defect: whoever waits for the Trigger must not wait in the dark.
            with contextlib.suppress(KubeError):
                await self._carry_out(body, decide_failed(self._clock(), trigger.generation, stored, error))
            raise
        return True

    async def _judge(self, body: Json, trigger: Trigger) -> None:
        namespace, name = trigger.namespace, trigger.name
        beyond = self._why_beyond(namespace, name)
        self._tell(self._index.put(trigger, asks=not beyond))
        function = trigger.spec.function
        exists = self._knows_function(namespace, function) or await read_function(self._client, namespace, function) is not None
        claims = self._index.claims
        claim = claims.find((namespace, name))
        if claim is not None:
            await self._look_at_rivals(claim)
        refusal = claims.refusal(claim) if claim is not None else None
        if beyond:
            refusal = Refusal(REASON_NAMESPACE_LIMIT, beyond)
        contender = claims.contender(claim) if claim is not None and refusal is None else None
        observed = ObservedTrigger(trigger, body.get("status") or {}, exists, refusal, contender)
        await self._carry_out(body, decide_trigger(self._clock(), observed))

    async def _look_at_rivals(self, claim: Claim) -> None:
        """Forget those for whose sake a claim would be refused and that are gone: the event of their end may have been missed."""
        while (rival := self._index.claims.rival(claim)) is not None:
            body = await self._read(*rival)
            if body is not None and not body["metadata"].get("deletionTimestamp"):
                return
            self._tell(self._index.drop(rival))

    async def _carry_out(self, body: Json, plan: Plan) -> None:
        if plan.status is not None:
            await self._executor.write_status(TRIGGERS, body, plan.status)
        for notice in plan.notices:
            await self._executor.tell(body, notice)

    async def _read(self, namespace: str, name: str) -> Json | None:
        try:
            return await self._client.get(object_path(API_VERSION, TRIGGERS, namespace, name))
        except NotFoundError:
            return None

    def _tell(self, triggers: set[Name]) -> None:
        for trigger in triggers:
            self._requeue(trigger)
