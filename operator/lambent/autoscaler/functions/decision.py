"""How many pods a function should have, pure: Knative's KPA with Lambent's scale to zero.

    desired = ceil(observed concurrency / (concurrency × target utilisation))

over a stable window, or over a short panic window while a burst is on. Source: Knative documentation, "Autoscaling concepts", and the
behaviour of pkg/autoscaler/scaling; docs/scaling.md tells it with examples.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, floor
from typing import Final

from lambent.api.functions.scaling import Scaling

PROVING_SECONDS: Final = 610.0
"""A first revision's pods may take so long to initialise (pulling an image) before the idle rule applies to them; Knative's own limit."""

LEAVE_SECONDS: Final = 1.0
"""For so long the activators that hold waiting invocations are left alone with starting pods for them: they know the pool, and pace."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What is the same for all functions."""

    max_scale_up_rate: float = 1000.0
    """At most so many times the ready pods at once."""
    max_scale_down_rate: float = 2.0
    """At least the ready pods divided by this stay."""
    scale_down_delay_seconds: float = 0.0
    """A lower scale must have been desired for so long before it is applied."""
    starts_at_once: int = 1000
    """Pods of one function that may start at the same time; as many as are ready, where those are more and nobody waits."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked of one function."""

    scaling: Scaling
    concurrency: int
    """Slots of a pod."""

    @property
    def per_pod(self) -> float:
        """Concurrency aimed at for each pod."""
        return self.concurrency * self.scaling.target_utilization


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known of one function now."""

    stable_concurrency: float
    panic_concurrency: float
    ready: int
    """Pods that take invocations."""
    replicas: int
    """`spec.replicas` of the Deployment."""
    in_flight: bool
    """Whether any activator's last word was that invocations run or wait; one that has fallen silent counts with its last word."""
    idle_seconds: float
    """Since the last sign of an invocation, or since there are pods without one."""
    waiting: float
    """Invocations that wait while no pod is ready; 0 once there is one."""
    informed: bool
    """Whether activators have been heard of lately: without them, nothing is known to be idle."""
    proving_seconds: float | None = None
    """How long a first revision has been waiting for the outcome of its initialisation; None where there is nothing to wait for."""
    broken: bool = False
    """The only revision there is does not initialise: pods would not help."""
    queued_seconds: float | None = None
    """For how long some activator or other has said that invocations wait; None where none says so, or it has fallen silent."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What one decision leaves for the next."""

    panicking_since: float | None = None
    highest_in_panic: int = 0
    raised_to: int = 0
    """A scale that somebody else asked for (the activator from zero, or the autoscaler before this one)…"""
    raised_until: float = float("-inf")
    """…and until when it is not lowered."""
    wanted: tuple[tuple[float, int], ...] = ()
    """(time, scale) desired within the scale-down delay, falling scales only."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome: how many pods, whether this is a panic, and what to hand to the next decision."""

    desired: int
    panicking: bool
    memory: Memory


def note_raise(memory: Memory, replicas: int, now: float, stable_window_seconds: float) -> Memory:
    """Somebody else has raised the scale: it holds until a whole stable window has been observed at it."""
    return replace(
        memory, raised_to=max(replicas, memory.raised_to if now < memory.raised_until else 0), raised_until=now + stable_window_seconds
    )


def note_lowering(memory: Memory, replicas: int) -> Memory:
    """Somebody else has lowered the scale: a raise before that does not hold any more."""
    return replace(memory, raised_to=min(memory.raised_to, replicas))


