"""Tools that replace functions of AWS's runtime find them, and invocations go through what they have put there."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import awslambdaric
import awslambdaric.bootstrap
import awslambdaric.lambda_runtime_client
import pytest

from lambent_runtime import hooks
from lambent_shim.workers import frames
from tests.contract.runtime import probe_handlers
from tests.support.bootstrap_driver import Bootstrap, Worker, configure, environment_of, run_bootstrap, run_generic_bootstrap
from tests.support.runtime_api import run_oracle

TOOL = """
import awslambdaric.bootstrap as bootstrap

original = bootstrap.handle_event_request

def handle_event_request(client, handler, *arguments, **options):
    def wrapped(event, context):
        print("tool: before", context.aws_request_id, event)
        try:
            return handler(event, context)
        except Exception as error:
            print("tool: caught", repr(error))
            raise
    return original(client, wrapped, *arguments, **options)

def wrap(name):
    method = getattr(bootstrap.LambdaRuntimeClient, name)
    def post(self, *arguments, **options):
        print("tool:", name, *[each for each in arguments if "stackTrace" not in str(each) and "exceptions" not in str(each)])
        return method(self, *arguments, **options)
    setattr(bootstrap.LambdaRuntimeClient, name, post)

bootstrap.handle_event_request = handle_event_request
wrap("post_invocation_result")
wrap("post_invocation_error")
wrap("post_init_error")
"""
APP = """
import tool

def handler(event, context):
    if event == "fail":
        raise ValueError("failed")
    return {"type": type(event).__name__, "set": {1} if event == "set" else None}
"""
EVENTS = [b"{}", b'"fail"', b'"set"', b"not json"]


@pytest.fixture(params=[False, True], ids=["own pod", "pool pod"])
def pooled(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def start(task: Path, *, pooled: bool) -> Iterator[tuple[Bootstrap, Worker]]:
    environment = environment_of(configure(task, "app.handler"))
    if pooled:
        with run_generic_bootstrap(task) as bootstrap:
            yield bootstrap, bootstrap.become(environment)[0]
    else:
        with run_bootstrap(task, "app.handler", environment) as bootstrap:
            yield bootstrap, bootstrap.worker()


def run(task: Path, code: str, *, pooled: bool) -> object:
    """What a handler answers once."""
    (task / "app.py").write_text(code)
    for _, worker in start(task, pooled=pooled):
        answer = worker.invoke(b"{}")
        assert answer.kind == "result", answer
        return json.loads(answer.payload)
    return None


def test_a_tool_sees_every_invocation_and_its_outcome(tmp_path: Path, *, pooled: bool) -> None:
    (tmp_path / "tool.py").write_text(TOOL)
    (tmp_path / "app.py").write_text(APP)
    with run_oracle(tmp_path, "app.handler", environment_of(configure(tmp_path, "app.handler"))) as oracle:
        theirs = [oracle.invoke(event) for event in EVENTS]
        their_lines = [line for line in oracle.read_output().decode().splitlines() if line.startswith("tool:")]
    for _, worker in start(tmp_path, pooled=pooled):
        ours = [worker.invoke(event) for event in EVENTS]
        lines = [line for line in worker.output.decode().splitlines() if line.startswith("tool:")]
        assert lines == their_lines
        assert [(answer.kind, answer.payload) for answer in ours[:3]] == [(answer.kind, answer.payload) for answer in theirs[:3]]
        assert [answer.flags for answer in ours] == [
            0,
            frames.FAILED,
            frames.FAILED | frames.BAD_RESULT,
            frames.FAILED | frames.BAD_EVENT,
        ]
        assert len(lines) == 8


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Worker, Worker]]:
    """One whose invocations go through the hook, one whose do not."""
    task = tmp_path_factory.mktemp("probes")
    (task / "probe_handlers.py").symlink_to(Path(probe_handlers.__file__))
    hook = "import os\nif 'HOOKED' in os.environ: import awslambdaric.bootstrap\n"
    (task / "app.py").write_text(f"{hook}from probe_handlers import dispatch as handler\n")
    environment = environment_of(configure(task, "app.handler"))
    hooked = environment | {"HOOKED": ""}
    with run_bootstrap(task, "app.handler", hooked) as first, run_bootstrap(task, "app.handler", environment) as other:
        yield first.worker(), other.worker()


@pytest.mark.parametrize("case", probe_handlers.CASES)
def test_what_goes_through_the_hook_comes_out_the_same(workers: tuple[Worker, Worker], case: str) -> None:
    through, around = (worker.invoke(json.dumps({"case": case}).encode()) for worker in workers)
    assert (through.kind, through.flags, normalise(through.payload)) == (around.kind, around.flags, normalise(around.payload))


def normalise(payload: bytes) -> bytes:
    """How deep a recursion gets depends on how many frames are below the handler; an object's address is its own."""
    return re.sub(rb"repeated \d+ more times|0x[0-9a-f]+", b"", payload)


