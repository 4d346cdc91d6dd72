"""The port for statistics: who may push, and what a wrong push is told."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from lambent.autoscaler.receiver import PATH, StatisticsReceiver
from lambent.autoscaler.statistics import Push
from lambent.kube.tokens import PodIdentity, TokenRefusedError
from tests.support.fake_kube import unavailable

ACTIVATOR = ("lambent-system", "lambent-activator")
PUSH = {"activator": "a", "sequence": 1, "intervalSeconds": 0.2, "functions": []}


async def identify(token: str) -> PodIdentity:
    if token == "away":
        raise unavailable()
    if token not in {"activator", "user"}:
        raise TokenRefusedError("the token has expired")
    return PodIdentity(*ACTIVATOR, "a", "1") if token == "activator" else PodIdentity("default", "default", "b", "2")


def post(body: Any, authorization: str | None) -> tuple[int, str, list[Push]]:
    async def run() -> tuple[int, str, list[Push]]:
        received: list[Push] = []
        receiver = StatisticsReceiver(0, identify, ACTIVATOR, received.append, host="127.0.0.1")
        async with receiver, aiohttp.ClientSession() as session:
            headers = {} if authorization is None else {"Authorization": authorization}
            data = body if isinstance(body, bytes) else json.dumps(body)
            async with session.post(f"http://127.0.0.1:{receiver.port}{PATH}", data=data, headers=headers) as response:
                text = await response.text()
                return response.status, json.loads(text)["error"] if text else "", received

    return asyncio.run(run())


def test_a_push_of_an_activator_is_taken_in() -> None:
    assert post(PUSH, "Bearer activator") == (204, "", [Push("a", 1, 0.2, ())])


@pytest.mark.parametrize(
    ("authorization", "status", "error"),
    [
        (None, 401, "Authorization: a bearer token is missing"),
        ("Basic YTpi", 401, "Authorization: a bearer token is missing"),
        ("Bearer ", 401, "Authorization: a bearer token is missing"),
        ("Bearer stolen", 401, "Authorization: the token has expired"),
        (
            "Bearer user",
            403,
            "Authorization: statistics are taken from lambent-system/lambent-activator alone, not from default/default",
        ),
        ("Bearer away", 503, "the Kubernetes API cannot be asked about the token now"),
    ],
)
def test_anybody_else_is_turned_away(authorization: str | None, status: int, error: str) -> None:
    assert post(PUSH, authorization) == (status, error, [])


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{", "the body is not JSON"),
        (b"\xff", "the body is not JSON"),
        ([], ": [] is not allowed; use an object"),
        (PUSH | {"sequence": "one"}, "sequence: 'one' is not allowed; use a whole number from 0"),
        (PUSH | {"functions": [{"namespace": "a"}]}, "functions[0].name"),
    ],
)
def test_a_wrong_push_is_told_what_is_wrong(body: Any, error: str) -> None:
    status, message, received = post(body, "Bearer activator")
    assert (status, received) == (400, [])
    assert error in message
