"""What callers choose is kept only where it is short, and only so many times: caches stay small whatever is sent."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambent.activator.front.encoding import CACHED_BYTES, CACHED_ENTRIES, is_short_authority, split_short_target
from lambent.activator.front.server import _CACHES
from lambent.activator.lambda_api.invoke import parse_short_target
from tests.support.front_client import Client, build_front
from tests.support.gateway_world import GatewayWorld

ACTIVATOR = Path(__file__).parents[3] / "operator/lambent/activator"
MEBIBYTE = 1024 * 1024
INVOKE_PATH = b"/2015-03-31/functions/%s/invocations?Qualifier=%s"


@pytest.fixture(autouse=True)
def _empty_caches() -> Iterator[None]:
    clear()
    yield
    clear()


def clear() -> None:
    for cache in (split_short_target, is_short_authority, parse_short_target):
        cache.cache_clear()


def growth(requests: Iterator[bytes]) -> int:
    """Bytes that are held after all requests were answered and their connections are gone."""
    world = GatewayWorld({"statusCode": 200})
    world.add_function()
    front = build_front(world.gateway)  # type: ignore[arg-type]
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for request in requests:
            Client(front).send(request, cut=16_000).vanish()
        world.invocations.clear()
        world.metrics.counted.clear()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return after - before


def test_long_hosts_and_targets_leave_nothing_behind() -> None:
    def requests() -> Iterator[bytes]:
        for number in range(300):
            yield b"GET / HTTP/1.1\r\nHost: %d.%s\r\n\r\n" % (number, b"a" * 63_000)
            yield b"GET /%d%s HTTP/1.1\r\nHost: hello.default\r\n\r\n" % (number, b"a" * 16_000)
            yield b"POST " + INVOKE_PATH % (b"%d" % number + b"a" * 14_000, b"b" * 1_000) + b" HTTP/1.1\r\nHost: a\r\n\r\n"

    assert growth(requests()) < MEBIBYTE // 2


def test_the_longest_keys_that_are_kept_fit_their_bound() -> None:
    """The bounds of docs/operations.md, "Bounds": a mebibyte of targets, half of one of hosts, a mebibyte and a half of functions."""

    def requests() -> Iterator[bytes]:
        for number in range(CACHED_ENTRIES * 2):
            path = b"/%05d?" % number
            yield b"GET " + path + b"a" * (CACHED_BYTES - len(path)) + b" HTTP/1.1\r\nHost: %05d.%s\r\n\r\n" % (number, b"a" * 200)
        for number in range(CACHED_ENTRIES * 2):
            yield b"POST " + INVOKE_PATH % (b"%05d" % number + b"a" * 59, b"b" * 128) + b" HTTP/1.1\r\nHost: a\r\n\r\n"

    assert growth(requests()) < 3 * MEBIBYTE
    assert {name: cache.cache_info().currsize for name, cache in _CACHES.items()} == dict.fromkeys(_CACHES, CACHED_ENTRIES)


def test_every_cache_of_the_activator_is_known() -> None:
    caches = {
        f"{path.relative_to(ACTIVATOR)}: {line.strip()}"
        for path in ACTIVATOR.rglob("*.py")
        for line in path.read_text().splitlines()
        if "lru_cache(" in line
    }

    # Keyed by what callers send, and bounded by length: all but that of the clock's seconds.
    assert caches == {
        "lambda_api/invoke.py: @lru_cache(maxsize=1024)",
        "front/encoding.py: @lru_cache(maxsize=CACHED_ENTRIES)",
        "gateway/proxies.py: self._trusts = lru_cache(maxsize=_KEPT)(self._look)",
        "events/context.py: @lru_cache(maxsize=4)",
    }
