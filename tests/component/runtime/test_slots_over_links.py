"""The real shim arbitrates between activators: never more than N at once, nobody forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lambent.api import link as wire
from tests.support.scripted_activator import ScriptedActivator, ScriptedLink, Shim, linked_shim, run_shim

# Each invocation says that it runs, then waits for a file: no test depends on how long anything takes.
CODE = """
import os, time

def handler(event, context):
    if "gate" in event:
        print("running", event["gate"])
        while not os.path.exists(event["gate"]):
            time.sleep(0.002)
    return event
"""


@asynccontextmanager
async def two_links(tmp_path: Path, **fields: Any) -> AsyncIterator[tuple[ScriptedLink, ScriptedLink, Shim]]:
    first, second = ScriptedActivator(), ScriptedActivator()
    await first.listen()
    await second.listen()
    try:
        async with run_shim(tmp_path, CODE, first.address, second.address, **fields) as shim:
            links = []
            for number, activator in enumerate((first, second), 1):
                link = await activator.accept()
                link.welcome(name=f"activator-{number}")
                assert (await link.initialised())["ok"]
                links.append(link)
            yield links[0], links[1], shim
    finally:
        first.close()
        second.close()


def test_a_second_invocation_bounces_and_its_link_is_granted_the_slot(tmp_path: Path) -> None:
    async def run() -> None:
        gate = tmp_path / "gate"
        async with two_links(tmp_path) as (one, two, shim):
            first = one.invoke({"gate": str(gate)})
            await shim.logged(lambda line: "running" in line)
            second = two.invoke({})
            assert wire.decode_part(await two.expect(wire.BOUNCE))[1] == second
            gate.touch()
            assert not (await one.result(first)).again
            assert wire.decode_count(await two.expect(wire.GRANT)) == 1
            # The slot is kept for the second link: the first is bounced although nothing runs.
            assert wire.decode_part(await bounce_of(one, one.invoke({})))[0] == 0
            result = await two.result(two.invoke({}))
            assert not result.again
            assert wire.decode_count(await one.expect(wire.GRANT)) == 1

    asyncio.run(run())


async def bounce_of(link: ScriptedLink, identifier: int) -> bytes:
    frame = await link.expect(wire.BOUNCE)
    assert wire.decode_part(frame)[1] == identifier
    return frame


def test_a_returned_grant_goes_to_who_wants_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with two_links(tmp_path) as (one, two, _):
            one.send(wire.encode_control(wire.WANT))
            assert wire.decode_count(await one.expect(wire.GRANT)) == 1
            bounced = two.invoke({})
            await bounce_of(two, bounced)
            one.send(wire.encode_count(wire.RETURN, 1))
            assert wire.decode_count(await two.expect(wire.GRANT)) == 1
            assert (await two.call({"a": 1})).json == {"a": 1}

    asyncio.run(run())


def test_a_closed_link_gives_up_its_grant_and_its_half_sent_invocation(tmp_path: Path) -> None:
    async def run() -> None:
        async with two_links(tmp_path, concurrency=2) as (one, two, _):
            one.send(wire.encode_control(wire.WANT))
            await one.expect(wire.GRANT)
            one.invoke(b'{"half":', last=False)
            one.invoke(b'{"half":', last=False)
            await bounce_of(two, two.invoke({}))
            assert one.transport is not None
            one.transport.disconnect(graceful=False)
            await two.expect(wire.GRANT)
            assert (await two.call({})).json == {}

    asyncio.run(run())


def test_a_started_invocation_runs_on_when_its_link_breaks_and_frees_its_slot(tmp_path: Path) -> None:
    async def run() -> None:
        gate = tmp_path / "gate"
        async with two_links(tmp_path) as (one, two, shim):
            one.invoke({"gate": str(gate)})
            await shim.logged(lambda line: "running" in line)
            assert one.transport is not None
            one.transport.disconnect(graceful=False)
            await one.closed.wait()
            await bounce_of(two, two.invoke({}))
            gate.touch()
            await two.expect(wire.GRANT)
            await shim.logged(lambda line: line.startswith("REPORT RequestId: request-1"))
            assert (await two.call({"after": 1})).json == {"after": 1}

    asyncio.run(run())


def test_a_cancelled_invocation_is_answered_by_nothing_but_its_slot(tmp_path: Path) -> None:
    async def run() -> None:
        gate = tmp_path / "gate"
        async with linked_shim(tmp_path, CODE) as (link, shim):
            running = link.invoke({"gate": str(gate)})
            await shim.logged(lambda line: "running" in line)
            link.send(wire.encode_part(wire.CANCEL, 0, running))
            gate.touch()
            assert await link.result(running) == (wire.LAST | wire.AGAIN, {}, b"")
            half = link.invoke(b"{", last=False)
            link.send(wire.encode_part(wire.CANCEL, 0, half))
            assert await link.result(half) == (wire.LAST | wire.AGAIN, {}, b"")
            link.send(wire.encode_part(wire.BODY, wire.LAST, half, b"}"))
            link.send(wire.encode_part(wire.CANCEL, 0, 999))
            assert (await link.call({"next": 1})).json == {"next": 1}

    asyncio.run(run())


def test_waiting_puts_a_link_back_into_the_queue(tmp_path: Path) -> None:
    async def run() -> None:
        gate = tmp_path / "gate"
        async with two_links(tmp_path) as (one, two, shim):
            first = one.invoke({"gate": str(gate)}, flags=wire.WAITING)
            await shim.logged(lambda line: "running" in line)
            await bounce_of(two, two.invoke({}))
            gate.touch()
            assert not (await one.result(first)).again
            await two.expect(wire.GRANT)
            assert not (await two.call({})).again
            assert wire.decode_count(await one.expect(wire.GRANT)) == 1

    asyncio.run(run())


def test_as_many_run_at_once_as_there_are_slots(tmp_path: Path) -> None:
    async def run() -> None:
        gate = tmp_path / "gate"
        async with linked_shim(tmp_path, CODE, concurrency=3) as (link, shim):
            numbers = [link.invoke({"gate": str(gate), "n": n}) for n in range(3)]
            for number in numbers:
                await shim.logged(lambda line, number=number: line.startswith(f"request-{number}\trunning"))
            fourth = link.invoke({})
            await bounce_of(link, fourth)
            gate.touch()
            results = [await link.result() for _ in numbers]
            assert sorted(result.json["n"] for result in results) == [0, 1, 2]

    asyncio.run(run())


def test_an_event_in_parts_arrives_whole(tmp_path: Path) -> None:
    async def run() -> None:
        text = '"' + "é" * 3_000_000 + '"'
        body = text.encode()
        async with linked_shim(tmp_path, CODE, memoryMiB=512) as (link, _):
            number = link.invoke(body[: wire.CHUNK_BYTES], last=False)
            for start in range(wire.CHUNK_BYTES, len(body), wire.CHUNK_BYTES):
                last = wire.LAST if start + wire.CHUNK_BYTES >= len(body) else 0
                link.send(wire.encode_part(wire.BODY, last, number, body[start : start + wire.CHUNK_BYTES]))
            result = await link.result(number)
            assert result.meta["reason"] == "Function.ResponseTooLarge"  # 3 million characters, each \u00e9 in ASCII
            number = link.invoke(body[: wire.CHUNK_BYTES], last=False)
            for _ in range(40):
                link.send(wire.encode_part(wire.BODY, 0, number, b"x" * wire.CHUNK_BYTES))
            assert (await link.result(number)).meta["reason"] == "Caller.TooLarge"
            assert (await link.call({})).json == {}

    asyncio.run(run())


def test_draining_answers_what_runs_and_bounces_the_rest(tmp_path: Path) -> None:
    async def run() -> int:
        gate = tmp_path / "gate"
        async with linked_shim(tmp_path, CODE, concurrency=2) as (link, shim):
            running = link.invoke({"gate": str(gate)})
            await shim.logged(lambda line: "running" in line)
            shim.terminate()
            await link.expect(wire.DRAINING)
            await bounce_of(link, link.invoke({}))
            gate.touch()
            result = await link.result(running)
            assert result.json == {"gate": str(gate)}
            assert not result.again
            await link.closed.wait()
            return await shim.ended()

    assert asyncio.run(run()) == 0
