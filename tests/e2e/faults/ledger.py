"""What became of every request of a load, held against what handlers say they ran. Pure.

A request has an id of its own, and each run of a handler one too: so it shows what ran twice, what was answered by another one's answer,
and which of those that failed were under way when the fault struck.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

OK: Final = "ok"
NOT_CONNECTED: Final = "not connected"
"""Nobody took the connection, so nothing of the request was sent: a client may try again without harm, and most do."""
BROKEN: Final = "connection broken"
NO_ANSWER: Final = "no answer"
WRONG: Final = "wrong answer"


@dataclass(frozen=True, slots=True)
class Call:
    """One request: times in seconds since the epoch, `outcome` OK, one of the words above, or the reason that the platform gave."""

    id: str
    sent: float
    ended: float
    outcome: str
    answered_id: str = ""
    answered_run: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a handler, as it told before it did anything else."""

    id: str
    run: str
    pod: str


@dataclass(frozen=True, slots=True)
class Moment:
    """A time at which the fault struck, seconds since the epoch: what was under way then may fail by it."""

    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one fault."""

    requests: int
    ran_twice: tuple[str, ...]
    wrong: tuple[str, ...]
    lost: tuple[Call, ...]
    """Failed, though taken by an activator and not under way when the fault struck, or by a reason that the fault does not excuse."""
    lost_started: frozenset[str]
    """The ids of those of them that a handler had begun to run."""
    under_way: Counter[str]
    """Failed, excused, by outcome."""
    refused: int
    """Connections that nobody took, excused or not."""
    refused_seconds: float
    """From the first to the last of them: how long Kubernetes sent connections where nobody took them."""
    gap_seconds: float
    """The longest time in which no answer came."""

    @property
    def is_clean(self) -> bool:
        """Whether all promises were kept."""
        return not self.ran_twice and not self.wrong and not self.lost


def judge(
    calls: Sequence[Call],
    runs: Iterable[Run],
    moments: Sequence[Moment],
    excused: frozenset[str],
    excused_if_started: frozenset[str] = frozenset(),
    most_excused: int | None = None,
) -> Verdict:
    """`excused`: outcomes that the fault may have for what was under way.

    NOT_CONNECTED, where it is among them, is excused at any time after the fault has struck, since Kubernetes notices late that a process
    is gone, but never for a request that a handler has run: then somebody took it.

    `excused_if_started`: those that it may have only for what a handler had begun to run.

    `most_excused`: of the excused that somebody took, those beyond so many are lost, the last ones sent.
    """
    ran: dict[str, set[str]] = {}
    for run in runs:
        ran.setdefault(run.id, set()).add(run.run)
    failed = [call for call in calls if call.outcome != OK]
    forgiven = [
        call
        for call in failed
        if (call.outcome in excused or (call.outcome in excused_if_started and call.id in ran))
        and (_was_refused(call, moments, ran) if call.outcome == NOT_CONNECTED else _was_under_way(call, moments))
    ]
    if most_excused is not None:
        taken = sorted((call for call in forgiven if call.outcome != NOT_CONNECTED), key=lambda call: call.sent)
        forgiven = [call for call in forgiven if call not in taken[most_excused:]]
    refused = sorted(call.ended for call in failed if call.outcome == NOT_CONNECTED)
    return Verdict(
        requests=len(calls),
        ran_twice=tuple(sorted(name for name, found in ran.items() if len(found) > 1)),
        wrong=tuple(call.id for call in calls if call.outcome == OK and not _is_right(call, ran)),
        lost=(lost := tuple(call for call in failed if call not in set(forgiven))),
        lost_started=frozenset(call.id for call in lost if call.id in ran),
        under_way=Counter(call.outcome for call in forgiven if call.outcome != NOT_CONNECTED),
        refused=len(refused),
        refused_seconds=refused[-1] - refused[0] if refused else 0.0,
        gap_seconds=_longest_gap(calls),
    )


def _is_right(call: Call, ran: dict[str, set[str]]) -> bool:
    return call.answered_id == call.id and call.answered_run in ran.get(call.id, ())


def _was_under_way(call: Call, moments: Sequence[Moment]) -> bool:
    return any(call.sent <= moment.end and call.ended >= moment.begin for moment in moments)


def _was_refused(call: Call, moments: Sequence[Moment], ran: Container[str]) -> bool:
    return call.id not in ran and any(call.ended >= moment.begin for moment in moments)


def _longest_gap(calls: Sequence[Call]) -> float:
    if not calls:
        return 0.0
    began, ended = min(call.sent for call in calls), max(call.ended for call in calls)
    answered = sorted(call.ended for call in calls if call.outcome == OK)
    return max((after - before for before, after in pairwise([began, *answered])), default=ended - began)
