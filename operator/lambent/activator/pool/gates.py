"""Which of the pods that functions' ReplicaSets have made may start, and which are made in vain. Pure.

A pod of a pool that is handed over has its ReplicaSet make one of its own first, and delete it afterwards (docs/decisions/0007). So of a
function's pods behind the gate as many stay there as handovers are to take the place of; all others are let go. Whoever raises a scale
counts those that are to be handed over, so that this holds at any time. Each activator knows of handovers from the pods' words (BECAME)
and from what it asks of pods itself. Knowing of too many makes it late, knowing of too few costs a start in vain; no mistake keeps a pod
for longer than LEFT_BEHIND_SECONDS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from lambent.activator.admission.model import FunctionKey
from lambent.api.functions.gates import find_gate
from lambent.api.group import LABEL_FUNCTION, START_GATE

OTHERS_SECONDS: Final = 0.3
"""How long the activator that leads has, before the others do it."""
RETRY_SECONDS: Final = 1.0
"""Until a gate that is still there is lifted again."""
VAIN_SECONDS: Final = 3.0
"""How long after its handover a pod made in vain is waited for to go."""
LEFT_BEHIND_SECONDS: Final = 5.0
"""A pod that has been seen behind its gate for so long is let go, whatever handovers there are."""
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

    def took(self, function: FunctionKey, uid: str) -> None:
        """It has become the function's."""

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
class _Row:
    pods: dict[str, _Seen] = field(default_factory=dict)
    takes: dict[str, float] = field(default_factory=dict)
    """Pods of a pool that take the place of one that the ReplicaSet makes, each until when it is to be remembered."""

    def forget(self, now: float) -> None:
        for uid in [uid for uid, until in self.takes.items() if until <= now]:
            del self.takes[uid]


class Gates:
    """Told of pods and handovers; `decide` after each change, and now and then while it is `busy`."""

    def __init__(self, leads: Callable[[FunctionKey], bool], becoming: Callable[[FunctionKey], int]) -> None:
        """`leads`: whether this activator is the one to act for a function; `becoming`: pods that it has asked to become the function's,
        and that have not answered."""
        self._leads = leads
        self._becoming = becoming
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
        return False

    def lose(self, pod: StartingPod) -> bool:
        """A pod has a node, or is gone; whether it was made in vain."""
        row = self._rows.get(pod.function)
        seen = row.pods.pop(pod.uid, None) if row is not None else None
        if row is None or seen is None or seen.pod.gate is None:
            return False
        # Each handover has one pod deleted, whichever.
        done = next(iter(row.takes), None)
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

    def took(self, function: FunctionKey, uid: str) -> None:
        """See `Handovers`."""
        self._row(function).takes.setdefault(uid, float("inf"))

    def moved(self, function: FunctionKey, uid: str, now: float) -> None:
        """See `Handovers`."""
        row = self._rows.get(function)
        if row is not None and uid in row.takes:
            row.takes[uid] = now + VAIN_SECONDS

    def dropped(self, function: FunctionKey, uid: str) -> None:
        """See `Handovers`."""
        row = self._rows.get(function)
        if row is not None:
            row.takes.pop(uid, None)

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
            if not row.pods and not row.takes:
                del self._rows[function]
        return lifts

    def _decide(self, function: FunctionKey, row: _Row, now: float) -> list[Lift]:
        gated = [seen for seen in row.pods.values() if seen.pod.gate is not None]
        if not gated:
            return []
        # All activators let go the same ones: those that were tried, then the oldest; of a second, in the watch's order, the same for all.
        gated.sort(key=lambda seen: (seen.tried_at == _NEVER, seen.pod.created_at))
        free = len(gated) - len(row.takes) - self._becoming(function)
        pause = 0.0 if self._leads(function) else OTHERS_SECONDS
        lifts = []
        for place, seen in enumerate(gated):
            age = now - seen.seen_at
            wanted = place < free and age >= pause
            if seen.pod.gate is not None and (wanted or age >= LEFT_BEHIND_SECONDS) and now - seen.tried_at >= RETRY_SECONDS:
                seen.tried_at = now
                lifts.append(Lift(seen.pod, seen.pod.gate, left_behind=not wanted))
        return lifts

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
