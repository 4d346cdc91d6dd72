"""Misuse and crashes around BECOME, with the real shim as a process."""

from __future__ import annotations

import asyncio
import os
import select
import signal
from pathlib import Path
from typing import Any

import pytest

from lambent.api import link as wire
from tests.support.pool_pod import HELLO, became, become, linked_pool_pod, run_pool_pod
from tests.support.scripted_activator import ScriptedActivator, ScriptedLink, find_free_port, linked_shim

IS_PROBE = {"ok": True, "function": "probe", "revision": "0123456789", "slots": 1, "error": ""}


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_for_end(pid: int) -> None:
    descriptor = os.pidfd_open(pid)
    select.select([descriptor], [], [])
    os.close(descriptor)


async def read_until_init(link: ScriptedLink) -> list[dict[str, Any]]:
    """The objects of all BECAMEs before a successful INIT."""
    answers = []
    while (frame := await link.next_frame())[0] == wire.BECAME:
        answers.append(wire.decode_control(frame))
    assert frame[0] == wire.INIT
    assert wire.decode_control(frame)["ok"]
    return answers


def test_of_two_that_come_at_once_one_wins_and_the_other_learns_what_the_pod_is(tmp_path: Path) -> None:
    async def run() -> None:
        async with linked_pool_pod(tmp_path, links=2) as (links, _):
            names = ("one", "two")
            for link, name in zip(links, names, strict=True):
                link.send(become(HELLO.replace("world", name), function=name))
            said = [[await links[0].next_frame() for _ in range(2)], [await links[1].next_frame() for _ in range(2)]]
            winner = next(wire.decode_control(frame)["function"] for frame in said[0] if frame[0] == wire.BECAME)
            loser = names.index(winner) ^ 1
            # It is told once more than the other: as everybody is, and as the answer to its own, which may come after INIT.
            said[loser].append(await links[loser].next_frame())
            for frames in said:
                assert [wire.decode_control(frame)["ok"] for frame in frames if frame[0] == wire.INIT] == [True]
            is_winner = IS_PROBE | {"function": winner}
            assert [wire.decode_control(frame) for frame in said[loser ^ 1] if frame[0] == wire.BECAME] == [is_winner]
            assert sorted(
                (wire.decode_control(frame) for frame in said[loser] if frame[0] == wire.BECAME), key=lambda told: told["ok"]
            ) == [
                is_winner | {"ok": False, "error": f"the pod is {winner} at 0123456789"},
                is_winner,
            ]
            for link in links:
                assert (await link.call({})).json == {"hello": winner}

    asyncio.run(run())


def test_everybody_else_is_told_and_a_link_that_opens_later_hears_it_in_hello(tmp_path: Path) -> None:
    async def run() -> None:
        late = ScriptedActivator()
        await late.listen()
        async with linked_pool_pod(tmp_path, links=2) as ([one, two], _):
            one.send(become())
            assert await became(one) == await became(two) == IS_PROBE
            assert (await one.initialised())["ok"]
            assert (await two.initialised())["ok"]
            two.send(wire.encode_control(wire.PEERS, {"peers": [late.address]}))
            third = await late.accept()
            hello = third.hello
            assert (hello["pool"], hello["function"], hello["revision"], hello["slots"]) == (True, "probe", "0123456789", 1)
            third.welcome(name="activator-3")
            assert (await third.initialised())["ok"]
            assert (await third.call({"name": "late"})).json == {"hello": "late"}
        late.close()

    asyncio.run(run())


def test_a_link_that_is_welcomed_between_hears_what_its_hello_could_not_say(tmp_path: Path) -> None:
    async def run() -> None:
        first, slow = ScriptedActivator(), ScriptedActivator()
        await first.listen()
        await slow.listen()
        async with run_pool_pod(tmp_path, first, slow):
            link, unwelcomed = await first.accept(), await slow.accept()
            assert unwelcomed.hello["function"] == ""
            link.welcome()
            link.send(become())
            assert await read_until_init(link) == [IS_PROBE]
            unwelcomed.welcome(name="activator-2")
            assert await became(unwelcomed) == IS_PROBE
            assert (await unwelcomed.initialised())["ok"]
        first.close()
        slow.close()

    asyncio.run(run())


