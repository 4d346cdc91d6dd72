"""A watch tells everything there is and every change, whatever the server does in between."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from lambent.kube.backoff import Backoff
from lambent.kube.watch import Added, Deleted, Listed, Modified, WatchSettings, watch_objects
from tests.support.kube_server import Answer, KubeServer, broken_off, json_of, lines_of, status_of

PATH = "/api/v1/namespaces/default/configmaps"
SETTINGS = WatchSettings(idle_seconds=5.0, backoff=Backoff(0.001, 0.001))


def item(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"name": name, "resourceVersion": str(version)}}


def page(version: int, *names: str, token: str = "") -> Answer:
    return json_of({"metadata": {"resourceVersion": str(version), "continue": token}, "items": [item(name, version) for name in names]})


def event(kind: str, name: str, version: int) -> dict[str, Any]:
    return {"type": kind, "object": item(name, version)}


def bookmark(version: int) -> dict[str, Any]:
    return {"type": "BOOKMARK", "object": {"kind": "ConfigMap", "metadata": {"resourceVersion": str(version)}}}


def gone() -> dict[str, Any]:
    return {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}}


def collect(count: int, answers: list[Answer], settings: WatchSettings = SETTINGS) -> tuple[list[Any], KubeServer]:
    async def run() -> tuple[list[Any], KubeServer]:
        events: list[Any] = []
        async with KubeServer(answers) as server, server.client() as client:
            watch = watch_objects(client, PATH, label_selector="a=b", keep=lambda body: body["metadata"]["name"], settings=settings)
            async with aclosing(watch) as changes:
                async for change in changes:
                    events.append(change)
                    if len(events) == count:
                        break
        return events, server

    return asyncio.run(asyncio.wait_for(run(), 20))


def test_it_lists_page_by_page_and_then_follows_from_there() -> None:
    events, server = collect(
        4,
        [
            page(10, "a", "b", token="more"),
            page(10, "c"),
            lines_of(event("ADDED", "d", 11), event("MODIFIED", "a", 12), event("DELETED", "b", 13), then="hang"),
        ],
    )
    assert events == [Listed(("a", "b", "c")), Added("d"), Modified("a"), Deleted("b")]
    assert [asked.query.get("continue") for asked in server.asked[:2]] == [None, "more"]
    watched = server.asked[2].query
    assert (watched["watch"], watched["resourceVersion"], watched["allowWatchBookmarks"]) == ("true", "10", "true")
    assert all(asked.query["labelSelector"] == "a=b" for asked in server.asked)
    assert 150 <= int(watched["timeoutSeconds"]) <= 300


def test_changes_alone_cost_one_object_of_the_list() -> None:
    settings = WatchSettings(idle_seconds=5.0, backoff=Backoff(0.001, 0.001), changes_only=True)
    answers = [
        page(10, "a", token="more"),
        lines_of(gone()),
        page(20, "a", token="more"),
        lines_of(event("MODIFIED", "a", 21), then="hang"),
    ]
    events, server = collect(3, answers, settings)
    assert events == [Listed(()), Listed(()), Modified("a")]
    assert [asked.query.get("limit") for asked in server.asked] == ["1", None, "1", None]
    assert server.asked[3].query["resourceVersion"] == "20"


@pytest.mark.parametrize("ending", ["end", "break"])
def test_it_goes_on_where_it_was_after_the_server_has_ended_it_or_broken_off(ending: str) -> None:
    events, server = collect(
        3,
        [page(10), lines_of(event("ADDED", "a", 11), bookmark(20), then=ending), lines_of(event("ADDED", "b", 21), then="hang")],
    )
    assert events == [Listed(()), Added("a"), Added("b")]
    assert server.asked[2].query["resourceVersion"] == "20"


@pytest.mark.parametrize("interruption", [broken_off, status_of(503, "Unavailable"), status_of(403, "Forbidden"), status_of(500, "X")])
def test_it_outlives_an_api_server_that_is_away_for_a_while(interruption: Answer) -> None:
    events, server = collect(2, [page(10), *[interruption] * 9, lines_of(event("ADDED", "a", 11), then="hang")])
    assert events == [Listed(()), Added("a")]
    assert {asked.query["resourceVersion"] for asked in server.asked[1:]} == {"10"}


@pytest.mark.parametrize("too_old", [lines_of(gone()), status_of(410, "Gone"), status_of(504, "Timeout", "Too large resource version: 10")])
def test_it_lists_anew_when_its_place_in_history_is_lost(too_old: Answer) -> None:
    events, _ = collect(3, [page(10, "a"), too_old, page(30, "b"), lines_of(event("ADDED", "c", 31), then="hang")])
    assert events == [Listed(("a",)), Listed(("b",)), Added("c")]


def test_a_list_whose_pages_have_become_too_old_starts_over() -> None:
    events, server = collect(1, [page(10, "a", token="old"), status_of(410, "Expired"), page(20, "b")])
    assert events == [Listed(("b",))]
    assert "continue" not in server.asked[2].query


def test_a_connection_on_which_nothing_comes_is_left() -> None:
    settings = WatchSettings(idle_seconds=0.05, backoff=Backoff(0.001, 0.001))
    answers = [page(10), lines_of(event("ADDED", "a", 11), then="hang"), lines_of(event("ADDED", "b", 12), then="hang")]
    events, _ = collect(3, answers, settings)
    assert events == [Listed(()), Added("a"), Added("b")]


def test_an_object_of_a_megabyte_is_one_event() -> None:
    large = {"type": "ADDED", "object": item("a", 11) | {"data": "x" * (1 << 20)}}
    events, _ = collect(2, [page(10), lines_of(large, then="hang")])
    assert events == [Listed(()), Added("a")]
