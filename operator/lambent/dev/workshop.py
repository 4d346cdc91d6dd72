"""What Kubernetes and the controller are in a cluster: keeps as many processes per function as are asked for, of the revision that serves.

A changed function is proved before it serves: its new revision is started beside the old one and takes over once it has initialised, so
that a slip of the pen never stops what worked. Requests go on all the while.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from lambent.activator.admission.model import FunctionKey
from lambent.activator.catalog.catalog import Configuration
from lambent.api.conditions import READY, REASON_DEPLOYING, REASON_INITIALIZATION_FAILED, REASON_INVALID_SPEC, REASON_READY, Condition
from lambent.api.functions.function import Function
from lambent.api.functions.status import FunctionStatus, Initialization
from lambent.api.triggers.claims import HostClaims, Name
from lambent.dev.manifests import Manifests
from lambent.dev.processes import ShimProcess
from lambent.dev.revision import Revision, UnservedError, build_revision

Say = Callable[[str], None]
StartShim = Callable[[Revision, int], Coroutine[Any, Any, ShimProcess]]
RESTART_SECONDS = 1.0
KILL_SECONDS = 5.0
"""By then the kernel has ended what was killed."""


@dataclass(slots=True)
class _Kept:
    """One function: what was asked for last, what serves, and its processes."""

    function: Function
    latest: Revision | None = None
    serving: Revision | None = None
    problem: str = ""
    initialization: Initialization | None = None
    wanted: int = 0
    idle_since: float | None = None
    processes: list[ShimProcess] = field(default_factory=list)
    starting: int = 0
    crashes: int = 0


class Workshop:
    """Provisioner and initialisation reporter of a local activator."""

    def __init__(self, start_shim: StartShim, say: Say) -> None:
        self.configuration: Configuration | None = None
        self._start_shim = start_shim
        self._say = say
        self._kept: dict[FunctionKey, _Kept] = {}
        self._processes: set[ShimProcess] = set()
        """All there are, those of functions that were removed too."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()
        self._number = 0
        self._refused: dict[Name, str] = {}

    # From the folder

    def take(self, manifests: Manifests) -> None:
        """The folder as it is now."""
        for key in [key for key in self._kept if tuple(key) not in manifests.functions]:
            self._remove(key)
        for (namespace, name), function in manifests.functions.items():
            self._put(FunctionKey(namespace, name), function, manifests)
        if self.configuration is not None:
            self.configuration.replace_grants(manifests.grants.values())
            self.configuration.replace_triggers(manifests.triggers.values())
            self._tell_refusals(self.configuration.claims)

    def _tell_refusals(self, claims: HostClaims) -> None:
        """Say once of each Trigger why nothing reaches it."""
        refused = {claim.trigger: refusal.message for claim in claims.claims() if (refusal := claims.refusal(claim)) is not None}
        for (_, name), message in refused.items() - self._refused.items():
            self._say(f"Trigger {name}: {message}")
        self._refused = refused

    def _put(self, key: FunctionKey, function: Function, manifests: Manifests) -> None:
        kept = self._kept.get(key)
        new = kept is None
        if kept is None:
            kept = self._kept[key] = _Kept(function)
        kept.function = function
        try:
            revision = build_revision(function, manifests)
        except UnservedError as error:
            if kept.problem != str(error):
                kept.problem = str(error)
                self._say(f"{key.name}: {error}")
            self._publish(key, kept)
            return
        kept.problem = ""
        if kept.latest is not None and kept.latest.name == revision.name:
            # Scaling and URL settings are no new revision, but count at once.
            kept.latest = replace(kept.latest, function=function)
            self._publish(key, kept)
            self._fill(key, kept)
            return
        kept.latest = revision
        kept.initialization = None
        kept.crashes = 0
        if not new:
            self._say(f"{key.name}: changed, starting revision {revision.name}")
        for process in kept.processes:
            if kept.serving is None or process.revision.name != kept.serving.name:
                process.stop()
        if function.spec.scaling.initial_scale == 0:
            self._serve(key, kept)
            return
        self._publish(key, kept)
        # Proof: one process of the new revision, whatever the scale.
        self._start(key, kept, revision)

    def _remove(self, key: FunctionKey) -> None:
        kept = self._kept.pop(key)
        self._say(f"{key.name}: removed")
        if self.configuration is not None:
            self.configuration.remove_function(key)
        for process in kept.processes:
            process.stop()

    # From the activator

    def raise_to(self, function: FunctionKey, replicas: int) -> None:
        """Start processes until there are so many."""
        kept = self._kept.get(function)
        if kept is not None:
            kept.wanted = max(kept.wanted, min(replicas, kept.function.spec.scaling.max_scale))
            kept.idle_since = None
            self._fill(function, kept)

    def raised_at(self, function: FunctionKey) -> float | None:  # noqa: ARG002
        """Processes are started at once."""
        return None

    def report(self, function: FunctionKey, outcome: Initialization) -> None:
        """A process has initialised, or not."""
        kept = self._kept.get(function)
        if kept is None or kept.latest is None or outcome.revision != kept.latest.name:
            return
        known = kept.initialization
        kept.initialization = outcome
        if outcome.succeeded and (kept.serving is None or kept.serving.name != kept.latest.name):
            self._serve(function, kept)
        elif not outcome.succeeded:
            if known is None or known.succeeded:
                staying = "; the revision before it serves on" if kept.serving is not None and kept.serving is not kept.latest else ""
                self._say(f"{function.name}: {outcome.error_type}: {outcome.error_message}{staying}")
            self._publish(function, kept)
            if kept.serving is not None and kept.serving is not kept.latest:
                self._stop(kept, kept.latest)

    # Scale

    def rest(self, now: float, busy: Callable[[FunctionKey], bool]) -> None:
        """Idle functions go to minScale, after their own idle time; call about once a second."""
        for key, kept in self._kept.items():
            least = kept.function.spec.scaling.min_scale
            if busy(key) or not kept.processes:
                kept.idle_since = None
                continue
            kept.idle_since = kept.idle_since or now
            # Where nothing serves yet, what failed to initialise stays as long, to be tried again.
            revision = kept.serving or kept.latest
            serving = [process for process in kept.processes if process.alive and process.revision is revision]
            if now - kept.idle_since >= kept.function.spec.scaling.scale_to_zero_after_seconds and len(serving) > least:
                kept.wanted = least
                self._say(f"{key.name}: idle, {'no process is left' if least == 0 else f'{least} left'}")
                for process in serving[least:]:
                    process.stop()

    async def close(self, grace_seconds: float) -> None:
        """Stop every process, those that are being started too; kill what does not end in time."""
        self._closing.set()
        for process in self._processes:
            process.stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_seconds)
        for process in self._processes:
            process.kill()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=KILL_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # Inside

    def _serve(self, key: FunctionKey, kept: _Kept) -> None:
        """The latest revision takes over; what runs of others is answered and ends."""
        before, kept.serving = kept.serving, kept.latest
        if before is not None and kept.latest is not None:
            kept.wanted = max(kept.wanted, 1)
            self._say(f"{key.name}: revision {kept.latest.name} serves")
        self._publish(key, kept)
        for process in kept.processes:
            if process.revision is not kept.latest:
                process.stop()
        self._fill(key, kept)

    def _stop(self, kept: _Kept, revision: Revision) -> None:
        for process in kept.processes:
            if process.revision is revision:
                process.stop()

    def _fill(self, key: FunctionKey, kept: _Kept) -> None:
        """As many processes of the serving revision as are wanted; before anything serves, one to prove it."""
        revision = kept.serving or kept.latest
        if revision is None or kept.problem:
            return
        wanted = max(kept.wanted, kept.function.spec.scaling.min_scale)
        there = sum(process.alive and process.revision is revision for process in kept.processes) + kept.starting
        for _ in range(max(0, wanted - there)):
            self._start(key, kept, revision)

    def _start(self, key: FunctionKey, kept: _Kept, revision: Revision) -> None:
        if self._closing.is_set():
            return
        kept.starting += 1
        self._number += 1
        task = asyncio.get_running_loop().create_task(self._run(key, kept, revision, self._number))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, key: FunctionKey, kept: _Kept, revision: Revision, number: int) -> None:
        """One process's life."""
        try:
            process = await self._start_shim(revision, number)
        except OSError as error:
            self._say(f"{key.name}: its process does not start: {error}")
            return
        finally:
            kept.starting -= 1
        kept.processes.append(process)
        self._processes.add(process)
        if self._closing.is_set() or self._kept.get(key) is not kept or revision not in (kept.serving, kept.latest):
            process.stop()
        expected = False
        try:
            status = await asyncio.shield(process.ended)
            expected = not process.alive and status == 0
        finally:
            kept.processes.remove(process)
            self._processes.discard(process)
        if not expected and self._kept.get(key) is kept and not self._closing.is_set():
            kept.crashes += 1
            self._say(f"{key.name}: {process.name} ended with status {status}")
            with suppress(TimeoutError):
                async with asyncio.timeout(RESTART_SECONDS * min(kept.crashes, 10)):
                    await self._closing.wait()
        if self._kept.get(key) is kept and revision is kept.serving:
            self._fill(key, kept)

    def _publish(self, key: FunctionKey, kept: _Kept) -> None:
        """The function with the status that a controller would give it."""
        if self.configuration is not None and self._kept.get(key) is kept:
            self.configuration.put_function(replace(kept.function, status=build_status(kept)))


def build_status(kept: _Kept) -> FunctionStatus:
    """Pure: contract "Revisions", as far as routing and admission read it."""
    latest = kept.latest.name if kept.latest is not None else ""
    ready = kept.serving.name if kept.serving is not None else ""
    if kept.problem:
        condition = Condition(READY, "False", REASON_INVALID_SPEC, kept.problem)
    elif kept.initialization is not None and not kept.initialization.succeeded:
        condition = Condition(READY, "False", REASON_INITIALIZATION_FAILED, kept.initialization.error_message)
    elif latest == ready:
        condition = Condition(READY, "True", REASON_READY)
    else:
        condition = Condition(READY, "False", REASON_DEPLOYING, "the new revision is being proved")
    return FunctionStatus(conditions=(condition,), latest_revision=latest, ready_revision=ready, initialization=kept.initialization)
