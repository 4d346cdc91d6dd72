"""A real activator with a real function behind it, and clients that send whatever they like: it answers others, and its memory stays."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from random import Random

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from bench.hostile.sender import conversations, play_all
from bench.hostile.traffic import Conversation, make_conversation
from tests.component.activator.conftest import ActivatorProcess, Loopback, function
from tests.support.examples_drawn import examples
from tests.support.waiting import wait_for

ECHO = function("echo", "app.echo", concurrency=4, url={"cors": {"allowOrigins": ["*"], "allowMethods": ["*"], "allowHeaders": ["*"]}})
INVOKE = "/2015-03-31/functions/echo/invocations"
REQUESTS = 4_000
GROWTH_KIB = 10 * 1024

hostile = st.randoms(use_true_random=False).map(make_conversation)


@pytest.fixture(scope="module")
def activator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActivatorProcess]:
    loopback = Loopback(tmp_path_factory.mktemp("hostile"))
    activator = loopback.activator(ECHO)
    loopback.shim(ECHO, activator)
    yield activator
    loopback.end()


def assault(activator: ActivatorProcess, row: Iterator[Conversation]) -> None:
    asyncio.run(play_all("127.0.0.1", activator.http, row))


def is_at_rest(activator: ActivatorProcess) -> bool:
    """Whether nothing is held of anybody: nothing being received, sent, waiting or run, and no connection."""
    figures = activator.figures()
    assert {name: count for name, count in figures.items() if count and name != "residentKiB"} == {}
    return True


def answers(activator: ActivatorProcess) -> bool:
    with urllib.request.urlopen(activator.url + INVOKE, b'{"name": "Ada"}', timeout=20) as response:
        return bool(json.load(response) == {"name": "Ada"})


@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
@given(row=st.lists(hostile, min_size=1, max_size=12))
def test_after_any_connections_others_are_answered_and_nothing_is_held(activator: ActivatorProcess, row: list[Conversation]) -> None:
    assault(activator, iter(row))

    assert answers(activator)
    wait_for(lambda: is_at_rest(activator), "nothing to be held", 20, 0.01)


def test_memory_after_hostile_requests_is_what_it_was_before(activator: ActivatorProcess) -> None:
    """The quick half of `make bench`'s 100,000: caches and allocators are filled by the first ones, then nothing grows."""
    assault(activator, conversations(REQUESTS, seed=1))
    before = activator.figures()["residentKiB"]

    assault(activator, conversations(REQUESTS, seed=2))

    wait_for(lambda: is_at_rest(activator), "nothing to be held", 20, 0.01)
    assert activator.figures()["residentKiB"] - before < GROWTH_KIB
    assert answers(activator)


def test_the_same_seed_makes_the_same_conversations() -> None:
    assert [make_conversation(Random(7)) for _ in range(3)] == [make_conversation(Random(7)) for _ in range(3)]
