"""Lists come whole whatever sizes objects have, and what is read at once stays within the bytes of a page."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from typing import Any, cast

import hypothesis.strategies as st
from hypothesis import given

from lambent.activator.cluster.watcher import keep_function
from lambent.kube.client import KubeClient
from lambent.kube.errors import AnswerTooLargeError
from lambent.kube.pages import PAGE_BYTES, list_pages
from lambent.kube.watch import Listed, watch_objects


class Sized:
    """Serves objects of such sizes, in characters of one field; counts the bytes of the largest answer that was read whole."""

    def __init__(self, sizes: list[int]) -> None:
        self.sizes = sizes
        self.largest = 0
        self.lists = 0

    def item(self, number: int) -> dict[str, Any]:
        code = {"inline": {"app.py": "x" * self.sizes[number]}}
        return {"metadata": {"name": f"f{number}", "namespace": "n"}, "spec": {"runtime": "python3.11", "code": code}}

    async def list(self, path: str, *, limit: int, continue_token: str, most_bytes: int, **_: Any) -> dict[str, Any]:
        self.lists += 1
        first = int(continue_token or 0)
        numbers = range(first, min(first + limit, len(self.sizes)))
        if most_bytes and sum(self.sizes[number] for number in numbers) > most_bytes:
            raise AnswerTooLargeError(0, "AnswerTooLarge", "too large", path)
        text = json.dumps([self.item(number) for number in numbers])
        self.largest = max(self.largest, len(text))
        left = {"continue": str(numbers.stop)} if numbers.stop < len(self.sizes) else {}
        return {"metadata": {"resourceVersion": "7", **left}, "items": json.loads(text)}


@given(st.lists(st.sampled_from([1, 10, 400, 999, 3000]), max_size=40), st.integers(1, 12))
def test_every_object_comes_once_and_pages_hold_no_more_than_they_may(sizes: list[int], page_size: int) -> None:
    server = Sized(sizes)

    async def names() -> list[str]:
        pages = list_pages(cast("KubeClient", server), "/x", page_size=page_size, page_bytes=1000)
        return [item["metadata"]["name"] async for page in pages for item in page["items"]]

    assert asyncio.run(names()) == [f"f{number}" for number in range(len(sizes))]
    envelope = 200
    assert server.largest <= max(1000, *sizes, 0) + envelope * page_size
    assert server.lists <= 2 * len(sizes) + 2


def test_a_hundred_functions_of_a_megabyte_take_the_memory_of_a_page() -> None:
    """110 Functions of 0.95 MB of code, as an activator lists them; read in one page they would take over 200 MiB."""
    server = Sized([950_000] * 110)

    async def listed() -> int:
        events = watch_objects(cast("KubeClient", server), "/x", keep=keep_function)
        event = await anext(events)
        assert isinstance(event, Listed)
        await events.aclose()
        return len(event.items)

    tracemalloc.start()
    try:
        assert asyncio.run(listed()) == 110
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert server.largest <= PAGE_BYTES + 100_000
    assert peak <= 6 * PAGE_BYTES
