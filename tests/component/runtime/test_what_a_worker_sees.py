"""A worker's surroundings: nothing of the shim's, all of Lambda's."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.support.patience import FUNCTION_TIMEOUT_SECONDS
from tests.support.scripted_activator import ScriptedActivator, find_free_port, linked_shim, probe, run_shim

CODE = """
import json, logging, os, sys

def handler(event, context):
    print("plain line")
    print(json.dumps({"own": "object"}))
    logging.getLogger().warning("logged")
    return {
        "environment": dict(os.environ), "path": sys.path, "cwd": os.getcwd(), "stdin": sys.stdin.read(), "pid": os.getpid(),
        "session": os.getsid(0), "descriptors": sorted(map(int, os.listdir("/proc/self/fd"))), "modules": sorted(sys.modules),
        "score": open("/proc/self/oom_score_adj").read().strip(), "left": context.get_remaining_time_in_millis(),
    }
"""


def test_no_variable_descriptor_or_module_of_the_shim(tmp_path: Path) -> None:
    async def run() -> None:
        async with linked_shim(tmp_path, CODE, environment={"STAGE": "test", "LAMBENT_SECRET": "x"}) as (link, shim):
            seen = (await link.call({})).json
            assert not [name for name in seen["environment"] if name.startswith("LAMBENT")]
            assert seen["environment"]["STAGE"] == "test"
            assert seen["environment"]["_HANDLER"] == "app.handler"
            assert "_X_AMZN_TRACE_ID" not in seen["environment"]
            assert seen["path"][0] == seen["cwd"] == str(tmp_path)
            assert not [entry for entry in seen["path"] if "images/shim" in entry or ".venv" in entry]
            assert not {"lambent_shim", "picows", "uvloop", "asyncio"} & set(seen["modules"])
            assert seen["stdin"] == ""
            assert seen["session"] == seen["pid"] != shim.process.pid
            # Standard streams, the channel, the output, and the folder being listed.
            assert len(seen["descriptors"]) == 6
            assert seen["score"] == "1000"
            assert FUNCTION_TIMEOUT_SECONDS * 750 < seen["left"] <= FUNCTION_TIMEOUT_SECONDS * 1000
            traced = await link.call({}, traceId="Root=1-2-3")
            assert traced.json["environment"]["_X_AMZN_TRACE_ID"] == "Root=1-2-3"
            assert "_X_AMZN_TRACE_ID" not in (await link.call({})).json["environment"]

    asyncio.run(run())


def test_who_asks_the_runtime_api_is_told_at_once_that_nobody_serves_it(tmp_path: Path) -> None:
    code = """
import http.client, os
def handler(event, context):
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"], timeout=10)
    connection.request(event["method"], event["path"], b"{}")
    return connection.getresponse().status
"""

    async def run() -> None:
        port = await find_free_port()
        async with linked_shim(tmp_path, code, statusPort=port) as (link, _shim):
            assert (await link.call({"method": "GET", "path": "/2018-06-01/runtime/invocation/next"})).json == 404
            assert (await link.call({"method": "POST", "path": "/2020-01-01/extension/register"})).json == 404

    asyncio.run(run())


WRAPPER = """#!/bin/sh
# As the developer guide's: options go before the script, which comes last.
for last; do :; done
echo "wrapped ${last##*/}"
export _HANDLER=wrapped.handler ORIG_HANDLER="$_HANDLER"
exec "$@"
"""


def test_a_wrapper_starts_the_runtime_as_on_lambda(tmp_path: Path) -> None:
    wrapper = tmp_path / "wrapper"
    wrapper.write_text(WRAPPER)
    wrapper.chmod(0o755)
    (tmp_path / "wrapped.py").write_text("import os\ndef handler(event, context):\n    return [os.environ['ORIG_HANDLER'], __name__]\n")
    variables = {"AWS_LAMBDA_EXEC_WRAPPER": str(wrapper)}

    async def run() -> None:
        async with linked_shim(tmp_path, CODE, environment=variables, layersDir="/opt") as (link, shim):
            assert (await link.call({})).json == ["app.handler", "wrapped"]
            await shim.logged(lambda line: line == "-\twrapped lambent_runtime")

    asyncio.run(run())


PRINTS = """
import os
print("loading")
os.write(1, b"unfinished")
%s

def handler(event, context):
    print("called")
"""


@pytest.mark.parametrize("then", ["", "file = open(__file__)", "import time; time.sleep(0.1)"], ids=["quick", "cannot be forked", "slow"])
def test_what_an_import_prints_heads_the_log_of_the_first_invocation_alone(tmp_path: Path, then: str) -> None:
    async def run() -> None:
        async with linked_shim(tmp_path, PRINTS % then) as (link, _shim):
            first, second = (await link.call({})).tail, (await link.call({})).tail
            assert first.startswith("loading\nunfinished\nSTART RequestId: request-1 Version: $LATEST\ncalled\nEND ")
            assert second.startswith("START RequestId: request-2 Version: $LATEST\ncalled\nEND ")

    asyncio.run(run())


def test_of_what_an_import_prints_the_log_tail_has_what_fits(tmp_path: Path) -> None:
    async def run() -> None:
        async with linked_shim(tmp_path, PRINTS % "print('x' * 50_000)") as (link, _shim):
            tail = (await link.call({})).tail
            assert len(tail) == 4096
            assert "x\nSTART RequestId" in tail
            assert tail.splitlines()[-1].startswith("REPORT")

    asyncio.run(run())


def test_in_json_every_line_of_the_pods_log_is_an_object(tmp_path: Path) -> None:
    async def run() -> list[str]:
        async with linked_shim(tmp_path, CODE, logging={"format": "JSON"}) as (link, shim):
            await link.call({})
            await shim.logged(lambda line: "platform.report" in line)
            return list(shim.lines)

    objects = [json.loads(line) for line in asyncio.run(run())]
    assert [entry.get("type") or entry.get("message") or entry.get("own") for entry in objects] == [
        "platform.initStart",
        "platform.start",
        "plain line",
        "object",
        "logged",
        "platform.report",
    ]
    plain, logged = objects[2], objects[4]
    assert plain["requestId"] == logged["requestId"] == "request-1"
    assert (logged["level"], logged["logger"]) == ("WARNING", "root")


def test_probes_follow_link_and_initialisation(tmp_path: Path) -> None:
    async def run() -> None:
        port = await find_free_port()
        activator = ScriptedActivator()
        await activator.listen()
        async with run_shim(tmp_path, CODE, activator.address, statusPort=port):
            link = await activator.accept()
            assert await probe(port, "/healthz") == (200, '{"status":"ok"}')
            status, body = await probe(port, "/readyz")
            assert status == 503
            assert json.loads(body)["reason"] in {"initialising", "no activator has welcomed this pod"}
            link.welcome()
            assert (await link.initialised())["ok"]
            assert (await probe(port, "/readyz"))[0] == 200
            await link.call({})
            status, body = await probe(port, "/metrics")
            assert status == 200
            assert 'outcome="success",reason="",revision="0123456789"} 1.0' in body
        activator.close()

    asyncio.run(run())


def test_a_module_may_replace_what_the_bootstrap_waits_with(tmp_path: Path) -> None:
    # As gevent and eventlet do; workers are forked after it.
    code = "import select, socket\ndel select.poll\nsocket.socket = None\n\ndef handler(event, context):\n    return event\n"

    async def run() -> None:
        async with linked_shim(tmp_path, code) as (link, _shim):
            for number in range(3):
                assert (await link.call({"n": number})).json == {"n": number}

    asyncio.run(run())
