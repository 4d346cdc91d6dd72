"""Writes how a revision initialised into its Function's status, where that says something new."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from functools import partial

from lambent.activator.admission.model import FunctionKey
from lambent.api.functions.status import Initialization
from lambent.api.group import API_VERSION, FUNCTIONS
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
LONGEST_PAUSE_SECONDS = 60.0
MAX_MESSAGE = 8192
MAX_TRACE_LINES = 60

_log = logging.getLogger("lambent.activator.links.initialization")


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
        pause_seconds: float = 1.0,
    ) -> None:
        """`pause_seconds` pass after the first write of a revision's outcome, twice as many after each further one."""
        self._client = client
        self._known = known
        self._revisions = revisions
        self._backoff = backoff or Backoff(first_seconds=0.05, longest_seconds=2.0)
        self._pending: dict[FunctionKey, Initialization] = {}
        self._changed: dict[FunctionKey, asyncio.Event] = {}
        self._pause_seconds = pause_seconds
        self._tasks = KeyedTasks("reporting an initialisation", failed)

    def report(self, function: FunctionKey, outcome: Initialization) -> None:
        """Returns at once. The last outcome of a function is written, what came before it and was not written yet is not.

        But a revision that has initialised is proved, whatever becomes of another of its pods.
        """
        pending = self._pending.get(function)
        if pending is not None and is_proved(outcome, pending):
            return
        self._pending[function] = outcome
        if function in self._changed:
            self._changed[function].set()
        self._tasks.start(partial(self._work, function), function)

    async def close(self) -> None:
        """Give up what is under way."""
        await self._tasks.close()

    async def _work(self, function: FunctionKey) -> None:
        """Write the outcomes of a function, the later the more there are of one revision: pods say them, and may say what they like."""
        writes = 0
        try:
            while (written := await self._write(function)) is not None:
                await self._pause(function, written, min(LONGEST_PAUSE_SECONDS, self._pause_seconds * 2.0**writes))
                writes += 1
                if self._pending[function] is written:
                    break
        finally:
            del self._pending[function]

    async def _pause(self, function: FunctionKey, written: Initialization, seconds: float) -> None:
        """Another revision's outcome does not wait: revisions are not the pods' to make."""
        changed = self._changed[function] = asyncio.Event()
        try:
            async with asyncio.timeout(seconds):
                while self._pending[function].revision == written.revision:
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            return
        finally:
            del self._changed[function]

    async def _write(self, function: FunctionKey) -> Initialization | None:
        """What was written of the last outcome; None where there was nothing to write, or no way to."""
        failures = 0
        looks = 0
        while failures < TRIES:
            outcome = self._pending[function]
            if not is_wanted(outcome, self._revisions(function)):
                looks += 1
                if looks == WATCH_TRIES:
                    return None
                await asyncio.sleep(self._backoff.wait_seconds(looks, random.random()))  # noqa: S311 - jitter
                continue
            if not is_news(outcome, self._known(function), self._revisions(function)):
                return None
            path = object_path(API_VERSION, FUNCTIONS, function.namespace, function.name, "status")
            try:
                await self._client.patch(
                    path, {"status": {"initialization": shorten(outcome).to_dict()}}, kind=MERGE, field_manager=FIELD_MANAGER
                )
            except NotFoundError:
                return None
            except KubeError as error:
                failures += 1
                if failures in (1, TRIES):
                    fields = {"namespace": function.namespace, "function": function.name, "failures": failures}
                    _log.warning("initialisation not reported: %s", error, extra=fields)
                await asyncio.sleep(self._backoff.wait_seconds(failures, random.random()))  # noqa: S311 - jitter
            else:
                return outcome
        return None


def is_wanted(outcome: Initialization, revisions: tuple[str, str] | None) -> bool:
    """Whether an outcome is of a revision that is asked for or serves, as far as the watch knows."""
    return revisions is None or not revisions[0] or outcome.revision in revisions


def is_proved(outcome: Initialization, known: Initialization) -> bool:
    """Whether an outcome is the failure of a revision that is known to initialise: one pod's trouble, and no word on the code."""
    return not outcome.succeeded and known.succeeded and outcome.revision == known.revision


def is_news(outcome: Initialization, known: Initialization | None, revisions: tuple[str, str] | None) -> bool:
    """Whether an outcome is worth a write.

    It is not where it is known, or of a revision that is neither asked for nor serving, or the failure of one that has initialised. A
    success of the serving revision says nothing beside what is known of a newer one, whose outcome must stay for the controller to read.
    """
    if not is_wanted(outcome, revisions):
        return False
    if revisions is not None:
        latest, _ = revisions
        if latest and outcome.revision != latest and known is not None and known.revision == latest:
            return False
    if known is None or known.revision != outcome.revision:
        return True
    if is_proved(outcome, known):
        return False
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
