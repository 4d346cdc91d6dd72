"""When one function's activator asks for pods, and for how many."""

from __future__ import annotations

from math import ceil

from lambent.activator.admission.links import Links
from lambent.activator.admission.model import Limits, Rules
from lambent.activator.admission.waiting import Waiting
from lambent.activator.admission.window import Window

_FIRST = 1
"""Generic pods that are taken at first where nobody knows how long an invocation takes: each costs a handover and another pod's start."""


class Starts:
    """Remembers what was asked for last, so that it is not asked for at every turn.

    `pace` is how many seconds an invocation takes; 0 where that is not known, as none has ended yet.
    """

    __slots__ = ("_budget", "_came_at", "_grown_at", "_limits", "_needed", "_requested_at", "_stepped_at", "_window", "requested")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._needed = 0
        self.requested = 0
        """Pods that were asked for last, in all."""
        self._requested_at = 0.0
        self._grown_at = 0.0
        """When more were asked for than before."""
        self._window: Window | None = None
        """Of the burst that is on."""
        self._budget = 0
        """Pods that generic ones are taken up to while the pace is not known."""
        self._stepped_at = 0.0
        """When the budget was last raised."""
        self._came_at = 0.0
        """When a pod last came up."""

    def is_early(self, now: float, waiting: Waiting, links: Links, pace: float) -> bool:
        """Whether nobody waits, or pods are ready and it will soon be known how far they get. Asked at each arrival, so kept cheap."""
        line = waiting.line
        if not line:
            return True
        since = line[0].enqueued_at
        if not links.ready or now - since >= self._limits.start_patience_seconds:
            return False
        return pace > 0 or not self._has_settled(now, since, links)

    def count_missing(self, waiting: Waiting, links: Links, rules: Rules, pace: float) -> int:
        """Pods that those who wait need on top of those there are, if they are there at once: generic ones."""
        return self._count_needed(self._limits.start_patience_seconds, waiting, links, rules, pace) - len(links.serving)

    def count_step(self, now: float, waiting: Waiting, links: Links) -> int:
        """Generic pods that may be taken now although the pace is not known.

        What takes a millisecond needs no ten pods, each of which costs a handover. So there are few at first, and as many again as there
        are each time that those have been at work for a moment without an end.
        """
        pods, since = len(links.serving), waiting.line[0].enqueued_at
        slow = now - max(since, self._stepped_at) >= self._limits.start_patience_seconds
        if not pods:
            self._budget = max(self._budget, _FIRST)
            self._stepped_at = now
        elif pods >= self._budget and (slow or self._has_settled(now, since, links)):
            self._budget = 2 * pods
            self._stepped_at = now
        return max(0, self._budget - pods)

    def note_needed(self, there: int, needed: int) -> int:
        """So many pods are there, and so many needed in all: how many of them nobody has needed before."""
        fresh = max(0, needed - max(there, self._needed))
        self._needed = max(needed, self._needed)
        return fresh

    def is_patient(self, now: float, waiting: Waiting, links: Links) -> bool:
        """Whether it will be known in a moment how far those pods get that are there, or are about to be: the Deployment's cost more."""
        if now - waiting.line[0].enqueued_at >= self._limits.start_patience_seconds:
            return False
        return links.ready > 0 or any(link.asked_at > 0 for link in links.serving)

    def ask(self, now: float, waiting: Waiting, links: Links, rules: Rules, pace: float) -> int | None:
        """The scale to ask for where no pool has the pods that are missing; None where it was asked for, and not too long ago."""
        firm = _count_firm(links)
        if self._window is None:
            self._window = Window(self._limits.starts_at_once, self._limits.start_seconds, firm)
        self._window.observe(firm, now)
        needed = self._count_needed(self._limits.start_seconds, waiting, links, rules, pace)
        goal = min(needed, firm + self._window.size)
        overdue = now - self._requested_at >= self._limits.start_retry_seconds
        if goal <= len(links.serving) or (goal <= self.requested and not overdue):
            return None
        self._window.ask(goal, now)
        if goal > self.requested:
            self.requested, self._grown_at = goal, now
        self._requested_at = now
        return goal

    def count_coming(self, now: float, there: int) -> int:
        """Pods that are there or will soon be: what was asked for long ago and has not come may never come."""
        return max(there, self.requested) if now - self._grown_at < self._limits.start_trust_seconds else there

    def came(self, now: float, links: Links) -> None:
        """A pod has come up."""
        self._came_at = now
        if self._window is not None:
            self._window.observe(_count_firm(links), now)

    def forget(self) -> None:
        """Nobody waits any more."""
        self._needed = self.requested = self._budget = 0
        self._window = None

    def lost(self, left: int) -> None:
        """A pod is gone, and so many are left: what was asked for before it went does not count."""
        self.requested = min(self.requested, left)

    def _has_settled(self, now: float, since: float, links: Links) -> bool:
        """Whether all pods there are have been at work for a moment."""
        return now - max(since, self._came_at) >= self._limits.settle_seconds and all(link.initialized for link in links.serving)

    @staticmethod
    def _count_needed(seconds: float, waiting: Waiting, links: Links, rules: Rules, pace: float) -> int:
        """Pods in all, if more of them took `seconds` to come: who is served before that needs none, and one that comes serves as many
        as it can within as much time again.
        """
        serving = links.serving
        each = rules.concurrency * (max(1, int(seconds / pace)) if pace > 0 else 1)
        coming = sum(not link.initialized for link in serving) * each
        served = int(links.ready * rules.concurrency * seconds / pace) if pace > 0 else 0
        return max(len(serving), min(rules.max_scale, len(serving) + ceil((len(waiting.line) - coming - served) / each)))


def _count_firm(links: Links) -> int:
    """Pods that are initialised, or that a generic one is about to become."""
    return sum(link.initialized or link.asked_at > 0 for link in links.serving)
