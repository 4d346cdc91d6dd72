"""All that is known of one Function, pure: what activators said of it, what the API server said of it, and what was decided last."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from lambent.api.functions.scaling import Scaling
from lambent.autoscaler.functions.decision import Decision, Memory, Observed, Policy, Target, decide_scale, note_lowering, note_raise
from lambent.autoscaler.functions.windows import Window
from lambent.autoscaler.statistics import Report

FRESH_SECONDS: Final = 2.0
"""A report older than this says nothing about ready pods any more; the Deployment's status does."""
_LEAST_HOLD_SECONDS: Final = 15.0
_HOLD_MARGIN_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class FunctionView:
    """The little that the autoscaler keeps of a Function."""

    scaling: Scaling
    concurrency: int
    timeout_seconds: int
    proving: bool
    """Its first revision has not initialised yet, nor failed to."""
    broken: bool
    """Its first revision has failed to initialise."""

    @property
    def target(self) -> Target:
        """What is asked of it."""
        return Target(self.scaling, self.concurrency)


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """The little that the autoscaler keeps of a Deployment. `version` orders what is read with what was written."""

    name: str
    replicas: int
    ready: int
    version: int
    refused: bool = False
    """It lacks pods that a quota of its namespace has no room for."""


@dataclass(slots=True)
class _Source:
    """One activator's last word. Its concurrency has been counted up to `counted_until`."""

    concurrency: float
    queued: int
    ready: int
    at: float
    counted_until: float


