"""The client against an API server of a few lines: what it sends, and what it makes of each answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from lambent.kube import client as client_module
from lambent.kube.access import TokenFile
from lambent.kube.backoff import Backoff
from lambent.kube.client import JSON_PATCH, KubeClient
from lambent.kube.errors import (
    AlreadyExistsError,
    AnswerTooLargeError,
    BadRequestError,
    ConflictError,
    ForbiddenError,
    GoneError,
    InvalidError,
    KubeError,
    KubeUnavailableError,
    NotFoundError,
    TooManyRequestsError,
    UnauthorizedError,
)
from tests.support.kube_server import KubeServer, broken_off, json_of, status_of

PODS = "/api/v1/namespaces/default/pods"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_READ_BACKOFF", Backoff(0.001, 0.001))


def run(test: Callable[[KubeServer, KubeClient], Awaitable[None]], timeout_seconds: float = 5.0) -> None:
    async def with_server() -> None:
        async with KubeServer() as server, server.client(timeout_seconds=timeout_seconds) as client:
            await test(server, client)

    asyncio.run(with_server())


def test_each_method_sends_what_the_api_asks_for() -> None:
    async def test(server: KubeServer, client: KubeClient) -> None:
        server.answers = [json_of({"kind": "Thing"})]
        assert await client.get(f"{PODS}/a") == {"kind": "Thing"}
        await client.list(PODS, label_selector="a=b", limit=5, continue_token="t")
        await client.create(PODS, {"a": 1}, field_manager="me")
        await client.replace(f"{PODS}/a", {"a": 2})
        await client.patch(f"{PODS}/a", {"a": 3})
        await client.patch(f"{PODS}/a", [{"op": "test"}], kind=JSON_PATCH)
        await client.apply(f"{PODS}/a", {"a": 4}, field_manager="me")
        await client.apply(f"{PODS}/a", {"a": 4}, field_manager="me", force=False)
        await client.delete(f"{PODS}/a", propagation="Foreground", uid="u", grace_period_seconds=0)
        sent = [(asked.method, asked.query, asked.headers.get("Content-Type"), asked.body) for asked in server.asked]
        assert sent == [
            ("GET", {}, None, None),
            ("GET", {"labelSelector": "a=b", "limit": "5", "continue": "t"}, None, None),
            ("POST", {"fieldManager": "me"}, "application/json", {"a": 1}),
            ("PUT", {}, "application/json", {"a": 2}),
            ("PATCH", {}, "application/merge-patch+json", {"a": 3}),
            ("PATCH", {}, "application/json-patch+json", [{"op": "test"}]),
            ("PATCH", {"fieldManager": "me", "force": "true"}, "application/apply-patch+yaml", {"a": 4}),
            ("PATCH", {"fieldManager": "me"}, "application/apply-patch+yaml", {"a": 4}),
            (
                "DELETE",
                {},
                "application/json",
                {
                    "apiVersion": "v1",
                    "kind": "DeleteOptions",
                    "propagationPolicy": "Foreground",
                    "preconditions": {"uid": "u"},
                    "gracePeriodSeconds": 0,
                },
            ),
        ]

    run(test)


@pytest.mark.parametrize(
    ("code", "reason", "error"),
    [
        (400, "BadRequest", BadRequestError),
        (401, "Unauthorized", UnauthorizedError),
        (403, "Forbidden", ForbiddenError),
        (404, "NotFound", NotFoundError),
        (409, "Conflict", ConflictError),
        (409, "AlreadyExists", AlreadyExistsError),
        (410, "Expired", GoneError),
        (422, "Invalid", InvalidError),
        (429, "TooManyRequests", TooManyRequestsError),
        (500, "InternalError", KubeUnavailableError),
        (418, "Teapot", KubeError),
    ],
)
def test_each_status_has_its_error_with_the_servers_message(code: int, reason: str, error: type[KubeError]) -> None:
    async def test(server: KubeServer, client: KubeClient) -> None:
        server.answers = [status_of(code, reason, "spec.x: is wrong")]
        with pytest.raises(error) as raised:
            await client.create(PODS, {})
        assert type(raised.value) is error
        assert (raised.value.status, raised.value.reason, raised.value.message) == (code, reason, "spec.x: is wrong")
        assert str(raised.value) == f"POST {PODS}: {code} {reason}: spec.x: is wrong"

    run(test)


def test_a_read_is_tried_again_until_there_is_an_answer() -> None:
    async def test(server: KubeServer, client: KubeClient) -> None:
        server.answers = [broken_off, status_of(503, "ServiceUnavailable"), status_of(429, "TooManyRequests"), json_of({"kind": "Pod"})]
        assert await client.get(f"{PODS}/a") == {"kind": "Pod"}

    run(test)


def test_a_read_without_any_answer_ends_after_four_tries() -> None:
    async def test(server: KubeServer, client: KubeClient) -> None:
        server.answers = [status_of(503, "ServiceUnavailable")]
        with pytest.raises(KubeUnavailableError):
            await client.get(f"{PODS}/a")
        assert len(server.asked) == 4

    run(test)


@pytest.mark.parametrize("answer", [broken_off, status_of(503, "ServiceUnavailable"), status_of(429, "TooManyRequests")])
def test_a_write_is_never_sent_twice(answer: object) -> None:
    async def test(server: KubeServer, client: KubeClient) -> None:
        server.answers = [answer]  # type: ignore[list-item]
        with pytest.raises(KubeError):
            await client.create(PODS, {})
        assert len(server.asked) == 1

    run(test)


def test_a_server_that_does_not_answer_in_time_is_unavailable() -> None:
    async def hang(*_: object) -> None:
        await asyncio.sleep(3600)

    async def test(server: KubeServer, client: KubeClient) -> None:
        server.answers = [hang]  # type: ignore[list-item]
        with pytest.raises(KubeUnavailableError) as raised:
            await client.create(PODS, {}, timeout_seconds=0.05)
        assert raised.value.reason == "Timeout"

    run(test)


def test_no_server_at_all_is_unavailable() -> None:
    async def test() -> None:
        async with KubeServer() as server:
            client = server.client()
        async with client:
            with pytest.raises(KubeUnavailableError) as raised:
                await client.get(PODS)
            assert raised.value.reason == "NoConnection"

    asyncio.run(test())


def test_what_a_proxy_says_in_between_is_in_the_message() -> None:
    async def html(*_: object) -> object:
        from aiohttp import web

        return web.Response(status=502, text="<html>bad gateway</html>")

    async def test(server: KubeServer, client: KubeClient) -> None:
        server.answers = [html]  # type: ignore[list-item]
        with pytest.raises(KubeUnavailableError, match="<html>bad gateway</html>"):
            await client.delete(f"{PODS}/a")

    run(test)


def test_a_token_that_was_replaced_is_read_anew_and_the_request_sent_once_more(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("old\n")

    async def test() -> None:
        async with KubeServer() as server, server.client(TokenFile(tmp_path / "token")) as client:
            server.answers = [json_of({}), status_of(401, "Unauthorized"), json_of({"kind": "Pod"})]
            await client.get(PODS)
            (tmp_path / "token").write_text("new\n")
            assert await client.create(PODS, {}) == {"kind": "Pod"}
            assert [asked.headers["Authorization"] for asked in server.asked] == ["Bearer old", "Bearer old", "Bearer new"]

    asyncio.run(test())


def test_a_token_is_read_anew_once_a_minute_and_a_missing_file_leaves_the_last(tmp_path: Path) -> None:
    now = 0.0
    token = TokenFile(tmp_path / "token", clock=lambda: now)

    async def test() -> None:
        nonlocal now
        with pytest.raises(FileNotFoundError):
            await token.header()
        (tmp_path / "token").write_text("one")
        assert await token.header() == "Bearer one"
        (tmp_path / "token").write_text("two")
        now = 59.0
        assert await token.header() == "Bearer one"
        now = 60.0
        assert await token.header() == "Bearer two"
        (tmp_path / "token").unlink()
        now = 120.0
        assert await token.header() == "Bearer two"

    asyncio.run(test())


def test_a_closed_client_says_so() -> None:
    async def test(server: KubeServer, client: KubeClient) -> None:
        server.answers = [json_of({})]
        await client.close()
        with pytest.raises(KubeUnavailableError, match="closed"):
            await client.get(PODS)

    run(test)


def test_one_connection_serves_request_after_request() -> None:
    async def test(server: KubeServer, client: KubeClient) -> None:
        server.answers = [json_of({}), status_of(404, "NotFound"), json_of({})]
        await client.get(PODS)
        with pytest.raises(NotFoundError):
            await client.get(PODS)
        await client.create(PODS, {})
        assert len({asked.peer for asked in server.asked}) == 1

    run(test)


def test_an_answer_of_more_bytes_than_asked_for_is_not_read_to_its_end() -> None:
    async def test(server: KubeServer, client: KubeClient) -> None:
        server.answers = [json_of({"items": ["x" * 1000]})]
        assert (await client.list(PODS, most_bytes=2000))["items"]
        with pytest.raises(AnswerTooLargeError):
            await client.list(PODS, most_bytes=1000)
        assert (await client.list(PODS))["items"], "and the next request is answered as ever"

    run(test)


def test_metadata_alone_is_asked_for_as_the_api_has_it() -> None:
    async def test(server: KubeServer, client: KubeClient) -> None:
        server.answers = [json_of({"items": []})]
        await client.list(PODS, metadata_only=True)
        assert server.asked[-1].headers["Accept"] == "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

    run(test)
