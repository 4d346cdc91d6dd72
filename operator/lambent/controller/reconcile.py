"""One reconcile of a Function: observe, decide, carry out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from lambent.api.fields import InvalidSpecError
from lambent.api.function import Function, parse_function
from lambent.api.group import FUNCTIONS
from lambent.controller.decision import decide, decide_invalid
from lambent.controller.drift import Accepted
from lambent.controller.execution import Executor, RefusedError
from lambent.controller.observation import observe, read_function
from lambent.controller.options import Installation
from lambent.controller.plan import Observed, Plan
from lambent.kube.client import Json, KubeClient

REFUSED_SECONDS: Final = 30.0
"""How soon a write that was refused is tried again: quotas and admission rules change without telling."""

TERMINATING: Final = "because it is being terminated"
"""Part of what the API server says to whoever creates something in a namespace that is being deleted."""


def _tell_nobody(_namespace: str, _name: str, _function: Function | None) -> None:
    return


class FunctionReconciler:
    """Reconciles Functions; remembers of each only what the API server made of the last writes."""

    def __init__(
        self,
        client: KubeClient,
        executor: Executor,
        installation: Installation,
        clock: Callable[[], datetime],
        seen: Callable[[str, str, Function | None], None] = _tell_nobody,
    ) -> None:
        """`clock` gives the time in UTC; `seen` is told (namespace, name, Function) as last read, None where there is none to build."""
        self._client = client
        self._executor = executor
        self._installation = installation
        self._clock = clock
        self._seen = seen
        self._accepted: dict[tuple[str, str], dict[str, Accepted]] = {}

    def knows(self, namespace: str, name: str) -> bool:
        """Whether that Function was there when last looked at."""
        return (namespace, name) in self._accepted

    async def reconcile(self, namespace: str, name: str) -> float | None:
        """One step; the seconds until the next look, None for not before something changes."""
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
        try:
            function = parse_function(body)
        except InvalidSpecError as error:
            self._seen(namespace, name, None)
            plan = decide_invalid(self._clock(), int(metadata.get("generation") or 0), body.get("status") or {}, str(error))
            return await self._carry_out(body, plan)
        self._seen(namespace, name, function)
        observed = await observe(self._client, function, body, accepted)
        plan = decide(self._clock(), observed, self._installation)
        try:
            return await self._carry_out(body, plan)
        except RefusedError as refused:
            return await self._tell_refusal(body, observed, refused)

    async def _carry_out(self, body: Json, plan: Plan) -> float | None:
        metadata = body["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        for write in plan.writes:
            accepted = await self._executor.write(namespace, write)
            if accepted is not None:
                self._accepted.setdefault((namespace, name), {})[write.kind] = accepted
        if plan.status is not None:
            await self._executor.write_status(FUNCTIONS, body, plan.status)
        for notice in plan.notices:
            await self._executor.tell(body, notice)
        return plan.requeue_seconds

    async def _tell_refusal(self, body: Json, observed: Observed, refused: RefusedError) -> float:
        if TERMINATING in refused.message:
            # The namespace goes, and the Function with it.
            return REFUSED_SECONDS
        told = decide(self._clock(), replace(observed, refused={refused.kind: refused.message}), self._installation)
        # The status of the same step, without its writes: none of them is said to have happened.
        status = {key: value for key, value in (told.status or {}).items() if key != "readyRevision"}
        await self._carry_out(body, replace(told, writes=(), status=status or None))
        return REFUSED_SECONDS
