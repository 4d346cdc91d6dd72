"""One link for each pod: a second one is turned away while the first one lives, and takes its place where it does not."""

from __future__ import annotations

from typing import Final, Protocol

from lambent.activator.links.hello import DuplicateLinkError

PROBE_SECONDS: Final = 1.0
"""How long the first link has to show that it lives."""


class PodLink(Protocol):
    """The link of a pod."""

    async def probe(self, seconds: float) -> bool:
        """Whether its shim answers within that time."""

    def abort(self, why: str, word: str) -> None:
        """Cut it."""


class PodLinks:
    """Links by the uid of their pod, which the API server vouches for.

    A pod's shim dials again when its link has broken, which it may notice before we do. But a handler that has got hold of its pod's token
    may dial as well: as long as the shim answers on its own link, nobody takes its place.
    """

    def __init__(self) -> None:
        self._links: dict[str, PodLink] = {}
        self._making_room: set[str] = set()

    async def make_room(self, uid: str) -> None:
        """Return when the pod has no other link that lives. Raises `DuplicateLinkError` where it has."""
        link = self._links.get(uid)
        if link is None and uid not in self._making_room:
            return
        if link is None or uid in self._making_room:
            raise DuplicateLinkError("another link of this pod is being looked at")
        self._making_room.add(uid)
        try:
            if await link.probe(PROBE_SECONDS):
                raise DuplicateLinkError("this pod is linked already")
        finally:
            self._making_room.discard(uid)
        link.abort("its pod has dialled again, and this link does not answer", "lost")

    def opened(self, uid: str, link: PodLink) -> None:
        """A link of the pod is open. Raises `DuplicateLinkError` where another one has become so meanwhile."""
        if uid in self._links:
            raise DuplicateLinkError("this pod is linked already")
        self._links[uid] = link

    def closed(self, uid: str, link: PodLink) -> None:
        """A link is gone; harmless where it is not the pod's."""
        if self._links.get(uid) is link:
            del self._links[uid]
