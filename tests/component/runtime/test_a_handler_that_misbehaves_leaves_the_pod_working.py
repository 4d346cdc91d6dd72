"""Whatever a handler does, its caller gets Lambda's error and the next invocation works."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from lambent.api import link as wire
from tests.support.scripted_activator import Result, ScriptedActivator, Shim, linked_shim, run_shim

CODE = """
import os, signal, subprocess, sys, threading, time

calls = 0

def handler(event, context):
    global calls
    calls += 1
    return globals()[event["do"]](event, context)

def count(event, context):
    return calls

def fail(event, context):
    raise ValueError("boom")

def leave(event, context):
    sys.exit(event.get("code", 1))

def vanish(event, context):
    os._exit(7)

def crash(event, context):
    import ctypes
    ctypes.string_at(0)

def kill(event, context):
    os.kill(os.getpid(), 9)

def spin(event, context):
    while True:
        pass

def stop(event, context):
    os.kill(os.getpid(), signal.SIGSTOP)

def fill(event, context):
    return len(" " * 10**9)

def grow(event, context):
    pieces = []
    while True:
        pieces.append(b"x" * 1000)

def fill_by_a_child(event, context):
    return subprocess.run([sys.executable, "-c", "x = b'y' * 10**9"]).returncode

def fork_a_pool(event, context):
    kept = bytearray(b"x") * (60 << 20)
    children = []
    for _ in range(8):
        reading, writing = os.pipe()
        if os.fork() == 0:
            os.close(writing)
            os.read(reading, 1)
            os._exit(kept[0])
        children.append(writing)
    time.sleep(0.5)
    for writing in children:
        os.close(writing)
    return [os.waitstatus_to_exitcode(os.wait()[1]) for _ in children]

def unmarshallable(event, context):
    return {1, 2}

def huge(event, context):
    return "x" * event["size"]

def flood(event, context):
    line = b"f" * 99 + b"\\n"
    for _ in range(event["times"]):
        os.write(1, line * 1000)
    return "flooded"

def one_long_line(event, context):
    os.write(1, b"l" * 2_000_000)
    return "written"

def close_streams(event, context):
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    return "closed"

def close_channel(event, context):
    os.closerange(3, 4096)
    return "closed"

def write_to_channel(event, context):
    for descriptor in range(3, 1000):
        try:
            os.write(descriptor, b"\\0" * 64)
        except OSError:
            pass
    time.sleep(30)

def leave_a_child(event, context):
    if os.fork() == 0:
        time.sleep(60)
        os._exit(0)
    os._exit(4)

def daemonise(event, context):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            print("daemon", os.getpid())
            time.sleep(600)
        os._exit(0)
    time.sleep(600)

def alarm(event, context):
    signal.alarm(1)
    time.sleep(30)

def wait_for_thread(event, context):
    threading.Thread(target=time.sleep, args=(600,)).start()
    sys.exit(1)
