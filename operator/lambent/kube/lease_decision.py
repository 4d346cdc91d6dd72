"""Who leads, pure: from what a candidate has seen of a Lease, what it does next.

Candidates' wall clocks are never compared. A lease is held to have ended when this candidate has seen no change of it for its whole
duration, by its own monotonic clock. Source: Kubernetes documentation, "Leases", and client-go's leaderelection.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LeaseSettings:
    """Times in seconds. They must grow: a leader has stopped acting before anybody else may begin."""

    duration_seconds: int = 5
    """A lease unchanged for so long is free for the taking."""
    renew_deadline_seconds: float = 3.5
    """A leader that could not renew for so long stops acting."""
    retry_seconds: float = 1.0
    """Between renewals, and between looks of a candidate that waits."""

    def __post_init__(self) -> None:
        if not 0 < self.retry_seconds < self.renew_deadline_seconds < self.duration_seconds:
            raise ValueError(
                f"retry ({self.retry_seconds:g} s) must be above 0 and below the renew deadline ({self.renew_deadline_seconds:g} s), "
                f"and that below the duration ({self.duration_seconds} s)"
            )


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """What a Lease object says. `version` is its resourceVersion; `holder` is empty where it was given up."""

    version: str
    holder: str
    duration_seconds: float
    transitions: int


@dataclass(frozen=True, slots=True)
class Observation:
    """A record and when, by this candidate's clock, it was first seen as it is."""

    record: LeaseRecord | None
    since: float


@dataclass(frozen=True, slots=True)
class Take:
    """Write the lease: hold it. `version` is what the write must meet, None to create it."""

    version: str | None
    transitions: int
    renewal: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """Somebody else holds it; look again after so many seconds."""

    seconds: float


def observe(last: Observation | None, record: LeaseRecord | None, now: float) -> Observation:
    """What is known after a look at the lease: a record that has not changed keeps the time it was first seen at."""
    if last is not None and last.record == record:
        return last
    return Observation(record, now)


def decide_lease(now: float, observation: Observation, identity: str, settings: LeaseSettings) -> Take | Wait:
    """Hold it, or wait.

    Taken where there is none, where it was given up, where it is one's own (also after a restart under the same name), and where its
    holder has not renewed it for its duration.
    """
    record = observation.record
    if record is None:
        return Take(None, 0, renewal=False)
    if record.holder == identity:
        return Take(record.version, record.transitions, renewal=True)
    if not record.holder:
        return Take(record.version, record.transitions + 1, renewal=False)
    remaining = observation.since + record.duration_seconds - now
    if remaining <= 0:
        return Take(record.version, record.transitions + 1, renewal=False)
    return Wait(min(settings.retry_seconds, remaining))


def leads_until(renewed_at: float | None, settings: LeaseSettings) -> float:
    """Until when a candidate may act as leader, by its own clock; `renewed_at` is when it began the last write that succeeded."""
    return float("-inf") if renewed_at is None else renewed_at + settings.renew_deadline_seconds
