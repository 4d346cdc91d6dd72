"""Which of the pods that functions' ReplicaSets have made may start, and which are made in vain. Pure.

A pod of a pool that is handed over has its ReplicaSet make one of its own first, and delete it afterwards (docs/decisions/0007). So of a
function's pods behind the gate as many stay there as handovers are to take the place of; all others are let go. Each activator knows of
handovers from the pods' words (BECAME) and from its own writes. Knowing of too many makes it late, knowing of too few costs a start in
vain; no mistake keeps a pod for longer than LEFT_BEHIND_SECONDS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from lambent.activator.admission.model import FunctionKey
from lambent.api.gates import find_gate
from lambent.api.group import LABEL_FUNCTION, START_GATE

OTHERS_SECONDS: Final = 0.3
"""How long the activator that leads has, before the others do it."""
RETRY_SECONDS: Final = 1.0
"""Until a gate that is still there is lifted again."""
VAIN_SECONDS: Final = 3.0
"""How long after its handover a pod made in vain is waited for to go."""
LEFT_BEHIND_SECONDS: Final = 3.0
"""A pod that has been seen behind its gate for so long is let go, whatever handovers there are."""
ASKED_SECONDS: Final = 2.0
"""How long after this activator has asked for pods those that come are taken for them."""
_NEVER: Final = float("-inf")


class StartingPod(NamedTuple):
    """A pod of a function's ReplicaSet that has no node yet."""

    function: FunctionKey
    uid: str
    name: str
    created_at: str
    gate: int | None
    """The place of the gate among the pod's gates; None where it is lifted, or the function's pods have none."""
    deleting: bool


class Lift(NamedTuple):
    """That pod's gate is to be lifted."""

    pod: StartingPod
    gate: int
    """Its place among the pod's gates."""
    left_behind: bool
    """It was there for too long, though handovers should have had it deleted."""


class Handovers(Protocol):
    """Who is told how far the pods of a pool are that have become a function's, named by their uid."""

    def took(self, function: FunctionKey, uid: str, *, own: bool) -> None:
        """It has become the function's; `own`: this activator is to hand it over."""

    def raising(self, function: FunctionKey, uids: Iterable[str]) -> None:
        """The scale is about to be raised by them."""

    def moved(self, function: FunctionKey, uid: str) -> None:
        """Its ReplicaSet adopts it, or has: the pod made in its place is to go."""

    def dropped(self, function: FunctionKey, uid: str) -> None:
        """It is not handed over: no pod was made in vain, or one that is wanted after all."""


@dataclass(slots=True)
class _Seen:
    pod: StartingPod
    seen_at: float
    tried_at: float = _NEVER


@dataclass(slots=True)
class _Take:
    """A pod of a pool that takes the place of one that the ReplicaSet makes."""

    counted: bool
    """Whether a pod may have been made for it by now: another activator may be at any step, this one knows."""
    until: float = float("inf")


@dataclass(slots=True)
class _Row:
    pods: dict[str, _Seen] = field(default_factory=dict)
    takes: dict[str, _Take] = field(default_factory=dict)
    asked_at: float = _NEVER
    missing: int = 0
    """Pods that were asked for from here, besides those that were there or handed over, at `asked_at`."""
    let_go_at: list[float] = field(default_factory=list)
    """Of late, by whomever."""

    def count_free(self, gated: int, now: float) -> int:
        """How many of the gated pods may go.

        Others ask for a scale that counts what is to be handed over; what is asked for from here leaves that out until it is handed over.
        """
        asked = self.missing - len(self.let_go_at) if self.has_asked(now) else 0
        counted = sum(take.counted for take in self.takes.values())
        return max(gated - len(self.takes), min(gated - counted, asked))

    def has_asked(self, now: float) -> bool:
        return now - self.asked_at < ASKED_SECONDS

    def forget(self, now: float) -> None:
        for uid in [uid for uid, take in self.takes.items() if take.until <= now]:
            del self.takes[uid]
        self.let_go_at = [at for at in self.let_go_at if now - at < ASKED_SECONDS]


