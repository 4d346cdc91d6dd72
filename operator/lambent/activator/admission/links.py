"""One function's links: which may be used, which is best, which are to be told that somebody waits."""

from __future__ import annotations

from lambent.activator.admission.link import Link, Shelf
from lambent.activator.admission.model import Rules


class Links:
    """Changed by the methods here alone."""

    __slots__ = ("_rules", "_shelf", "by_number", "ready")

    def __init__(self) -> None:
        self.by_number: dict[int, Link] = {}
        self.ready = 0
        """Healthy links: pods that are likely to serve."""
        self._shelf = Shelf()
        self._rules: Rules | None = None

    def add(self, link: Link) -> None:
        """A pod has said hello."""
        self.by_number[link.number] = link
        self._judge(link)
        self.count()

    def lose(self, link: Link) -> None:
        """A link is gone."""
        del self.by_number[link.number]
        self._shelf.remove(link)
        self.count()

    def judge(self, rules: Rules | None) -> None:
        """The Function has changed: other revisions may serve."""
        self._rules = rules
        for link in self.by_number.values():
            self._judge(link)
            self._shelf.place(link)
        self.count()

    def _judge(self, link: Link) -> None:
        rules = self._rules
        link.rank = _rank(link, rules)
        if rules is not None:
            link.believe(rules.concurrency)

    def count(self) -> None:
        """Call after a change of what a link is fit for."""
        self.ready = sum(link.healthy for link in self.by_number.values())

    def place(self, link: Link) -> None:
        """Call after a change of a link's credit, load or state."""
        self._shelf.place(link)

    def best(self) -> Link | None:
        """The link for the next invocation. One that failed to initialise only where there is no other to wait for."""
        link = self._shelf.best()
        return None if link is not None and link.failure is not None and self.ready else link

    @property
    def usable(self) -> bool:
        """Whether any pod takes invocations at all."""
        return any(link.usable for link in self.by_number.values())

    @property
    def serving(self) -> list[Link]:
        """Pods that serve, or will once they are initialised."""
        return [link for link in self.by_number.values() if link.serving]

    @property
    def held(self) -> int:
        """Pods from the pool that Kubernetes does not know as the function's yet."""
        return sum(link.held for link in self.by_number.values())

    @property
    def untold(self) -> list[Link]:
        """Links whose shim does not know yet that somebody waits here, and would have no reason to say when a slot frees."""
        return [
            link
            for link in self.by_number.values()
            if not link.wanting and len(link.in_flight) < link.slots and not link.credit and (link.healthy if self.ready else link.usable)
        ]


def _rank(link: Link, rules: Rules | None) -> int | None:
    """Contract "Revisions", 4: the ready revision, else while Ready is not True older proven ones, never the unproven newest."""
    if rules is None:
        return None
    if link.revision == (rules.ready_revision or rules.latest_revision):
        return 0
    if rules.ready or not rules.ready_revision or link.revision == rules.latest_revision:
        return None
    return 1