def test_it_is_found_wherever_tools_look(tmp_path: Path, *, pooled: bool) -> None:
    # The first is Sentry's way for Python 3.9 and later, the second that of Python 3.7.
    code = """
import sys
in_the_beginning = ["bootstrap" in sys.modules, "awslambdaric.bootstrap" in sys.modules]
main = sys.modules["__main__"]
by_main = hasattr(main, "awslambdaricmain") and hasattr(main.awslambdaricmain, "bootstrap") and main.awslambdaricmain.bootstrap
import bootstrap, awslambdaric, awslambdaric.bootstrap, importlib.util
from awslambdaric.lambda_context import LambdaContext
def handler(event, context):
    return [
        in_the_beginning, by_main is bootstrap is awslambdaric.bootstrap is sys.modules["bootstrap"], isinstance(context, LambdaContext),
        hasattr(bootstrap, "handle_http_request"), bootstrap._GLOBAL_AWS_REQUEST_ID, importlib.util.find_spec("awslambdaric") is not None,
        hasattr(main.awslambdaricmain, "anything"),
    ]
"""
    assert run(tmp_path, code, pooled=pooled) == [[False, False], True, True, False, "request-1", True, False]


def test_a_hook_that_comes_with_an_invocation_is_there_for_the_next(tmp_path: Path) -> None:
    (tmp_path / "tool.py").write_text(TOOL)
    (tmp_path / "app.py").write_text("def handler(event, context):\n    import tool\n")
    for _, worker in start(tmp_path, pooled=False):
        worker.invoke(b"1")
        assert worker.output == b""
        worker.invoke(b"2")
        assert worker.output.startswith(b"tool: before request-2 2\n")


def test_the_users_own_bootstrap_is_theirs(tmp_path: Path, *, pooled: bool) -> None:
    (tmp_path / "bootstrap.py").write_text("MINE = True\n")
    assert run(tmp_path, "import bootstrap\ndef handler(event, context):\n    return bootstrap.MINE\n", pooled=pooled)


def test_a_tool_sees_an_import_that_fails(tmp_path: Path) -> None:
    (tmp_path / "tool.py").write_text(TOOL)
    (tmp_path / "app.py").write_text("import tool\n1 / 0\n")
    with run_bootstrap(tmp_path, "app.handler") as bootstrap:
        process = bootstrap.fork(prepare=True)
        process.expect(frames.INIT_FAILED)
        assert process.wait() == 1 << 8
        assert b"tool: post_init_error" in process.output


def test_a_hook_that_answers_nothing_ends_the_process(tmp_path: Path) -> None:
    code = "import awslambdaric.bootstrap as b\nb.handle_event_request = lambda *a, **k: None\ndef handler(event, context): pass\n"
    (tmp_path / "app.py").write_text(code)
    for _, worker in start(tmp_path, pooled=False):
        assert worker.invoke(b"{}").payload == b"256"


def test_names_and_parameters_are_awss(monkeypatch: pytest.MonkeyPatch) -> None:
    real = {name: sys.modules[f"awslambdaric.{name}"] for name in ("bootstrap", "lambda_runtime_client")}
    for name in [name for name in sys.modules if name.startswith("awslambdaric")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys.modules["__main__"], "awslambdaricmain", None, raising=False)
    assert awslambdaric.__version__ == hooks.VERSION
    hooks.offer()
    mine = {name: importlib.import_module(f"awslambdaric.{name}") for name in real}
    for name in ("handle_event_request", "create_lambda_context", "log_error", "make_xray_fault", "update_xray_env_variable"):
        assert parameters(getattr(mine["bootstrap"], name)) == parameters(getattr(real["bootstrap"], name)), name
    client, theirs = mine["bootstrap"].LambdaRuntimeClient, real["bootstrap"].LambdaRuntimeClient
    for name in ("__init__", "post_init_error", "post_invocation_result", "post_invocation_error"):
        assert parameters(getattr(client, name)) == parameters(getattr(theirs, name)), name
    for name in ("LambdaContext", "LambdaRuntimeClient", "FaultException", "to_json", "_get_handler", "make_error", "Unbuffered"):
        assert hasattr(mine["bootstrap"], name) == hasattr(real["bootstrap"], name) is True
    for name in [name for name in sys.modules if name.startswith("awslambdaric")]:
        monkeypatch.delitem(sys.modules, name)


def parameters(function: object) -> list[str]:
    return list(inspect.signature(function).parameters)  # type: ignore[arg-type]