"""


def exit_error(message: str) -> dict[str, str]:
    return {"errorType": "Runtime.ExitError", "errorMessage": f"RequestId: request-1 Error: Runtime exited with error: {message}"}


TIMED_OUT = {"errorType": "Sandbox.Timedout", "errorMessage": "RequestId: request-1 Error: Task timed out after 1.00 seconds"}

OUTCOMES: list[tuple[dict[str, Any], str, dict[str, str]]] = [
    ({"do": "leave"}, "Function.Exit", exit_error("exit status 1")),
    ({"do": "leave", "code": "text"}, "Function.Exit", exit_error("exit status 1")),
    ({"do": "vanish"}, "Function.Exit", exit_error("exit status 7")),
    ({"do": "crash"}, "Function.Exit", exit_error("signal: segmentation fault")),
    ({"do": "kill"}, "Function.Exit", exit_error("signal: killed")),
    ({"do": "leave_a_child"}, "Function.Exit", exit_error("exit status 4")),
    ({"do": "close_channel"}, "Function.Exit", exit_error("exit status 1")),
    ({"do": "write_to_channel"}, "Function.Exit", exit_error("signal: killed")),
    ({"do": "fill"}, "Function.OutOfMemory", exit_error("signal: killed")),
    ({"do": "grow"}, "Function.OutOfMemory", exit_error("signal: killed")),
    ({"do": "fill_by_a_child"}, "Function.OutOfMemory", exit_error("signal: killed")),
    ({"do": "spin"}, "Function.Timeout", TIMED_OUT),
    ({"do": "stop"}, "Function.Timeout", TIMED_OUT),
    ({"do": "daemonise"}, "Function.Timeout", TIMED_OUT),
    ({"do": "wait_for_thread"}, "Function.Timeout", TIMED_OUT),
    (
        {"do": "huge", "size": 6_291_556},
        "Function.ResponseTooLarge",
        {
            "errorType": "Function.ResponseSizeTooLarge",
            "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        },
    ),
]


@pytest.mark.parametrize(
    ("event", "reason", "error"), OUTCOMES, ids=lambda value: value["do"] if isinstance(value, dict) and "do" in value else ""
)
def test_the_error_is_lambdas_and_the_next_invocation_works(
    tmp_path: Path, event: dict[str, Any], reason: str, error: dict[str, str]
) -> None:
    async def run() -> tuple[Result, Result]:
        limit = 1 if reason == "Function.Timeout" else 20
        async with linked_shim(tmp_path, CODE, timeoutSeconds=limit) as (link, _):
            return await link.call(event), await link.call({"do": "count"})

    failed, fine = asyncio.run(run())
    assert failed.flags == wire.LAST | wire.AGAIN | wire.FUNCTION_ERROR
    assert failed.meta["reason"] == reason
    assert failed.json == error
    assert fine.flags == wire.LAST | wire.AGAIN
    # A worker that was ended leaves a fresh one; one that only answered an error goes on with its state.
    assert fine.json == (2 if reason == "Function.ResponseTooLarge" else 1)
    assert failed.tail.startswith("START RequestId: request-1 Version: $LATEST\n")
    assert "END RequestId: request-1\nREPORT RequestId: request-1\t" in failed.tail


def test_an_exception_leaves_the_worker_and_its_state(tmp_path: Path) -> None:
    async def run() -> list[Result]:
        async with linked_shim(tmp_path, CODE) as (link, _):
            return [await link.call({"do": do}) for do in ("fail", "unmarshallable", "count")]

    failed, unmarshallable, fine = asyncio.run(run())
    assert failed.json["errorType"] == "ValueError"
    assert failed.meta["reason"] == "Function.Error"
    assert unmarshallable.json["errorType"] == "Runtime.MarshalError"
    assert unmarshallable.meta["reason"] == "Function.BadResponse"
    assert fine.json == 3


def test_children_share_what_they_were_forked_with_and_it_counts_once(tmp_path: Path) -> None:
    async def run() -> list[Result]:
        async with linked_shim(tmp_path, CODE) as (link, _):
            return [await link.call({"do": do}) for do in ("fork_a_pool", "count")]

    forked, after = asyncio.run(run())
    assert forked.json == [ord("x")] * 8
    assert after.json == 2


def test_an_event_that_is_no_json_is_the_callers_mistake(tmp_path: Path) -> None:
    async def run() -> Result:
        async with linked_shim(tmp_path, CODE) as (link, _):
            return await link.call(b"{broken")

    failed = asyncio.run(run())
    assert failed.json["errorType"] == "Runtime.UnmarshalError"
    assert failed.meta["reason"] == "Caller.BadRequest"


def test_a_flood_of_output_neither_blocks_nor_grows_the_shim(tmp_path: Path) -> None:
    async def run() -> tuple[Result, int]:
        async with linked_shim(tmp_path, CODE) as (link, shim):
            result = await link.call({"do": "flood", "times": 500})
            return result, peak_kib(shim)

    result, peak = asyncio.run(run())
    assert result.json == "flooded"
    assert peak < 100_000
    assert len(result.tail) == 4096
    assert result.tail.endswith(" ms\t\n")


def peak_kib(shim: Shim) -> int:
    status = Path(f"/proc/{shim.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def test_a_line_without_end_is_cut_into_events(tmp_path: Path) -> None:
    async def run() -> list[str]:
        async with linked_shim(tmp_path, CODE) as (link, shim):
            await link.call({"do": "one_long_line"})
            await shim.logged(lambda line: line.startswith("REPORT"))
            return [line for line in shim.lines if line.startswith("request-1\t")]

    lines = asyncio.run(run())
    assert sum(line.count("l") for line in lines) == 2_000_000
    assert max(map(len, lines)) <= 262_144 + len("request-1\t")


def test_closed_standard_streams_cost_the_output_but_not_the_answer(tmp_path: Path) -> None:
    async def run() -> list[Any]:
        async with linked_shim(tmp_path, CODE) as (link, _):
            return [(await link.call({"do": do})).json for do in ("close_streams", "count")]

    assert asyncio.run(run()) == ["closed", 2]


def test_a_timeout_ends_what_has_left_the_process_group_too(tmp_path: Path) -> None:
    async def run() -> int:
        async with linked_shim(tmp_path, CODE, timeoutSeconds=1) as (link, shim):
            await link.call({"do": "daemonise"})
            return int((await shim.logged(lambda line: "\tdaemon " in line)).split()[-1])

    pid = asyncio.run(run())
    assert not Path(f"/proc/{pid}").exists()


def test_the_largest_result_arrives_whole(tmp_path: Path) -> None:
    async def run() -> Result:
        async with linked_shim(tmp_path, CODE) as (link, _):
            return await link.call({"do": "huge", "size": 6_291_554})

    result = asyncio.run(run())
    assert len(result.payload) == 6_291_556
    assert result.payload == json.dumps("x" * 6_291_554).encode()


SLOW_IMPORT = """
import os, time
if not os.path.exists(os.environ["GATE"]):
    raise ValueError("not yet")