def test_the_same_again_is_no_error_and_runs_nothing_twice(tmp_path: Path) -> None:
    async def run() -> list[str]:
        async with linked_pool_pod(tmp_path) as ([link], shim):
            code = "print('imported')\n" + HELLO
            link.send(become(code))
            link.send(become(code))
            assert [await became(link), await became(link)] == [IS_PROBE, IS_PROBE]
            assert (await link.initialised())["ok"]
            link.send(become(code, revision="9876543210"))
            assert await became(link) == IS_PROBE | {"ok": False, "error": "the pod is probe at 0123456789"}
            assert (await link.call({})).json == {"hello": "world"}
            await shim.logged(lambda line: line.startswith("REPORT"))
            return list(shim.lines)

    assert asyncio.run(run()).count("-\timported") == 1


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        (become({"../x": "1"}), "files holds '../x', allowed: relative paths without empty, '.' and '..' parts"),
        (become(namespace="other"), "shim.namespace is 'other', allowed: 'default', which is the pod's"),
        (become({"a": "1", "a/b": "2"}), "the code cannot be written: [Errno 17] File exists: "),
        (become(timeoutSeconds=0), "shim.timeoutSeconds is 0, allowed: 0.001 to 900"),
    ],
)
def test_what_cannot_be_is_refused_and_the_pod_stays_generic(tmp_path: Path, frame: bytes, error: str) -> None:
    async def run() -> None:
        async with linked_pool_pod(tmp_path) as ([link], _):
            link.send(frame)
            refused = await became(link)
            assert (refused["ok"], refused["function"], refused["slots"]) == (False, "", 1)
            assert refused["error"].startswith(error)
            assert not list((tmp_path / "task").iterdir())
            link.send(become())
            assert await became(link) == IS_PROBE
            assert (await link.initialised())["ok"]

    asyncio.run(run())


def test_a_generic_pod_ends_quietly_by_sigterm(tmp_path: Path) -> None:
    async def run() -> tuple[int, list[str]]:
        async with linked_pool_pod(tmp_path) as ([link], shim):
            shim.terminate()
            await link.expect(wire.DRAINING)
            return await shim.ended(), shim.lines

    assert asyncio.run(run()) == (0, [])


def test_a_pod_that_drains_becomes_nothing(tmp_path: Path) -> None:
    async def run() -> int:
        async with linked_pool_pod(tmp_path, links=2) as ([one, two], shim):
            # The second's answer to DRAINING is held back, so that the shim waits with its end.
            assert two.transport is not None
            two.transport.underlying_transport.pause_reading()
            shim.terminate()
            await one.expect(wire.DRAINING)
            one.send(become())
            refused = await became(one)
            assert (refused["ok"], refused["function"], refused["error"]) == (False, "", "the pod is draining")
            two.transport.underlying_transport.resume_reading()
            return await shim.ended()

    assert asyncio.run(run()) == 0


def test_the_prepared_interpreters_end_is_a_generic_pods_end(tmp_path: Path) -> None:
    async def run() -> tuple[int, list[str]]:
        async with linked_pool_pod(tmp_path) as (_, shim):
            for child in children_of(shim.process.pid):
                os.kill(child, signal.SIGKILL)
                break
            return await shim.ended(), shim.lines

    status, lines = asyncio.run(run())
    assert status == 1
    assert [line for line in lines if "has ended" in line and "signal: killed" in line and "the pod ends with it" in line]


def test_a_become_that_meets_a_dead_interpreter_is_refused(tmp_path: Path) -> None:
    async def run() -> tuple[int, dict[str, Any]]:
        async with linked_pool_pod(tmp_path) as ([link], shim):
            shim.process.send_signal(signal.SIGSTOP)
            for child in children_of(shim.process.pid):
                os.kill(child, signal.SIGKILL)
                wait_for_end(child)
            link.send(become())
            shim.process.send_signal(signal.SIGCONT)
            frame = await link.next_frame()
            # It may have seen its children's end before it reads BECOME.
            said = wire.decode_control(frame) if frame[0] == wire.BECAME else {"ok": False, "function": ""}
            return await shim.ended(), said

    status, said = asyncio.run(run())
    assert (status, said["ok"], said["function"]) == (1, False, "")


