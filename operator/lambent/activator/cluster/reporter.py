"""Writes how a revision initialised into its Function's status, where that says something new."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from functools import partial

from lambent.activator.admission.model import FunctionKey
from lambent.api.group import API_VERSION, FUNCTIONS
from lambent.api.status import Initialization
from lambent.kube.backoff import Backoff
from lambent.kube.client import MERGE, KubeClient
from lambent.kube.errors import KubeError, NotFoundError
from lambent.kube.paths import object_path
from lambent.tasks.keyed import KeyedTasks
from lambent.tasks.supervisor import Failed

FIELD_MANAGER = "lambent-activator"
TRIES = 10
WATCH_TRIES = 8
"""How often an outcome of a revision that the watch does not name is looked at again: the watch may be behind."""
MAX_MESSAGE = 8192
MAX_TRACE_LINES = 60

_log = logging.getLogger("lambent.activator.initialization")


class KubeReporter:
    """`known` gives what the watch has last shown, `latest` the revision that is asked for and that which serves."""

    def __init__(
        self,
        client: KubeClient,
        known: Callable[[FunctionKey], Initialization | None],
        revisions: Callable[[FunctionKey], tuple[str, str] | None],
        backoff: Backoff | None = None,
        *,
        failed: Failed | None = None,
    ) -> None:
        self._client = client
        self._known = known
        self._revisions = revisions
        self._backoff = backoff or Backoff(first_seconds=0.05, longest_seconds=2.0)
        self._pending: dict[FunctionKey, Initialization] = {}
        self._tasks = KeyedTasks("reporting an initialisation", failed)

    def report(self, function: FunctionKey, outcome: Initialization) -> None:
        """Returns at once. The last outcome of a function is written, what came before it and was not written yet is not."""
        self._pending[function] = outcome
        self._tasks.start(partial(self._write, function), function)

    async def close(self) -> None:
        """Give up what is under way."""
        await self._tasks.close()

    async def _write(self, function: FunctionKey) -> None:
        failures = 0
        looks = 0
        while failures < TRIES:
            outcome = self._pending[function]
            if not is_wanted(outcome, self._revisions(function)):
                looks += 1
                if looks == WATCH_TRIES:
                    break
                await asyncio.sleep(self._backoff.wait_seconds(looks, random.random()))  # noqa: S311 - jitter
                continue
            if not is_news(outcome, self._known(function), self._revisions(function)):
                break
            path = object_path(API_VERSION, FUNCTIONS, function.namespace, function.name, "status")
            try:
                await self._client.patch(
                    path, {"status": {"initialization": shorten(outcome).to_dict()}}, kind=MERGE, field_manager=FIELD_MANAGER
                )
            except NotFoundError:
                break
            except KubeError as error:
                failures += 1
                if failures in (1, TRIES):
                    fields = {"namespace": function.namespace, "function": function.name, "failures": failures}
                    _log.warning("initialisation not reported: %s", error, extra=fields)
                await asyncio.sleep(self._backoff.wait_seconds(failures, random.random()))  # noqa: S311 - jitter
            else:
                if self._pending[function] is outcome:
                    break
        del self._pending[function]


def is_wanted(outcome: Initialization, revisions: tuple[str, str] | None) -> bool:
    """Whether an outcome is of a revision that is asked for or serves, as far as the watch knows."""
    return revisions is None or not revisions[0] or outcome.revision in revisions


def is_news(outcome: Initialization, known: Initialization | None, revisions: tuple[str, str] | None) -> bool:
    """Whether an outcome is worth a write.

    It is not where it is known, or of a revision that is neither asked for nor serving. A success of the serving revision says nothing
    beside what is known of a newer one: the newer one's outcome must stay for the controller to read.
    """
    if not is_wanted(outcome, revisions):
        return False
    if revisions is not None:
        latest, _ = revisions
        if latest and outcome.revision != latest and known is not None and known.revision == latest:
            return False
    if known is None or known.revision != outcome.revision:
        return True
    same_outcome = known.outcome == outcome.outcome
    # Each pod takes its own time: the duration alone is no news.
    return not (same_outcome and known.error_type == outcome.error_type and known.error_message == outcome.error_message[:MAX_MESSAGE])


def shorten(outcome: Initialization) -> Initialization:
    """As much of it as a status should hold."""
    return Initialization(
        revision=outcome.revision,
        outcome=outcome.outcome,
        duration_ms=outcome.duration_ms,
        error_type=outcome.error_type[:256],
        error_message=outcome.error_message[:MAX_MESSAGE],
        stack_trace=tuple(line[:1024] for line in outcome.stack_trace[-MAX_TRACE_LINES:]),
        traceback=tuple(line[:1024] for line in outcome.traceback[-MAX_TRACE_LINES:]),
    )