time.sleep(600)

def handler(event, context):
    return event
"""


def test_an_import_that_takes_longer_than_the_timeout_fails_each_time_as_that(tmp_path: Path) -> None:
    async def run() -> list[Result]:
        gate = tmp_path / "gate"
        activator = ScriptedActivator()
        await activator.listen()
        fields: dict[str, Any] = {"timeoutSeconds": 0.3, "concurrency": 2, "environment": {"GATE": str(gate)}}
        async with run_shim(tmp_path, SLOW_IMPORT, activator.address, **fields) as shim:
            link = await activator.accept()
            link.welcome()
            assert (await link.initialised())["errorType"] == "ValueError"
            gate.touch()
            results = []
            for _ in range(2):
                both = [link.invoke({}), link.invoke({})]
                results += [await link.result(identifier) for identifier in both]
            # What the activators answer with meanwhile is the same.
            outcome = await link.initialised()
            assert (outcome["errorType"], outcome["errorMessage"]) == ("Sandbox.Timedout", "Task timed out after 0.30 seconds")
            await shim.logged(
                lambda line: line.startswith("INIT_REPORT Init Duration: ") and line.endswith("Phase: invoke\tStatus: timeout")
            )
        activator.close()
        return results

    for result in asyncio.run(run()):
        assert result.json["errorMessage"].endswith("Error: Task timed out after 0.30 seconds"), result.json
        assert result.meta["reason"] == "Function.Timeout"
        assert "Status: timeout" in result.tail


UNIQUE = """
import os, random, tempfile, time, uuid

generator, identity, folder = random.Random(), str(uuid.uuid4()), tempfile.mkdtemp()

def handler(event, context):
    time.sleep(event["seconds"])
    return [generator.random(), os.getpid(), identity, folder]
"""


def test_nobody_draws_again_what_was_drawn_before_a_timeout_or_beside(tmp_path: Path) -> None:
    async def run() -> list[list[object]]:
        async with linked_shim(tmp_path, UNIQUE, concurrency=4, timeoutSeconds=2) as (link, _shim):
            at_once = [link.invoke({"seconds": 0.3}) for _ in range(4)]
            drawn = [(await link.result(identifier)).json for identifier in at_once]
            assert (await link.call({"seconds": 60})).meta["reason"] == "Function.Timeout"
            at_once = [link.invoke({"seconds": 0.3}) for _ in range(4)]
            return drawn + [(await link.result(identifier)).json for identifier in at_once]

    before_and_after = asyncio.run(run())
    numbers, workers, identities, folders = zip(*before_and_after, strict=True)
    assert len(set(numbers)) == 8
    assert len(set(workers)) == len(set(identities)) == len(set(folders)) > 1
