"""A token proves what the API server vouches for, and nothing else; each is reviewed once."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from lambent.kube.client import KubeClient
from lambent.kube.errors import KubeUnavailableError
from lambent.kube.token_cache import TokenCache
from lambent.kube.tokens import PodIdentity, TokenRefusedError, parse_review, review_token
from tests.support.fake_kube import unavailable

IDENTITY = PodIdentity("default", "shim", "hello-1", "uid-1")


def a_review(**changes: Any) -> dict[str, Any]:
    user = {
        "username": "system:serviceaccount:default:shim",
        "extra": {"authentication.kubernetes.io/pod-name": ["hello-1"], "authentication.kubernetes.io/pod-uid": ["uid-1"]},
    }
    return {"status": {"authenticated": True, "audiences": ["lambent"], "user": user} | changes}


def test_a_pods_token_names_its_pod() -> None:
    assert parse_review(a_review(), "lambent") == IDENTITY


def test_a_token_bound_to_no_pod_names_none() -> None:
    review = a_review(user={"username": "system:serviceaccount:default:shim"})
    assert parse_review(review, "lambent") == PodIdentity("default", "shim", "", "")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"authenticated": False, "error": "token has expired"}, "token has expired"),
        ({"authenticated": None}, "does not know this token"),
        ({"authenticated": "yes"}, "does not know this token"),
        ({"audiences": ["https://kubernetes.default.svc"]}, "not meant for the audience 'lambent'"),
        ({"audiences": None}, "not meant for the audience 'lambent'"),
        ({"user": {"username": "kubernetes-admin"}}, "'kubernetes-admin' is not a service account"),
        ({"user": {"username": "system:serviceaccount:default"}}, "is not a service account"),
        ({"user": None}, "is not a service account"),
    ],
)
def test_anything_else_is_refused_with_the_reason(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(TokenRefusedError, match=reason):
        parse_review(a_review(**changes), "lambent")


@pytest.mark.parametrize("token", ["", "x" * 20_000, "a\nb", "grün"])
def test_what_cannot_be_a_token_is_not_sent_to_the_api_server(token: str) -> None:
    with pytest.raises(TokenRefusedError, match="not a token"):
        asyncio.run(review_token(cast("KubeClient", None), token, "lambent"))


class Reviews:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: list[PodIdentity | Exception] = [IDENTITY]
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, token: str) -> PodIdentity:
        self.asked.append(token)
        await self.gate.wait()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_token_is_reviewed_once_until_its_time_is_over() -> None:
    async def run() -> None:
        reviews, clock = Reviews(), Clock()
        cache = TokenCache(reviews, accepted_seconds=300, clock=clock)
        for clock.now in (0.0, 1.0, 299.0):
            assert await cache.identify("a") == IDENTITY
        assert reviews.asked == ["a"]
        clock.now = 300.0
        await cache.identify("a")
        await cache.identify("b")
        assert reviews.asked == ["a", "a", "b"]

    asyncio.run(run())


def test_a_refusal_is_remembered_for_a_short_time_only() -> None:
    async def run() -> None:
        reviews, clock = Reviews(), Clock()
        reviews.answers = [TokenRefusedError("expired"), IDENTITY]
        cache = TokenCache(reviews, refused_seconds=10, clock=clock)
        for clock.now in (0.0, 9.0):
            with pytest.raises(TokenRefusedError, match="expired"):
                await cache.identify("a")
        clock.now = 10.0
        assert await cache.identify("a") == IDENTITY
        assert len(reviews.asked) == 2

    asyncio.run(run())


def test_tokens_that_are_made_up_flood_no_api_server() -> None:
    async def run() -> None:
        reviews, clock = Reviews(), Clock()
        cache = TokenCache(reviews, accepted_seconds=300, at_once=4, clock=clock)
        await cache.identify("an activator's")
        reviews.gate.clear()
        clock.now = 300.0
        made_up = [asyncio.create_task(cache.identify(str(number))) for number in range(100)]
        await asyncio.sleep(0)
        known = asyncio.create_task(cache.identify("an activator's"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(reviews.asked) == 1 + 4 + 1, "one that was accepted before is asked about whatever comes besides"
        reviews.gate.set()
        assert await known == IDENTITY
        refused = [each for each in await asyncio.gather(*made_up, return_exceptions=True) if isinstance(each, KubeUnavailableError)]
        assert len(refused) == 96

    asyncio.run(run())


def test_calls_at_the_same_time_share_a_review_and_one_that_leaves_does_not_end_it() -> None:
    async def run() -> None:
        reviews = Reviews()
        reviews.gate.clear()
        cache = TokenCache(reviews)
        first, second = asyncio.create_task(cache.identify("a")), asyncio.create_task(cache.identify("a"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        first.cancel()
        reviews.gate.set()
        assert await second == IDENTITY
        assert reviews.asked == ["a"]

    asyncio.run(run())


def test_an_api_server_that_cannot_be_asked_is_asked_again_next_time() -> None:
    async def run() -> None:
        reviews = Reviews()
        reviews.answers = [unavailable(), IDENTITY]
        cache = TokenCache(reviews)
        with pytest.raises(KubeUnavailableError):
            await cache.identify("a")
        assert await cache.identify("a") == IDENTITY

    asyncio.run(run())
