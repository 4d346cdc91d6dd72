"""Invocations that come ahead of a slot are kept for the next one, and leave nothing behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from lambent_shim.configuration import parse_configuration
from lambent_shim.link import wire
from lambent_shim.link.invocation import Invocation
from lambent_shim.link.links import Links


class FakeLink:
    """What `Links` uses of a link; `sent` has (kind, id or count, flags)."""

    def __init__(self) -> None:
        self.invocations: dict[int, Invocation] = {}
        self.sent: list[tuple[Any, ...]] = []
        self.activator = "activator-1"
        self.told_function = "probe"

    def send(self, frame: bytes) -> None:
        kind = frame[0]
        if kind == wire.BOUNCE:
            self.sent.append(("bounce", wire.decode_part(frame)[1]))
        elif kind == wire.GRANT:
            self.sent.append(("grant", wire.decode_count(frame)))
        else:
            self.sent.append((kind,))

    def send_result(self, identifier: int, flags: int, meta: bytes, payload: bytes) -> None:
        self.sent.append(("result", identifier, bool(flags & wire.AGAIN)))

    def ping(self) -> None:
        pass


class FakeRunner:
    def __init__(self) -> None:
        self.begun: list[Invocation] = []

    def begin(self, invocation: Invocation) -> None:
        self.begun.append(invocation)

    def withdraw(self, invocation: Invocation) -> None:
        self.begun.remove(invocation)

    def refuse_too_large(self, invocation: Invocation, limit: int) -> None:
        raise AssertionError


class World:
    """The books of a pod with `slots` slots, and two links."""

    def __init__(self, slots: int = 1, keep_seconds: float = 3600.0) -> None:
        fields: Mapping[str, Any] = {
            "namespace": "default",
            "function": "probe",
            "revision": "0123456789",
            "runtime": "python3.11",
            "handler": "app.handler",
            "version": "$LATEST",
            "timeoutSeconds": 3,
            "memoryMiB": 128,
            "concurrency": slots,
            "activators": ["activator:8081"],
            "tokenFile": "",
            "taskRoot": "/var/task",
            "region": "us-east-1",
            "arn": "arn:aws:lambda:x",
        }
        configuration = parse_configuration(json.dumps(fields), runtime_dir="/var/runtime", pod="probe-1")
        self.links = Links(configuration, started_at=0.0, read_token=str, keep_seconds=keep_seconds)
        self.runner = self.links.runner = FakeRunner()
        self.one, self.two = FakeLink(), FakeLink()
        self.links.open = {self.one, self.two}  # type: ignore[assignment]

    def invoke(self, identifier: int, link: FakeLink | None = None, flags: int = wire.AHEAD | wire.LAST) -> None:
        meta = b'{"requestId":"r","arn":"a"}'
        self.links.link_invoke(link or self.one, flags, identifier, meta, b"{}")  # type: ignore[arg-type]

    def end(self, identifier: int, link: FakeLink | None = None) -> None:
        invocation = (link or self.one).invocations[identifier]
        self.runner.begun.remove(invocation)
        self.links.answer(invocation, 0, b"{}", b"1")

    @property
    def running(self) -> list[int]:
        return [invocation.identifier for invocation in self.runner.begun]


def in_a_loop(scenario: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await scenario()

    asyncio.run(run())


def test_the_next_one_starts_the_moment_a_slot_is_free() -> None:
    async def scenario() -> None:
        world = World()
        world.invoke(1)
        world.invoke(2)
        assert world.running == [1]
        world.end(1)
        assert world.running == [2]
        assert world.one.sent == [("result", 1, False)]
        world.end(2)
        assert world.one.sent == [("result", 1, False), ("result", 2, True)]

    in_a_loop(scenario)


def test_as_many_are_kept_as_there_are_slots() -> None:
    async def scenario() -> None:
        world = World(slots=2)
        for identifier in range(1, 6):
            world.invoke(identifier)
        assert world.running == [1, 2]
        assert world.one.sent == [("bounce", 5)]
        assert set(world.one.invocations) == {1, 2, 3, 4}

    in_a_loop(scenario)


@pytest.mark.parametrize("flags", [wire.LAST, wire.AHEAD])
def test_only_what_says_so_and_is_whole_is_kept(flags: int) -> None:
    async def scenario() -> None:
        world = World()
        world.invoke(1)
        world.invoke(2, flags=flags)
        assert world.one.sent == [("bounce", 2)]

    in_a_loop(scenario)


def test_links_have_their_turns_in_order_whatever_they_wait_by() -> None:
    async def scenario() -> None:
        world = World()
        world.invoke(1)
        world.invoke(7, world.two, flags=wire.LAST)
        world.invoke(2)
        world.end(1)
        assert world.two.sent == [("bounce", 7), ("grant", 1)]
        assert world.running == []
        world.links.link_return(world.two, 1)  # type: ignore[arg-type]
        assert world.running == [2]

    in_a_loop(scenario)


def test_one_whose_caller_is_gone_is_answered_and_never_starts() -> None:
    async def scenario() -> None:
        world = World()
        world.invoke(1)
        world.invoke(2)
        world.links.link_cancel(world.one, 2)  # type: ignore[arg-type]
        assert world.one.sent == [("result", 2, False)]
        world.end(1)
        assert world.running == []
        assert world.one.sent[-1] == ("result", 1, True)
        assert not world.one.invocations

    in_a_loop(scenario)


def test_a_link_that_closes_takes_its_own_with_it() -> None:
    async def scenario() -> None:
        world = World()
        world.invoke(1, world.two)
        world.invoke(2)
        world.links.link_closed(world.one)  # type: ignore[arg-type]
        world.end(1, world.two)
        assert world.running == []
        assert world.two.sent == [("result", 1, True)]
        assert world.links.slots.free == 1

    in_a_loop(scenario)


def test_a_pod_that_drains_bounces_what_has_not_started() -> None:
    async def scenario() -> None:
        world = World()
        world.invoke(1)
        world.invoke(2)
        world.links.drain()
        assert world.one.sent == [(wire.DRAINING,), ("bounce", 2)]
        world.end(1)
        assert world.running == []

    in_a_loop(scenario)


def test_none_waits_for_long() -> None:
    async def scenario() -> None:
        world = World(keep_seconds=0.0)
        world.invoke(1)
        world.invoke(2)
        bounced = asyncio.Event()
        send = world.one.send

        def sends(frame: bytes) -> None:
            send(frame)
            bounced.set()

        world.one.send = sends  # type: ignore[method-assign]
        await bounced.wait()
        assert world.one.sent == [("bounce", 2)]
        assert set(world.one.invocations) == {1}
        world.end(1)
        # As after any bounce, its link has a place.
        assert world.one.sent == [("bounce", 2), ("result", 1, False), ("grant", 1)]

    in_a_loop(scenario)