class ObservedFunction:
    """State of one function; every method takes the time and returns at once."""

    __slots__ = (
        "_deployment",
        "_proving_since",
        "_queued_since",
        "_sources",
        "_view",
        "_windows",
        "decision",
        "invoked_at",
        "memory",
        "seen_at",
    )

    def __init__(self, now: float) -> None:
        self.seen_at = now
        """Since when there may be idle pods: the last time that anything pointed to an invocation."""
        self.invoked_at: float | None = None
        """When an invocation was last reported."""
        self.memory = Memory()
        self.decision: Decision | None = None
        self._view: FunctionView | None = None
        self._deployment: DeploymentView | None = None
        self._windows: tuple[Window, Window] | None = None
        self._sources: dict[str, _Source] = {}
        self._proving_since: float | None = None
        self._queued_since: float | None = None

    @property
    def deployment(self) -> DeploymentView | None:
        """As last read or written."""
        return self._deployment

    @property
    def known(self) -> bool:
        """Whether anything is left that makes it worth remembering."""
        return self._view is not None or self._deployment is not None

    @property
    def at_rest(self) -> bool:
        """Whether the last decision stands until somebody says something: it is at zero, and no time that passes will change that."""
        decision, deployment = self.decision, self._deployment
        return (
            decision is not None
            and deployment is not None
            and decision.desired == deployment.replicas == 0
            and not decision.panicking
            and not self._sources
            and self._proving_since is None
        )

    @property
    def max_scale(self) -> int:
        """The upper bound of its scale; 0 while the Function is not known."""
        return self._view.scaling.max_scale if self._view is not None else 0

    def set_view(self, view: FunctionView | None, now: float) -> None:
        """The Function as it is now; None: deleted."""
        before, self._view = self._view, view
        if view is None:
            self._proving_since = None
            return
        lengths = (float(view.scaling.stable_window_seconds), float(view.scaling.panic_window_seconds))
        if self._windows is None or tuple(window.seconds for window in self._windows) != lengths:
            self._windows = (Window(lengths[0]), Window(lengths[1]))
        if not view.proving:
            if before is not None and before.proving:
                self.seen_at = now  # its pods have just become able to serve: a whole idle period begins
            self._proving_since = None
        elif self._proving_since is None:
            self._proving_since = now

    def set_deployment(self, deployment: DeploymentView | None, now: float) -> None:
        """The Deployment as it is now; None: deleted. What is older than the last write is left aside."""
        before = self._deployment
        if deployment is None or before is None:
            self._deployment = deployment
            if deployment is not None and deployment.replicas > 0:
                self._note_raise(deployment.replicas, now)
            return
        if deployment.version < before.version:
            return
        self._deployment = deployment
        if deployment.replicas > before.replicas:
            self._note_raise(deployment.replicas, now)
        elif deployment.replicas < before.replicas:
            self.memory = note_lowering(self.memory, deployment.replicas)

    def applied(self, replicas: int, version: int, now: float, *, written: bool) -> None:
        """The scale after a write of ours, or as found where it was not ours to change."""
        before = self._deployment
        if before is None or version < before.version:
            return
        if written:
            self._deployment = replace(before, replicas=replicas, version=version)
        else:
            self.set_deployment(replace(before, replicas=replicas, version=version), now)

    def report(self, activator: str, report: Report, interval_seconds: float, now: float) -> None:
        """One activator's word on the last interval."""
        source = self._sources.get(activator)
        started = now - interval_seconds
        if source is None:
            source = self._sources[activator] = _Source(0.0, 0, self._ready(now), now, started)
        elif source.counted_until < started:
            self._count(source, started, source.concurrency)  # a push was lost: its word is taken to be that of the one before
        self._count(source, now, report.concurrency)
        source.concurrency, source.queued, source.ready, source.at = report.concurrency, report.queued, report.ready, now
        self._note_queue(now)
        if report.requests or report.queued or report.concurrency > 0:
            self.seen_at = now
        if report.requests:
            self.invoked_at = now

    def idle(self, activator: str) -> None:
        """An activator has pushed without a word on this function: nothing runs or waits there."""
        self._sources.pop(activator, None)
        if not any(source.queued for source in self._sources.values()):
            self._queued_since = None

    def observe(self, now: float, *, informed: bool) -> Observed | None:
        """Everything a decision needs; None while the Function or its Deployment is not known."""
        if self._view is None or self._deployment is None or self._windows is None:
            return None
        self._hold_silent(now, self._view)
        self._note_queue(now)
        ready = self._ready(now)
        busy = [source for source in self._sources.values() if source.concurrency > 0 or source.queued > 0]
        pending = [(source.counted_until, source.concurrency) for source in busy if source.ready > 0]
        stable, panic = self._windows
        idle_since = self.seen_at if self._deployment.replicas > 0 or self.invoked_at is not None else float("-inf")
        return Observed(
            stable_concurrency=stable.average(now, pending),
            panic_concurrency=panic.average(now, pending),
            ready=ready,
            replicas=self._deployment.replicas,
            in_flight=bool(busy),
            idle_seconds=now - idle_since,
            waiting=sum(max(source.concurrency, source.queued) for source in busy) if ready == 0 else 0.0,
            informed=informed,
            proving_seconds=None if self._proving_since is None else now - self._proving_since,
            broken=self._view.broken,
            queued_seconds=None if self._queued_since is None else now - self._queued_since,
        )

    def decide(self, now: float, policy: Policy, *, informed: bool) -> tuple[Observed, Decision] | None:
        """What is observed and what follows; None while too little is known."""
        observed = self.observe(now, informed=informed)
        if observed is None or self._view is None or self._windows is None:
            return None
        decision = decide_scale(now, observed, self._view.target, policy, self.memory)
        if decision.desired == 0 and observed.replicas > 0:
            for window in self._windows:  # the next burst is not averaged with the time before
                window.clear()
        self.memory, self.decision = decision.memory, decision
        return observed, decision

    def _ready(self, now: float) -> int:
        """Pods that take invocations: as activators see them, links, or else, when none has spoken lately, as the Deployment says."""
        fresh = [source.ready for source in self._sources.values() if now - source.at <= FRESH_SECONDS]
        if fresh:
            return max(fresh)
        return self._deployment.ready if self._deployment is not None else 0

    def _note_queue(self, now: float) -> None:
        """One that has fallen silent may be gone: nobody would start pods for what waits there."""
        if not any(source.queued > 0 and now - source.at <= FRESH_SECONDS for source in self._sources.values()):
            self._queued_since = None
        elif self._queued_since is None:
            self._queued_since = now

    def _note_raise(self, replicas: int, now: float) -> None:
        # Whoever raised it has work for it, or, after a restart of ours, it may have had some a moment ago.
        self.seen_at = now
        window = self._view.scaling.stable_window_seconds if self._view is not None else Scaling().stable_window_seconds
        self.memory = note_raise(self.memory, replicas, now, window)

    def _hold_silent(self, now: float, view: FunctionView) -> None:
        """An activator that has fallen silent may be cut off from us, with its invocations running: its last word holds for as long as one
        of them could take. After that it is gone, and its invocations with it."""
        hold = max(_LEAST_HOLD_SECONDS, view.timeout_seconds + _HOLD_MARGIN_SECONDS)
        for activator, source in list(self._sources.items()):
            if now - source.at > hold:
                del self._sources[activator]
            elif now - source.at > FRESH_SECONDS:
                self._count(source, now, source.concurrency)
                if source.concurrency > 0 or source.queued > 0:
                    self.seen_at = now

    def _count(self, source: _Source, until: float, concurrency: float) -> None:
        """Adds to the windows what an activator says of the time up to `until`, each moment once.

        Time that began without a ready pod was one of waiting for it: counted, it would look like a pod fully busy.
        """
        if self._windows is not None and source.ready > 0:
            for window in self._windows:
                window.add(source.counted_until, until, concurrency)
        source.counted_until = max(until, source.counted_until)
