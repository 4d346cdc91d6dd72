"""Handlers that cannot be imported: the same error, the same log, the same end of the process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lambent_shim.workers import frames
from tests.support.bootstrap_driver import configure, environment_of, run_bootstrap
from tests.support.runtime_api import run_oracle

CODE = {
    "fine.py": "def handler(event, context):\n    return 1\n",
    "missing.py": "import no_such_module\n",
    "relative.py": "from . import nothing\n",
    "broken.py": "def handler(event, context)\n    return 1\n",
    "indented.py": "def handler(event, context):\nreturn 1\n",
    "raises.py": "def check():\n    raise ValueError('at import')\n\ncheck()\n",
    "nested/__init__.py": "",
    "nested/inner.py": "import json\n1 / 0\n",
    "imports_broken.py": "import broken\n",
    "imports_raising.py": "import raises\n",
    "attribute.py": "import os\nos.no_such_attribute\n",
    "warns.py": "import logging\nlogging.warning('at import')\nprint('printed')\nraise KeyError('k')\n",
}
EXITING = {
    "exits.py": "import sys\nsys.exit(5)\n",
    "exits_quietly.py": "import sys\nsys.exit()\n",
    "exits_with_text.py": "import sys\nsys.exit('bye')\n",
    "interrupts.py": "raise KeyboardInterrupt\n",
    "dies.py": "import os\nos._exit(9)\n",
    "killed.py": "import os\nos.kill(os.getpid(), 9)\n",
}


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(
    "handler",
    [
        "absent.handler", "missing.handler", "relative.handler", "broken.handler", "indented.handler", "raises.handler",
        "nested.inner.handler", "nested/inner.handler",
        "imports_broken.handler", "imports_raising.handler", "attribute.handler", "warns.handler",
        "fine.nothing", "fine", "", "sys.exit", "time.sleep", "fine.handler.more", ".handler", "fine.",
    ],
)  # fmt: skip
def test_the_error_is_the_same(tmp_path: Path, handler: str) -> None:
    write(tmp_path, CODE)
    # The shim's configuration takes no empty handler; the bootstrap reads what it is given.
    environment = environment_of(configure(tmp_path, handler or "x")) | {"_HANDLER": handler}
    with run_oracle(tmp_path, handler, environment, telemetry=True) as oracle:
        theirs = oracle.next_answer()
        oracle.process.wait()
        records = oracle.read_records()
    with run_bootstrap(tmp_path, "x", environment) as bootstrap:
        template = bootstrap.fork(prepare=True)
        error = template.expect(frames.INIT_FAILED).payload
        status = template.wait()
        said = template.output.decode()
    assert json.loads(error) == json.loads(theirs.payload)
    assert status == 1 << 8
    for record in records:
        assert _without_time(record).rstrip("\n") in _without_time(said)


def _without_time(text: str) -> str:
    return "\n".join(line.split("\t", 2)[-1] if line.startswith("[WARNING]\t") else line for line in text.split("\n"))


@pytest.mark.parametrize("name", EXITING)
def test_what_ends_the_process_at_import_ends_it_the_same_way(tmp_path: Path, name: str) -> None:
    write(tmp_path, EXITING)
    handler = f"{Path(name).stem}.handler"
    environment = environment_of(configure(tmp_path, handler))
    with run_oracle(tmp_path, handler, environment) as oracle:
        theirs = oracle.next_answer()
    with run_bootstrap(tmp_path, handler, environment) as bootstrap:
        template = bootstrap.fork(prepare=True)
        template.expect(frames.STARTED)
        status = template.wait()
    assert theirs.kind == "exit"
    assert status & 0xFF7F == int(theirs.payload)
