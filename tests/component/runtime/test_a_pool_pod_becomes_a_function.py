"""A generic pod, the real shim as a process, told by its activators what to become."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from lambent.api import link as wire
from tests.support.pool_pod import HELLO, became, become, linked_pool_pod
from tests.support.scripted_activator import find_free_port, probe

SEE = """
import json, os, sys, time
import wanted

def handler(event, context):
    return {
        "environment": dict(os.environ), "path": sys.path, "cwd": os.getcwd(), "zone": time.tzname[0], "wanted": wanted.__file__,
        "name": context.function_name, "memory": context.memory_limit_in_mb, "arn": context.invoked_function_arn,
        "stream": context.log_stream_name, "session": os.getsid(0) == os.getpid(), "descriptors": len(os.listdir("/proc/self/fd")),
        "score": open("/proc/self/oom_score_adj").read().strip(), "pid": os.getpid(),
    }
"""


def test_it_says_what_it_is_becomes_it_and_serves(tmp_path: Path) -> None:
    async def run() -> tuple[int, list[str]]:
        async with linked_pool_pod(tmp_path) as ([link], shim):
            hello = link.hello
            assert (hello["pool"], hello["runtime"], hello["function"], hello["revision"], hello["slots"]) == (
                True,
                "python3.11",
                "",
                "",
                1,
            )
            assert "used" not in hello
            link.send(become(concurrency=2))
            assert await became(link) == {"ok": True, "function": "probe", "revision": "0123456789", "slots": 2, "error": ""}
            outcome = await link.initialised()
            assert outcome["ok"]
            phases = outcome["phases"]
            assert phases["helloMs"] <= phases["becomeMs"] <= phases["initMs"]
            first, second = link.invoke({"name": "one"}), link.invoke({"name": "two"})
            assert (await link.result(first)).json == {"hello": "one"}
            assert (await link.result(second)).json == {"hello": "two"}
            shim.terminate()
            await link.expect(wire.DRAINING)
            return await shim.ended(), shim.lines

    status, lines = asyncio.run(run())
    assert status == 0
    assert lines[0] == "INIT_START Runtime Version: python:3.11"
    assert sum(line.startswith("REPORT") for line in lines) == 2


def test_a_worker_sees_what_it_would_in_a_pod_of_its_own(tmp_path: Path) -> None:
    async def run() -> dict[str, Any]:
        code = {"pkg/app.py": SEE, "wanted.py": "", "pkg/__init__.py": ""}
        env = [
            ["STAGE", "dev", False],
            ["URL", "http://$(STAGE).$(NOWHERE)", True],
            ["RAW", "$(STAGE)", False],
            ["TZ", "Asia/Tokyo", False],
        ]
        surroundings = {"OF_THE_IMAGE": "1", "LAMBENT_SECRET": "x", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}
        async with linked_pool_pod(tmp_path, environment=surroundings) as ([link], _):
            link.send(become(code, handler="pkg/app.handler", memoryMiB=256, env=[*env, ["API", "$(KUBERNETES_SERVICE_HOST)$$(X)", True]]))
            assert (await became(link))["ok"]
            outcome = await link.initialised()
            assert outcome["ok"], outcome
            seen: dict[str, Any] = (await link.call({})).json
            return seen

    seen = asyncio.run(run())
    environment, task = seen["environment"], tmp_path / "task"
    assert environment["STAGE"] == "dev"
    assert environment["URL"] == "http://dev.$(NOWHERE)"
    assert environment["RAW"] == "$(STAGE)"
    assert environment["API"] == "10.0.0.1$(X)"
    assert environment["OF_THE_IMAGE"] == "1"
    assert "KUBERNETES_SERVICE_HOST" not in environment
    assert not [name for name in environment if name.startswith("LAMBENT")]
    assert environment["_HANDLER"] == "pkg/app.handler"
    assert environment["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == seen["memory"] == "256"
    assert seen["zone"] == "JST"
    assert seen["name"] == "probe"
    assert seen["stream"] == environment["AWS_LAMBDA_LOG_STREAM_NAME"]
    assert seen["cwd"] == seen["path"][0] == str(task)
    assert seen["wanted"] == str(task / "wanted.py")
    assert seen["session"]
    assert seen["descriptors"] == 6  # standard streams, the channel, the output, the folder being listed
    assert seen["score"] == "1000"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [task, *task.rglob("*")]}
    assert modes == {"task": 0o555, "pkg": 0o555, "app.py": 0o444, "__init__.py": 0o444, "wanted.py": 0o444}


def test_the_code_is_written_where_the_task_root_only_shows_it(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "task").symlink_to("code")

    async def run() -> None:
        async with linked_pool_pod(tmp_path, codeDir=str(tmp_path / "code")) as ([link], _):
            link.send(become("def handler(event, context):\n    return __file__\n"))
            assert (await became(link))["ok"]
            assert (await link.initialised())["ok"]
            assert (await link.call({})).json == str(tmp_path / "task" / "app.py")

    asyncio.run(run())


def test_what_fails_at_import_is_reported_and_tried_again(tmp_path: Path) -> None:
    code = "import os\nif not os.path.exists(os.environ['GATE']):\n    raise ValueError('not yet')\n" + HELLO

    async def run() -> None:
        gate = tmp_path / "gate"
        async with linked_pool_pod(tmp_path) as ([link], _):
            link.send(become(code, env=[["GATE", str(gate), False]]))
            assert (await became(link))["ok"]
            outcome = await link.initialised()
            assert (outcome["ok"], outcome["errorType"], outcome["errorMessage"]) == (False, "ValueError", "not yet")
            gate.touch()
            number = link.invoke({"name": "late"})
            assert (await link.initialised())["ok"]
            assert (await link.result(number)).json == {"hello": "late"}

    asyncio.run(run())


@pytest.mark.parametrize(
    ("code", "env", "why"),
    [
        ({"app.py": HELLO.replace("world", "own"), "uuid.py": "OWN = 1\n"}, [], "the code brings its own uuid"),
        (HELLO, [["PYTHONHASHSEED", "7", False]], "PYTHONHASHSEED counts when an interpreter starts"),
        (HELLO, [["BULK", "x" * 70_000, False]], "its variables have"),
    ],
)
def test_an_interpreter_that_does_not_fit_is_replaced(tmp_path: Path, code: Any, env: list[list[Any]], why: str) -> None:
    see = (
        "import os, sys, tempfile, uuid\n"
        "def handler(event, context):\n    return [sorted(os.environ), uuid.__file__, 'ssl' in sys.modules]\n"
    )

    async def run() -> list[str]:
        files = {"app.py": see} | ({"uuid.py": code["uuid.py"]} if isinstance(code, dict) else {})
        async with linked_pool_pod(tmp_path) as ([link], shim):
            link.send(become(files, env=env))
            assert (await became(link))["ok"]
            outcome = await link.initialised()
            assert outcome["ok"], outcome
            names, file, with_ssl = (await link.call({})).json
            assert {name for name, _, _ in env} <= set(names)
            assert file.startswith(str(tmp_path)) == ("uuid.py" in files)
            assert not with_ssl
            return list(shim.lines)

    assert [line for line in asyncio.run(run()) if why in line]


def test_a_coroutine_handler_serves_many_at_once(tmp_path: Path) -> None:
    code = "import asyncio\nasync def handler(event, context):\n    await asyncio.sleep(0)\n    return event\n"

    async def run() -> None:
        async with linked_pool_pod(tmp_path) as ([link], _):
            link.send(become(code, concurrency=5))
            assert (await became(link))["ok"]
            assert (await link.initialised())["ok"]
            numbers = [link.invoke({"n": n}) for n in range(5)]
            assert [(await link.result(number)).json["n"] for number in numbers] == list(range(5))

    asyncio.run(run())


@pytest.mark.parametrize(
    "at_import",
    ["", "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"],
    ids=["forked", "each imports for itself"],
)
def test_as_many_run_at_once_as_there_are_slots_and_all_recover(tmp_path: Path, at_import: str) -> None:
    code = at_import + (
        "import os, time\ndef handler(event, context):\n    if event.get('end'):\n        os._exit(1)\n    print('running')\n"
        "    while not os.path.exists(event['gate']):\n        time.sleep(0.002)\n    return os.getpid()\n"
    )

    async def run() -> None:
        async with linked_pool_pod(tmp_path) as ([link], shim):
            link.send(become(code, concurrency=3))
            assert (await became(link))["ok"]
            assert (await link.initialised())["ok"]
            for round_number in range(2):
                gate = tmp_path / f"gate-{round_number}"
                numbers = [link.invoke({"gate": str(gate)}) for _ in range(3)]
                for number in numbers:
                    await shim.logged(lambda line, number=number: line == f"request-{number}\trunning")  # type: ignore[misc]
                gate.touch()
                assert len({(await link.result(number)).json for number in numbers}) == 3
                assert (await link.call({"end": 1})).meta["reason"] == "Function.Exit"

    asyncio.run(run())


def test_limits_of_time_and_memory_hold_from_the_first_invocation(tmp_path: Path) -> None:
    code = (
        "import time\ndef handler(event, context):\n    if event.get('grow'):\n        return len(' ' * 10**9)\n"
        "    time.sleep(event.get('seconds', 0))\n    return event\n"
    )

    async def run(event: dict[str, Any], folder: Path) -> Any:
        async with linked_pool_pod(folder) as ([link], _):
            link.send(become(code, timeoutSeconds=1))
            assert (await became(link))["ok"]
            assert (await link.initialised())["ok"]
            result = await link.call(event)
            assert (await link.call({"next": 1})).json == {"next": 1}
            return result

    assert asyncio.run(run({"seconds": 30}, tmp_path / "slow")).meta["reason"] == "Function.Timeout"
    assert asyncio.run(run({"grow": 1}, tmp_path / "large")).meta["reason"] == "Function.OutOfMemory"


def test_an_import_that_ends_its_process_is_reported(tmp_path: Path) -> None:
    async def run() -> list[str]:
        async with linked_pool_pod(tmp_path) as ([link], shim):
            link.send(become("import os\nprint('importing')\nos.kill(os.getpid(), 9)\n"))
            assert (await became(link))["ok"]
            outcome = await link.initialised()
            assert (outcome["ok"], outcome["errorType"]) == (False, "Runtime.ExitError")
            result = await link.call({})
            assert result.meta["reason"] == "Function.InitError"
            await shim.logged(lambda line: line.startswith("REPORT"))
            return list(shim.lines)

    assert asyncio.run(run()).count("-\timporting") == 1


def test_probes_follow_the_links_of_a_generic_pod(tmp_path: Path) -> None:
    async def run() -> None:
        port = await find_free_port()
        async with linked_pool_pod(tmp_path, statusPort=port) as ([link], _):
            link.send(become(function=""))
            refused = await became(link)
            assert refused == {
                "ok": False,
                "function": "",
                "revision": "",
                "slots": 1,
                "error": "shim.function is '', allowed: a non-empty string",
            }
            assert await probe(port, "/readyz") == (200, '{"status": "ok"}')
            assert 'function="",' in (await probe(port, "/metrics"))[1]
            link.send(become("import no_such_module\n"))
            await became(link)
            assert not (await link.initialised())["ok"]
            status, body = await probe(port, "/readyz")
            assert (status, json.loads(body)["reason"]) == (503, "initialisation failed: Runtime.ImportModuleError")

    asyncio.run(run())
