"""A bootstrap that has imported much ahead and learns its function later: nothing of that shows."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from lambent_shim.workers import frames
from lambent_shim.workers.spawn import send_ends
from tests.support.bootstrap_driver import (
    PYTHON,
    RUNTIME_DIR,
    Bootstrap,
    Worker,
    configure,
    environment_of,
    run_bootstrap,
    run_generic_bootstrap,
)

SEE = """
import os, random, signal, sys, threading, time, uuid
loaded = sorted(sys.modules)
at_import = os.getpid()

def handler(event, context):
    try:
        os.wait()
        children = "some"
    except ChildProcessError:
        children = "none"
    return {
        "environment": dict(os.environ), "argv": sys.argv, "path": sys.path, "cwd": os.getcwd(),
        "flags": str(sys.flags), "executable": sys.executable, "zone": time.tzname, "children": children,
        "threads": threading.active_count(), "bytecode": sys.dont_write_bytecode,
        "signals": [str(signal.getsignal(n)) for n in sorted(signal.valid_signals())], "prefix": sys.prefix,
        "streams": [type(s).__name__ for s in (sys.stdin, sys.stdout, sys.stderr)], "encoding": sys.stdout.encoding,
        "session": os.getsid(0) == os.getpid(), "recursion": sys.getrecursionlimit(),
        "importers": [getattr(each, "__name__", type(each).__name__) for each in sys.meta_path],
    }
"""
DRAW = """
import os, random, uuid

def handler(event, context):
    return [random.random(), str(uuid.uuid4()), os.getpid(), numpy.random.draw()]
"""


def write(folder: Path, **code: str) -> dict[str, str]:
    for name, text in code.items():
        (folder / f"{name}.py").write_text(text)
    return environment_of(configure(folder, "app.handler")) | {"STAGE": "dev", "TZ": "Asia/Tokyo", "ODD": "\udcff=ü"}


def worker_of(template: Worker, bootstrap: Bootstrap) -> Worker:
    template.expect(frames.READY)
    worker = bootstrap.fork(template, prepare=False)
    worker.expect(frames.READY)
    return worker


def test_a_handler_sees_what_it_sees_in_a_pod_of_its_own(tmp_path: Path) -> None:
    environment = write(tmp_path, app=SEE)
    with run_bootstrap(tmp_path, "app.handler", environment) as bootstrap:
        own = json.loads(bootstrap.worker().invoke(b"{}").payload)
    with run_generic_bootstrap(tmp_path) as bootstrap:
        first, template = bootstrap.become(environment, flags=frames.ALWAYS_SHARE)
        seen = [json.loads(first.invoke(b"{}").payload), json.loads(worker_of(template, bootstrap).invoke(b"{}").payload)]
    variables = own.pop("environment")
    # An interpreter that a wrapper of this machine's starts has variables of that wrapper's too.
    assert {name: variables[name] for name in ("ODD", "STAGE", "TZ", "_HANDLER")}.items() <= environment.items()
    for each in seen:
        assert each.pop("environment") == environment
        assert each == own


def test_what_differs_in_sys_modules_is_only_more(tmp_path: Path) -> None:
    environment = write(tmp_path, app="import sys\nloaded = sorted(sys.modules)\ndef handler(event, context):\n    return loaded\n")
    with run_bootstrap(tmp_path, "app.handler", environment) as bootstrap:
        own = set(json.loads(bootstrap.worker().invoke(b"{}").payload))
    with run_generic_bootstrap(tmp_path) as bootstrap:
        pooled = set(json.loads(bootstrap.become(environment)[0].invoke(b"{}").payload))
    assert own <= pooled
    assert {"ssl", "asyncio", "uuid", "urllib.request", "decimal"} <= pooled - own


NUMPY = """
import os
from array import array
state = ["MT19937", array("B", b"as imported"), 0]
def seed(value=None):
    state[1] = array("B", os.urandom(8) if value is None else value)
def get_state():
    return tuple(state)
def draw():
    return state[1].tobytes().hex()
