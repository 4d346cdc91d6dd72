"""Tokens already reviewed, so that a peer that calls five times a second costs one review per token.

A token is remembered by its hash, for a limited time: a pod that is deleted loses its token's validity, which only a new review shows.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from typing import Final

from lambent.kube.errors import KubeUnavailableError
from lambent.kube.tokens import PodIdentity, TokenRefusedError

Review = Callable[[str], Awaitable[PodIdentity]]
_ENTRIES: Final = 4096


class TokenCache:
    """Asks `review` (which raises TokenRefusedError) at most once per token and period; calls at the same time share one review."""

    def __init__(
        self,
        review: Review,
        *,
        accepted_seconds: float = 300.0,
        refused_seconds: float = 10.0,
        at_once: int = 32,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """More than `at_once` unknown tokens at a time are not asked about: whoever reaches the port could make up any number."""
        self._review = review
        self._accepted_seconds = accepted_seconds
        self._refused_seconds = refused_seconds
        self._at_once = at_once
        self._clock = clock
        self._known: dict[bytes, tuple[float, PodIdentity | TokenRefusedError]] = {}
        self._asking: dict[bytes, asyncio.Task[PodIdentity | TokenRefusedError]] = {}

    async def identify(self, token: str) -> PodIdentity:
        """Return the pod that a token proves.

        Raises TokenRefusedError, or KubeError where the API server could not be asked (which is not remembered).
        """
        key = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._known.get(key)
        if known is not None and self._clock() < known[0]:
            return _unwrap(known[1])
        task = self._asking.get(key)
        if task is None:
            proved = known is not None and not isinstance(known[1], TokenRefusedError)
            if not proved and len(self._asking) >= self._at_once:
                raise KubeUnavailableError(0, "TooManyReviews", f"{self._at_once} tokens are being reviewed already", "TokenReview")
            task = asyncio.create_task(self._ask(key, token))
            self._asking[key] = task
            task.add_done_callback(lambda _: self._asking.pop(key, None))
        # A caller that goes away does not take the answer away from the others.
        return _unwrap(await asyncio.shield(task))

    async def _ask(self, key: bytes, token: str) -> PodIdentity | TokenRefusedError:
        verdict: PodIdentity | TokenRefusedError
        try:
            verdict = await self._review(token)
            seconds = self._accepted_seconds
        except TokenRefusedError as error:
            verdict, seconds = error, self._refused_seconds
        self._known.pop(key, None)
        while len(self._known) >= _ENTRIES:
            self._known.pop(next(iter(self._known)))
        self._known[key] = (self._clock() + seconds, verdict)
        return verdict


def _unwrap(verdict: PodIdentity | TokenRefusedError) -> PodIdentity:
    if isinstance(verdict, TokenRefusedError):
        raise TokenRefusedError(str(verdict))
    return verdict