class Gates:
    """Told of pods and handovers; `decide` after each change, and now and then while it is `busy`."""

    def __init__(self, leads: Callable[[FunctionKey], bool]) -> None:
        """`leads`: whether this activator is the one to act for a function."""
        self._leads = leads
        self._rows: dict[FunctionKey, _Row] = {}

    # Pods

    def see(self, pod: StartingPod, now: float) -> bool:
        """A pod as it is now; whether it was made in vain: deleted behind its gate."""
        if pod.deleting:
            return self.lose(pod)
        row = self._row(pod.function)
        seen = row.pods.get(pod.uid)
        if seen is None:
            row.pods[pod.uid] = _Seen(pod, now)
        elif seen.pod.gate is not None:
            # A gate that was lifted stays so: what says otherwise is older.
            seen.pod = pod
            if pod.gate is None:
                row.let_go_at.append(now)
        return False

    def lose(self, pod: StartingPod) -> bool:
        """A pod has a node, or is gone; whether it was made in vain."""
        row = self._rows.get(pod.function)
        seen = row.pods.pop(pod.uid, None) if row is not None else None
        if row is None or seen is None or seen.pod.gate is None:
            return False
        # Each handover has one pod deleted, whichever.
        done = next((uid for uid, take in row.takes.items() if take.counted), None)
        if done is not None:
            del row.takes[done]
        return True

    def keep(self, pods: Iterable[StartingPod], now: float) -> None:
        """All there are. What became of the others is not known."""
        listed = {pod.uid: pod for pod in pods if not pod.deleting}
        for row in self._rows.values():
            for uid in row.pods.keys() - listed:
                del row.pods[uid]
        for pod in listed.values():
            self.see(pod, now)

    def lifted(self, pod: StartingPod, now: float) -> None:
        """Its gate is gone."""
        row = self._rows.get(pod.function)
        if row is not None and pod.uid in row.pods:
            self.see(pod._replace(gate=None), now)

    # Handovers

    def took(self, function: FunctionKey, uid: str, *, own: bool) -> None:
        """See `Handovers`."""
        self._row(function).takes.setdefault(uid, _Take(counted=not own))

    def raising(self, function: FunctionKey, uids: Iterable[str]) -> None:
        """See `Handovers`."""
        for uid in uids:
            take = self._take(function, uid)
            if take is not None:
                take.counted = True

    def moved(self, function: FunctionKey, uid: str, now: float) -> None:
        """See `Handovers`."""
        take = self._take(function, uid)
        if take is not None:
            take.until = now + VAIN_SECONDS

    def dropped(self, function: FunctionKey, uid: str) -> None:
        """See `Handovers`."""
        row = self._rows.get(function)
        if row is not None:
            row.takes.pop(uid, None)

    def asked(self, function: FunctionKey, missing: int, now: float) -> None:
        """This activator asks for so many pods besides those that are there and those it has taken from a pool."""
        row = self._row(function)
        row.asked_at, row.missing = now, missing

    # Decisions

    @property
    def busy(self) -> bool:
        """Whether time alone may change what is to be done, or remembered."""
        return bool(self._rows)

    def decide(self, now: float) -> list[Lift]:
        """Whose gates are to be lifted now; each is held to be under way from then on."""
        lifts = []
        for function, row in list(self._rows.items()):
            row.forget(now)
            lifts += self._decide(function, row, now)
            if not row.pods and not row.takes and not row.has_asked(now):
                del self._rows[function]
        return lifts

    def _decide(self, function: FunctionKey, row: _Row, now: float) -> list[Lift]:
        gated = [seen for seen in row.pods.values() if seen.pod.gate is not None]
        if not gated:
            return []
        # All activators let go the same ones: those that were tried, then the oldest; of a second, in the watch's order, the same for all.
        gated.sort(key=lambda seen: (seen.tried_at == _NEVER, seen.pod.created_at))
        free = row.count_free(len(gated), now)
        # Where the others wait for handovers to be over, the one that leads too, whoever asked for more knows best.
        knows = bool(row.takes) and row.has_asked(now)
        pause = 0.0 if knows or self._leads(function) else OTHERS_SECONDS
        lifts = []
        for place, seen in enumerate(gated):
            age = now - seen.seen_at
            wanted = place < free and age >= pause
            if seen.pod.gate is not None and (wanted or age >= LEFT_BEHIND_SECONDS) and now - seen.tried_at >= RETRY_SECONDS:
                seen.tried_at = now
                lifts.append(Lift(seen.pod, seen.pod.gate, left_behind=not wanted))
        return lifts

    def _take(self, function: FunctionKey, uid: str) -> _Take | None:
        row = self._rows.get(function)
        return row.takes.get(uid) if row is not None else None

    def _row(self, function: FunctionKey) -> _Row:
        row = self._rows.get(function)
        if row is None:
            row = self._rows[function] = _Row()
        return row


def view_pod(body: Mapping[str, Any]) -> StartingPod:
    """A pod, from its JSON."""
    metadata: Mapping[str, Any] = body.get("metadata") or {}
    return StartingPod(
        FunctionKey(str(metadata.get("namespace") or ""), str((metadata.get("labels") or {}).get(LABEL_FUNCTION) or "")),
        uid=str(metadata.get("uid") or ""),
        name=str(metadata.get("name") or ""),
        created_at=str(metadata.get("creationTimestamp") or ""),
        gate=find_gate(body, START_GATE),
        deleting=bool(metadata.get("deletionTimestamp")),
    )