def decide_scale(now: float, observed: Observed, target: Target, policy: Policy, memory: Memory) -> Decision:
    """The scale to ask for, within minScale and maxScale, and 0 only for a function without any invocation for its idle time."""
    scaling = target.scaling
    if _goes_to_zero(observed, scaling):
        return Decision(0, panicking=False, memory=Memory())
    most = _most(observed, scaling, policy)
    if observed.waiting > 0:
        # A wait for the first pod is not load: it asks for slots, without headroom, and leaves no trace in the windows.
        memory = note_raise(memory, min(_pods(observed.waiting, target.concurrency), most), now, scaling.stable_window_seconds)
    desired, memory = _kpa(now, observed, target, policy, memory)
    if now < memory.raised_until:
        desired = max(desired, memory.raised_to)
    desired, memory = _delay(now, desired, policy, memory)
    if not observed.informed or (observed.proving_seconds is not None and observed.proving_seconds < PROVING_SECONDS):
        desired = max(desired, observed.replicas)
    if desired == 0 and (observed.replicas > 0 or observed.in_flight):
        desired = 1  # the last pod goes by the idle rule alone
    desired = min(max(desired, scaling.min_scale), scaling.max_scale)
    if observed.broken:
        desired = min(desired, observed.replicas)
    if desired > observed.replicas:
        desired = min(desired, most)
    return Decision(desired, memory.panicking_since is not None, memory)


def _most(observed: Observed, scaling: Scaling, policy: Policy) -> int:
    """How high the scale may be raised, `replicas` at least: pods that start at the same time on the same cores are ready at the same
    time, late, so more are asked for as those come up.

    Where invocations wait, the activators pace the starts, and what was raised on top of that would come between.
    """
    most = observed.ready + max(policy.starts_at_once, observed.ready)
    if observed.queued_seconds is not None:
        # Ready pods may be from a pool, and not the Deployment's yet: it would start as many of its own.
        helped = min(observed.ready, observed.replicas) + policy.starts_at_once if observed.queued_seconds >= LEAVE_SECONDS else 0
        most = min(most, max(helped, scaling.min_scale))
    return max(most, observed.replicas)


def _goes_to_zero(observed: Observed, scaling: Scaling) -> bool:
    if scaling.min_scale > 0 or observed.in_flight or not observed.informed:
        return False
    if observed.proving_seconds is not None and observed.proving_seconds < PROVING_SECONDS:
        return False
    return observed.idle_seconds >= scaling.scale_to_zero_after_seconds


def _kpa(now: float, observed: Observed, target: Target, policy: Policy, memory: Memory) -> tuple[int, Memory]:
    ready = max(1, observed.ready)
    # Rounded up, so that a rate near 1 still lets one pod come; rounded down, so that one can go.
    highest, lowest = ceil(policy.max_scale_up_rate * ready), floor(ready / policy.max_scale_down_rate)
    wanted_stable = _pods(observed.stable_concurrency, target.per_pod)
    wanted_panic = _pods(observed.panic_concurrency, target.per_pod)
    stable = min(max(wanted_stable, lowest), highest)
    panic = min(max(wanted_panic, lowest), highest)

    over = wanted_panic / ready >= target.scaling.panic_threshold
    since = memory.panicking_since
    if over:
        memory = replace(memory, panicking_since=now)
    elif since is not None and now - since > target.scaling.stable_window_seconds:
        memory = replace(memory, panicking_since=None, highest_in_panic=0)
    if memory.panicking_since is None:
        return stable, memory
    # The surge may be in the stable window by now and out of the panic one: whichever asks for more. Nothing is lowered in a panic.
    highest_in_panic = max(memory.highest_in_panic, stable, panic)
    return highest_in_panic, replace(memory, highest_in_panic=highest_in_panic)


def _delay(now: float, desired: int, policy: Policy, memory: Memory) -> tuple[int, Memory]:
    if policy.scale_down_delay_seconds <= 0:
        return desired, memory
    # Only falling scales are kept: a later and larger one makes those before it irrelevant.
    kept = tuple((at, scale) for at, scale in memory.wanted if scale > desired and now - at < policy.scale_down_delay_seconds)
    wanted = (*kept, (now, desired))
    return wanted[0][1], replace(memory, wanted=wanted)


def _pods(concurrency: float, per_pod: float) -> int:
    # Rounded first: 7 / 0.7 is 10.000000000000002, and nobody wants an eleventh pod for that.
    return ceil(round(concurrency / per_pod, 6))
