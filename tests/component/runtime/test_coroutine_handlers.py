"""`async def` handlers: one worker, many invocations, output told apart."""

from __future__ import annotations

import asyncio
from pathlib import Path

from lambent.api import link as wire
from tests.support.scripted_activator import linked_shim

CODE = """
import asyncio, logging, os, sys, time

together = 0
everyone = None

async def handler(event, context):
    global together, everyone
    return await globals()[event["do"]](event, context)

async def meet(event, context):
    global together, everyone
    everyone = everyone or asyncio.Event()
    together += 1
    print("before", event["n"])
    if together == event["of"]:
        everyone.set()
    await everyone.wait()
    print("after", event["n"])
    logging.getLogger().warning("logged %s", event["n"])
    return [os.getpid(), event["n"], context.aws_request_id]

async def hang(event, context):
    await asyncio.sleep(600)

async def refuse_to_end(event, context):
    while True:
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            pass

async def block(event, context):
    time.sleep(600)

async def fail(event, context):
    raise ValueError("boom")

async def leave(event, context):
    sys.exit(3)

async def pid(event, context):
    return os.getpid()
"""


def test_one_worker_takes_as_many_as_there_are_slots_and_output_is_told_apart(tmp_path: Path) -> None:
    async def run() -> None:
        async with linked_shim(tmp_path, CODE, concurrency=5) as (link, _):
            for n in range(5):
                link.invoke({"do": "meet", "n": n, "of": 5})
            results = [await link.result() for _ in range(5)]
            assert len({result.json[0] for result in results}) == 1
            for result in results:
                _, n, request_id = result.json
                lines = result.tail.splitlines()
                assert [line for line in lines if line.startswith(("before", "after"))] == [f"before {n}", f"after {n}"]
                logged = [line for line in lines if "logged" in line]
                assert len(logged) == 1
                assert logged[0].endswith(f"\t{request_id}\tlogged {n}")

    asyncio.run(run())


def test_a_timed_out_coroutine_is_cancelled_and_the_worker_lives(tmp_path: Path) -> None:
    async def run() -> None:
        async with linked_shim(tmp_path, CODE, concurrency=2, timeoutSeconds=1) as (link, _):
            before = (await link.call({"do": "pid"})).json
            failed = await link.call({"do": "hang"})
            assert failed.json["errorType"] == "Sandbox.Timedout"
            assert failed.again
            assert (await link.call({"do": "pid"})).json == before

    asyncio.run(run())


def test_a_coroutine_that_does_not_end_takes_its_worker_along(tmp_path: Path) -> None:
    async def run() -> None:
        for stubborn in ("refuse_to_end", "block"):
            async with linked_shim(tmp_path, CODE, concurrency=2, timeoutSeconds=1) as (link, _):
                before = (await link.call({"do": "pid"})).json
                failed = await link.call({"do": stubborn})
                assert failed.json["errorType"] == "Sandbox.Timedout"
                assert (await link.call({"do": "pid"})).json != before

    asyncio.run(run())


def test_an_exit_fails_all_that_run_and_an_exception_only_its_own(tmp_path: Path) -> None:
    async def run() -> None:
        async with linked_shim(tmp_path, CODE, concurrency=3) as (link, _):
            assert (await link.call({"do": "fail"})).json["errorType"] == "ValueError"
            hanging = link.invoke({"do": "hang"})
            leaving = link.invoke({"do": "leave"})
            for number in (hanging, leaving):
                result = await link.result(number)
                assert result.meta["reason"] == "Function.Exit"
                assert result.json["errorMessage"].endswith("Runtime exited with error: exit status 3")
                assert result.flags & wire.FUNCTION_ERROR
            assert isinstance((await link.call({"do": "pid"})).json, int)

    asyncio.run(run())