"""


@pytest.mark.parametrize("seeded", ["", "numpy.random.seed(b'mine')\n"])
def test_no_two_workers_draw_the_same_from_what_was_imported_ahead_unless_the_code_says_so(tmp_path: Path, seeded: str) -> None:
    (tmp_path / "extra" / "numpy").mkdir(parents=True)
    (tmp_path / "extra" / "numpy" / "__init__.py").touch()
    (tmp_path / "extra" / "numpy" / "random.py").write_text(NUMPY)
    task = tmp_path / "task"
    task.mkdir()
    environment = write(task, app=f"import numpy.random, time\n{seeded}time.sleep(0.05)\n{DRAW}")
    with run_generic_bootstrap(task, "numpy.random", PYTHONPATH=str(tmp_path / "extra")) as bootstrap:
        first, template = bootstrap.become(environment)
        # Seeded by the code, the generator is not the one that was there before: each worker imports, and seeds, for itself.
        source = None if seeded else template
        assert (template.next_frame() is None) == bool(seeded)
        workers = [first, bootstrap.fork(source, prepare=False), bootstrap.fork(source, prepare=False)]
        drawn = [json.loads(worker.invoke(b"{}").payload) for worker in workers]
    for values in zip(*(each[:-1] for each in drawn), strict=True):
        assert len(set(values)) == 3
    assert len({numpys for *_, numpys in drawn}) == (1 if seeded else 3)


def test_what_is_preloaded_is_there_and_what_is_missing_is_said(tmp_path: Path) -> None:
    (tmp_path / "extra").mkdir()
    (tmp_path / "extra" / "bundled.py").write_text("LOADED = True\n")
    (tmp_path / "extra" / "broken.py").write_text("1 / 0\n")
    arguments = [PYTHON, "-c", CHECK, str(RUNTIME_DIR)]
    found = subprocess.run(
        arguments, check=True, capture_output=True, text=True, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path / "extra")}
    )
    *said, names = found.stdout.splitlines()
    assert [line.partition(" is left out")[0] for line in said] == ["preload: absent_package", "preload: broken"]
    assert {"bundled", "uuid", "ssl", "socket"} <= set(json.loads(names))
    assert not {"json", "logging", "sys", "os", "lambent_runtime"} & set(json.loads(names))


CHECK = """
import json, sys
sys.path.append(sys.argv[1])
from lambent_runtime.ahead import import_ahead
print(json.dumps(import_ahead(["absent_package", "bundled", "broken"])))
"""


@pytest.mark.parametrize(
    "code", ["import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n", "f = open(__file__)\n"]
)
def test_what_cannot_be_forked_serves_and_declines_the_template(tmp_path: Path, code: str) -> None:
    environment = write(tmp_path, app=code + "def handler(event, context):\n    return event\n")
    with run_generic_bootstrap(tmp_path) as bootstrap:
        worker, template = bootstrap.become(environment)
        assert worker.invoke(b"[1]").payload == b"[1]"
        assert template.next_frame() is None


@pytest.mark.parametrize(("slow", "has_template"), [("", False), ("import time\ntime.sleep(0.05)\n", True)], ids=["quick", "slow"])
def test_only_a_slow_import_is_kept_for_the_workers_to_come(tmp_path: Path, slow: str, *, has_template: bool) -> None:
    environment = write(tmp_path, app=slow + "def handler(event, context):\n    return event\n")
    with run_generic_bootstrap(tmp_path) as bootstrap:
        worker, template = bootstrap.become(environment)
        assert worker.invoke(b"[1]").payload == b"[1]"
        frame = template.next_frame()
        assert (frame is not None and frame.kind == frames.STARTED) == has_template


def test_a_template_outlives_the_first_worker(tmp_path: Path) -> None:
    environment = write(
        tmp_path, app="import os\ndef handler(event, context):\n    os._exit(3) if event else None\n    return os.getpid()\n"
    )
    with run_generic_bootstrap(tmp_path) as bootstrap:
        first, template = bootstrap.become(environment, flags=frames.ALWAYS_SHARE)
        assert first.invoke(b"1").kind == "exit"
        assert json.loads(worker_of(template, bootstrap).invoke(b"0").payload) not in (first.pid, template.pid)


def test_a_module_may_replace_what_the_copy_is_made_with(tmp_path: Path) -> None:
    # As gevent and eventlet do.
    code = "import os, time\ntime.sleep = os.waitpid = None\ndef handler(event, context):\n    return event\n"
    environment = write(tmp_path, app=code)
    with run_generic_bootstrap(tmp_path) as bootstrap:
        first, template = bootstrap.become(environment, flags=frames.ALWAYS_SHARE)
        assert [first.invoke(b"[%d]" % number).payload for number in range(3)] == [b"[0]", b"[1]", b"[2]"]
        assert json.loads(template.expect(frames.READY).meta)["template"]


def test_code_that_closes_all_it_finds_costs_the_template_at_most(tmp_path: Path) -> None:
    code = "import os\nos.closerange(3, 800)\ndef handler(event, context):\n    os.closerange(3, 800)\n    return event\n"
    environment = write(tmp_path, app=code)
    with run_generic_bootstrap(tmp_path) as bootstrap:
        first, template = bootstrap.become(environment, flags=frames.ALWAYS_SHARE)
        for worker in (first, worker_of(template, bootstrap)):
            assert worker.invoke(b"[1]").payload == b"[1]"
    (tmp_path / "app.py").write_text(code.replace("800", "1024"))
    with run_generic_bootstrap(tmp_path) as bootstrap:
        worker = bootstrap.fork(prepare=True, held=True)
        worker.expect(frames.STARTED)
        ends = send_ends(worker.ends.channel, frames.encode(frames.CONFIGURE, payload=json.dumps(environment).encode()))
        assert worker.next_frame() is None  # its own channel is gone too: the shim starts another one
        template = Worker(ends)
        assert template.next_frame() is None
        template.close()


@pytest.mark.parametrize("pooled", [False, True])
def test_path_files_beside_the_code_are_read_as_on_lambda(tmp_path: Path, *, pooled: bool) -> None:
    (tmp_path / "vendored").mkdir()
    (tmp_path / "vendored" / "inner.py").write_text("NAME = __name__\n")
    (tmp_path / "vendored.pth").write_text("vendored\n")
    environment = write(tmp_path, app="import inner\ndef handler(event, context):\n    return inner.NAME\n")
    with run_generic_bootstrap(tmp_path) if pooled else run_bootstrap(tmp_path, "app.handler", environment) as bootstrap:
        worker = bootstrap.become(environment)[0] if pooled else bootstrap.worker()
        assert worker.invoke(b"{}").payload == b'"inner"'
