"""Dialling, hello, initialisation, reconnection."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from lambent.api import link as wire
from tests.support.scripted_activator import SHIM, ScriptedActivator, linked_shim, run_shim

CODE = "def handler(event, context):\n    return event\n"


def test_hello_says_who_it_is_and_nothing_more_before_welcome(tmp_path: Path) -> None:
    token = tmp_path / "secrets" / "token"
    token.parent.mkdir()
    token.write_text("the-token\n")

    async def run() -> None:
        activator = ScriptedActivator()
        await activator.listen()
        async with run_shim(tmp_path, CODE, activator.address, concurrency=4, tokenFile=str(token)) as shim:
            link = await activator.accept()
            assert link.hello.pop("phases")["startedAt"] > 0
            assert link.hello == {
                "protocol": 1,
                "token": "the-token",
                "namespace": "default",
                "function": "probe",
                "revision": "0123456789",
                "pod": "probe-1",
                "slots": 4,
                "draining": False,
                "ahead": True,
            }
            await shim.logged(lambda line: line.startswith("INIT_START"))
            assert not link.frames
            link.welcome()
            assert (await link.initialised())["ok"]
        activator.close()

    asyncio.run(run())


def test_peers_are_dialled_and_told_of_the_initialisation(tmp_path: Path) -> None:
    async def run() -> None:
        first, second, third = ScriptedActivator(), ScriptedActivator(), ScriptedActivator()
        for activator in (first, second, third):
            await activator.listen()
        async with run_shim(tmp_path, CODE, first.address):
            link = await first.accept()
            link.welcome([first.address, second.address])
            other = await second.accept()
            other.welcome(name="activator-2")
            assert (await other.initialised())["ok"]
            link.send(wire.encode_control(wire.PEERS, {"peers": [first.address, second.address, third.address]}))
            last = await third.accept()
            last.welcome(name="activator-3")
            assert (await last.initialised())["ok"]
            assert (await last.call({"n": 3})).json == {"n": 3}
        for activator in (first, second, third):
            activator.close()

    asyncio.run(run())


def test_a_broken_link_is_dialled_again(tmp_path: Path) -> None:
    async def run() -> None:
        activator = ScriptedActivator()
        await activator.listen()
        async with run_shim(tmp_path, CODE, activator.address):
            for _ in range(3):
                link = await activator.accept()
                link.welcome()
                assert (await link.initialised())["ok"]
                assert (await link.call({"n": 1})).json == {"n": 1}
                assert link.transport is not None
                link.transport.disconnect(graceful=False)
        activator.close()

    asyncio.run(run())


def test_a_frame_that_is_none_closes_the_link_and_not_the_shim(tmp_path: Path) -> None:
    async def run() -> None:
        activator = ScriptedActivator()
        await activator.listen()
        async with run_shim(tmp_path, CODE, activator.address):
            for frame in (
                b"\x7f",
                b"\x02\x01",
                wire.encode_message(wire.INVOKE, 1, 1, b"{}", b""),
                wire.encode_part(wire.CANCEL, 0, 1)[:3],
            ):
                link = await activator.accept()
                link.welcome()
                await link.initialised()
                link.send(frame)
                await link.closed.wait()
            link = await activator.accept()
            link.welcome()
            await link.initialised()
            assert (await link.call({})).json == {}
        activator.close()

    asyncio.run(run())


def test_a_failed_initialisation_is_told_and_repeated_for_each_invocation(tmp_path: Path) -> None:
    marker = tmp_path / "mended"
    code = f"import os\nif not os.path.exists({str(marker)!r}):\n    raise ValueError('not yet')\n{CODE}"

    async def run() -> None:
        activator = ScriptedActivator()
        await activator.listen()
        async with run_shim(tmp_path, code, activator.address, timeoutSeconds=10):
            link = await activator.accept()
            link.welcome()
            outcome = await link.initialised()
            assert (outcome["ok"], outcome["errorType"], outcome["errorMessage"]) == (False, "ValueError", "not yet")
            assert outcome["stackTrace"][-1].endswith("raise ValueError('not yet')\n")
            failed = await link.call({})
            assert failed.json["errorType"] == "ValueError"
            assert failed.meta["reason"] == "Function.InitError"
            assert "[ERROR] ValueError: not yet" in failed.tail
            marker.touch()
            number = link.invoke({"n": 2})
            assert (await link.initialised())["ok"]
            assert (await link.result(number)).json == {"n": 2}
            assert (await link.call({"n": 3})).json == {"n": 3}
        activator.close()

    asyncio.run(run())


def test_an_import_error_tells_people_where_and_callers_what_lambda_tells(tmp_path: Path) -> None:
    async def run() -> None:
        activator = ScriptedActivator()
        await activator.listen()
        async with run_shim(tmp_path, "\nimport nowhere_to_be_found\n", activator.address):
            link = await activator.accept()
            link.welcome()
            outcome = await link.initialised()
            assert (outcome["errorType"], outcome["stackTrace"]) == ("Runtime.ImportModuleError", [])
            assert len(outcome["traceback"]) == 1
            assert "line 2, in <module>\n    import nowhere_to_be_found" in outcome["traceback"][0]
            assert set((await link.call({})).json) == {"errorMessage", "errorType", "requestId", "stackTrace"}
        activator.close()

    asyncio.run(run())


def test_an_exit_at_import_is_lambdas_exit_error(tmp_path: Path) -> None:
    async def run() -> None:
        activator = ScriptedActivator()
        await activator.listen()
        async with run_shim(tmp_path, "import sys\nsys.exit(3)\n", activator.address):
            link = await activator.accept()
            link.welcome()
            outcome = await link.initialised()
            assert (outcome["errorType"], outcome["errorMessage"]) == ("Runtime.ExitError", "Runtime exited with error: exit status 3")
            failed = await link.call({})
            assert failed.json == {
                "errorType": "Runtime.ExitError",
                "errorMessage": "RequestId: request-1 Error: Runtime exited with error: exit status 3",
            }
        activator.close()

    asyncio.run(run())


def test_a_repeated_initialisation_that_hangs_ends_with_the_functions_timeout(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    code = f"import os, time\nif os.path.exists({str(marker)!r}):\n    time.sleep(600)\nraise ValueError('first')\n"

    async def run() -> None:
        activator = ScriptedActivator()
        await activator.listen()
        async with run_shim(tmp_path, code, activator.address, timeoutSeconds=1):
            link = await activator.accept()
            link.welcome()
            assert not (await link.initialised())["ok"]
            marker.touch()
            failed = await link.result(link.invoke({}))
            assert failed.json["errorMessage"] == "RequestId: request-1 Error: Task timed out after 1.00 seconds"
            assert failed.meta["reason"] == "Function.Timeout"
        activator.close()

    asyncio.run(run())


def test_what_cannot_be_forked_serves_itself_and_the_others_import_for_themselves(tmp_path: Path) -> None:
    code = (
        "import os, socket\nconnection = socket.socketpair()\n\n"
        "def handler(event, context):\n    if event.get('die'):\n        os._exit(1)\n    return os.getpid()\n"
    )

    async def run() -> None:
        async with linked_shim(tmp_path, code) as (link, _):
            first = await link.call({})
            assert (await link.call({})).json == first.json
            assert (await link.call({"die": True})).meta["reason"] == "Function.Exit"
            assert (await link.call({})).json != first.json

    asyncio.run(run())


def test_a_worker_that_cannot_import_the_handler_again_answers_with_its_error(tmp_path: Path) -> None:
    marker = tmp_path / "imported"
    code = (
        f"import os, socket\nif os.path.exists({str(marker)!r}):\n    raise ValueError('only once')\nopen({str(marker)!r}, 'w')\n"
        "connection = socket.socketpair()\n\ndef handler(event, context):\n    os._exit(1)\n"
    )

    async def run() -> None:
        async with linked_shim(tmp_path, code) as (link, _):
            assert (await link.call({})).meta["reason"] == "Function.Exit"
            failed = await link.call({})
            assert failed.json["errorMessage"] == "only once"
            assert failed.meta["reason"] == "Function.InitError"

    asyncio.run(run())


def test_an_activator_met_by_a_second_address_keeps_its_first_link(tmp_path: Path) -> None:
    async def run() -> None:
        first, second = ScriptedActivator(), ScriptedActivator()
        await first.listen()
        await second.listen()
        async with run_shim(tmp_path, CODE, first.address, second.address):
            link, twin = await first.accept(), await second.accept()
            link.welcome(name="the-same")
            assert (await link.initialised())["ok"]
            twin.welcome(name="the-same")
            await twin.closed.wait()
            assert not twin.frames
            assert (await link.call({})).json == {}
        first.close()
        second.close()

    asyncio.run(run())


def test_a_shim_told_so_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    async def run() -> None:
        activator = ScriptedActivator()
        await activator.listen()
        (tmp_path / "app.py").write_text(CODE)
        configuration = {
            "namespace": "default",
            "function": "probe",
            "handler": "app.handler",
            "activators": [activator.address],
            "taskRoot": str(tmp_path),
            "statusPort": 0,
        }
        start = f"""
import json, os, subprocess, sys
configuration = json.loads(os.environ["CONFIGURATION"]) | {{"parentPid": os.getpid()}}
environment = {{**os.environ, "LAMBENT_SHIM": json.dumps(configuration)}}
subprocess.Popen([sys.executable, "-I", {str(SHIM)!r}], env=environment)
sys.stdin.read()
"""
        environment = {"PATH": os.environ["PATH"], "CONFIGURATION": json.dumps(configuration)}
        parent = await asyncio.create_subprocess_exec(sys.executable, "-c", start, env=environment, stdin=asyncio.subprocess.PIPE)
        link = await activator.accept()
        link.welcome()
        await link.initialised()
        parent.kill()
        await parent.wait()
        await link.expect(wire.DRAINING)
        await link.closed.wait()
        activator.close()

    asyncio.run(run())