def test_the_prepared_interpreters_end_is_not_a_functions(tmp_path: Path) -> None:
    async def run() -> None:
        async with linked_pool_pod(tmp_path) as ([link], shim):
            prepared, candidate = sorted(children_of(shim.process.pid))
            link.send(become("import os\ndef handler(event, context):\n    return os.getpid() if not event else os._exit(1)\n"))
            assert (await became(link))["ok"]
            assert (await link.initialised())["ok"]
            assert (await link.call({})).json == candidate
            os.kill(prepared, signal.SIGKILL)
            assert (await link.call({})).json == candidate
            # The worker goes too: the next comes from the interpreter that was started in the first one's place.
            assert (await link.call({"end": 1})).meta["reason"] == "Function.Exit"
            assert (await link.call({})).json not in (prepared, candidate)

    asyncio.run(run())


@pytest.mark.parametrize("folder", ["task", "tmp"])
def test_a_container_that_was_a_function_says_so_and_becomes_none(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "left.txt").touch()

    async def run() -> None:
        async with linked_pool_pod(tmp_path) as ([link], _):
            assert link.hello["used"] is True
            link.send(become())
            refused = await became(link)
            assert (refused["ok"], refused["function"]) == (False, "")
            assert refused["error"] == "the container was a function before it was restarted"

    asyncio.run(run())


def test_a_shim_that_is_killed_and_started_again_finds_what_it_was(tmp_path: Path) -> None:
    async def run() -> None:
        async with linked_pool_pod(tmp_path) as ([link], shim):
            link.send(become())
            assert (await became(link))["ok"]
            assert (await link.initialised())["ok"]
            shim.process.kill()
            await shim.ended()
        async with linked_pool_pod(tmp_path) as ([link], _):
            hello = link.hello
            assert (hello["used"], hello["function"], hello["revision"]) == (True, "", "")
            link.send(become(function="other"))
            assert not (await became(link))["ok"]

    asyncio.run(run())


def test_a_pod_of_a_function_obeys_no_become(tmp_path: Path) -> None:
    async def run() -> None:
        async with linked_shim(tmp_path, HELLO) as (link, _):
            for name in ("probe", "other"):
                link.send(become("raise SystemExit\n", function=name))
                refused = await became(link)
                assert (refused["ok"], refused["function"], refused["revision"]) == (False, "probe", "0123456789")
                assert refused["error"] == "the pod was started for its function, it becomes none"
            assert (await link.call({"name": "same"})).json == {"hello": "same"}

    asyncio.run(run())


def test_a_become_before_welcome_breaks_the_link(tmp_path: Path) -> None:
    async def run() -> None:
        activator = ScriptedActivator()
        await activator.listen()
        async with run_pool_pod(tmp_path, activator):
            link = await activator.accept()
            link.send(become())
            await link.closed.wait()
            assert not list((tmp_path / "task").iterdir())
            again = await activator.accept()
            assert again.hello["function"] == ""
        activator.close()

    asyncio.run(run())


def test_a_generic_pod_runs_no_invocation_and_grants_no_slot(tmp_path: Path) -> None:
    async def run() -> None:
        async with linked_pool_pod(tmp_path) as ([link], _):
            number = link.invoke({})
            assert wire.decode_part(await link.expect(wire.BOUNCE))[1] == number
            link.send(become())
            assert (await became(link))["ok"]
            # Who was bounced waits for a grant, as ever.
            assert wire.decode_count(await link.expect(wire.GRANT)) == 1
            assert (await link.initialised())["ok"]
            assert (await link.call({"name": "x"})).json == {"hello": "x"}

    asyncio.run(run())


def test_who_connects_to_the_pod_cannot_make_it_anything(tmp_path: Path) -> None:
    async def run() -> None:
        port = await find_free_port()
        async with linked_pool_pod(tmp_path, statusPort=port) as ([link], shim):
            upgrade = "GET /link HTTP/1.1\r\nHost: pod\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            frame = become()
            for attempt in (
                upgrade.encode() + b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x82\x7e" + len(frame).to_bytes(2, "big") + frame,
                b"POST /become HTTP/1.1\r\nHost: pod\r\nContent-Length: %d\r\n\r\n%b" % (len(frame), frame),
                frame,
            ):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(attempt)
                writer.write_eof()
                answer = await reader.read()
                assert not answer.startswith((b"HTTP/1.1 1", b"HTTP/1.1 2"))
                writer.close()
            assert not list((tmp_path / "task").iterdir())
            assert shim.process.returncode is None
            link.send(become())
            assert await became(link) == IS_PROBE

    asyncio.run(run())
