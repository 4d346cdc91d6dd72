"""Decides when a pod's processes use more memory than the function may, and when to look again. Pure.

On cgroup v2 the kubelet makes the kernel kill the whole container when its limit is passed, so the shim acts before: the container's
limit is the function's memory plus SHIM_SHARE_MIB, which is what the shim and the copies of forking need, and the room that a
handler can fill between two looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Generic, NamedTuple, TypeVar

SHIM_SHARE_MIB: Final = 128
"""Held equal to the controller's SHIM_MEMORY_BYTES by tests/contract/runtime. Measured: docs/runtime-contract.md, "Memory"."""
COPIES_MIB: Final = 48
"""The part of it that pages may take which a worker and the template no longer share; on Lambda there is only one process."""

FASTEST_GROWTH_KIB_PER_SECOND: Final = 6 << 20
"""6 GiB/s: more than one core fills fresh pages with, huge ones included."""
SHORTEST_LOOK_SECONDS: Final = 0.001
LONGEST_LOOK_SECONDS: Final = 0.05

Worker = TypeVar("Worker")


class Reading(NamedTuple):
    """One worker with all its descendants, in KiB."""

    resident: int
    """Anonymous memory, with what it still shares with the template."""
    promised: int
    """Address space that could become resident without another system call."""
    shared: int = 0
    """Shared memory that it has mapped, what others have mapped too in part. Whose it is, where all of it is too much."""


class Verdict(NamedTuple, Generic[Worker]):
    """What to do now."""

    kill: Worker | None
    measure: bool
    """Copies may have grown too many: measure exactly (`judge_exact`)."""
    look_again_seconds: float


def judge(
    limit_kib: int, template_kib: int, readings: Mapping[Worker, Reading], *, shared_kib: int = 0, near_kib: int | None = None
) -> Verdict[Worker]:
    """Judge by cheap readings. What workers share with the template, `template_kib` at most, counts once; so does `shared_kib`, all shared
    memory of the container.

    The next look comes before the fastest handler could get from here to the limit; sooner where the address space for that is there.
    `near_kib`: so far the container as a whole is from it, where shared memory has not been looked at.
    """
    used = template_kib + shared_kib + sum(max(0, reading.resident - template_kib) for reading in readings.values())
    if used > limit_kib and readings:
        worst = max(readings, key=lambda worker: readings[worker].resident + readings[worker].shared)
        return Verdict(worst, measure=False, look_again_seconds=SHORTEST_LOOK_SECONDS)
    promised = template_kib + sum(max(0, reading.promised - template_kib) for reading in readings.values())
    seconds = (limit_kib - used) / FASTEST_GROWTH_KIB_PER_SECOND
    if promised <= limit_kib:
        # Growing past the limit takes a system call first, which the next look would see.
        seconds *= 2
    if near_kib is not None:
        # Shared memory that is not mapped grows by system calls alone, which copy: slower than this, and seen at the next look.
        seconds = min(seconds, max(0, near_kib) / FASTEST_GROWTH_KIB_PER_SECOND)
    all_copied = template_kib + sum(reading.resident for reading in readings.values())
    look = min(LONGEST_LOOK_SECONDS, max(SHORTEST_LOOK_SECONDS, seconds))
    return Verdict(None, measure=all_copied > limit_kib + COPIES_MIB * 1024, look_again_seconds=look)


def acquit(near_kib: int) -> Verdict[Worker]:
    """Nobody is to be ended, though the cheap readings are over: they count for each what several share, and all that there is
    is so far from the limit.
    """
    look = near_kib / FASTEST_GROWTH_KIB_PER_SECOND
    return Verdict(None, measure=False, look_again_seconds=min(LONGEST_LOOK_SECONDS, max(SHORTEST_LOOK_SECONDS, look)))


def judge_exact(limit_kib: int, template_kib: int, exact: Mapping[Worker, int]) -> Worker | None:
    """The worker to kill: the largest, where all and their copies are over what the container has room for.

    KiB of pages, where one that n processes share counts one n-th.
    """
    if not exact or template_kib + sum(exact.values()) <= limit_kib + COPIES_MIB * 1024:
        return None
    return max(exact, key=lambda worker: exact[worker])
