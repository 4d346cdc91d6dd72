"""Several workers answering at the same moment: output stays between START and END, results of every size arrive whole."""

from __future__ import annotations

import asyncio
from pathlib import Path

from lambent.api import link as wire
from tests.support.scripted_activator import linked_shim

CODE = """
import os, subprocess

def handler(event, context):
    n = event["n"]
    print("printed", n)
    os.write(1, b"written %d\\n" % n)
    if n % 10 == 0:
        subprocess.run(["echo", "echoed", str(n)])
    os.write(2, b"unfinished %d" % n)
    return "x" * event["size"]
"""
SIZES = (0, 10, 200, wire.CHUNK_BYTES - 2, wire.CHUNK_BYTES, 3 * wire.CHUNK_BYTES)


def test_output_comes_before_end_and_results_arrive_whole(tmp_path: Path) -> None:
    sizes = [SIZES[number % len(SIZES)] for number in range(120)]

    async def run() -> None:
        async with linked_shim(tmp_path, CODE, concurrency=4) as (link, shim):
            waiting: list[int] = []
            for n, size in enumerate(sizes, 1):
                waiting.append(link.invoke({"n": n, "size": size}))
                if len(waiting) == 4:
                    number = waiting.pop(0)
                    assert len((await link.result(number)).json) == sizes[number - 1]
            for number in waiting:
                assert len((await link.result(number)).json) == sizes[number - 1]
            await shim.logged(lambda line: line.startswith(f"REPORT RequestId: request-{len(sizes)}\t"))
            for n in range(1, len(sizes) + 1):
                request = f"request-{n}"
                said = [line.partition("\tDuration")[0] for line in shim.lines if request in line.split("\t")[0].split(" ")]
                echoed = [f"{request}\techoed {n}"] if n % 10 == 0 else []
                assert said == [
                    f"START RequestId: {request} Version: $LATEST",
                    f"{request}\tprinted {n}",
                    f"{request}\twritten {n}",
                    *echoed,
                    f"{request}\tunfinished {n}",
                    f"END RequestId: {request}",
                    f"REPORT RequestId: {request}",
                ]

    asyncio.run(run())
