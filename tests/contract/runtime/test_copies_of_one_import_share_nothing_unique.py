"""What an import has drawn that only one environment may have is each worker's own, as on Lambda, where each imports for itself."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lambent_shim.workers import frames
from tests.support.bootstrap_driver import Bootstrap, Worker, configure, environment_of, run_bootstrap, run_generic_bootstrap

HANDLER = "\ndef handler(event, context):\n    return DRAW()\n"
SLOW = "import time\ntime.sleep(0.05)  # longer than what each worker imports for itself anyway\n"

DRAWN = {
    "a generator": "import random\nrng = random.Random()\nDRAW = rng.random",
    "a generator of a subclass": "import random\nclass Mine(random.Random): pass\nrng = Mine()\nDRAW = lambda: rng.random()",
    "a number": "import random\nN = random.random()\nDRAW = lambda: N",
    "a shuffled list": "import random\nN = list(range(100))\nrandom.shuffle(N)\nDRAW = lambda: N",
    "an id": "import uuid\nID = str(uuid.uuid4())\nDRAW = lambda: ID",
    "bytes": "import os\nKEY = os.urandom(8).hex()\nDRAW = lambda: KEY",
    "bytes by another name": "from os import urandom\nKEY = urandom(8).hex()\nDRAW = lambda: KEY",
    "a secret": "import secrets\nKEY = secrets.token_hex()\nDRAW = lambda: KEY",
    "a number of the system's": "import random\nN = random.SystemRandom().random()\nDRAW = lambda: N",
    "a folder": "import tempfile\nD = tempfile.mkdtemp()\nDRAW = lambda: D",
    "a file's name": "import tempfile\nwith tempfile.NamedTemporaryFile() as f: N = f.name\nDRAW = lambda: N",
    "an open file": "import tempfile\nF = tempfile.NamedTemporaryFile()\nDRAW = lambda: F.name",
}
NUMPY_DRAWN = {
    "numpy's functions": "import numpy\nDRAW = lambda: numpy.random.rand()",
    "a number of numpy's": "import numpy\nN = numpy.random.rand()\nDRAW = lambda: N",
    "a generator of numpy's": "import numpy\nrng = numpy.random.default_rng()\nDRAW = lambda: rng.random()",
    "a generator of numpy's older kind": "import numpy\nrng = numpy.random.RandomState()\nDRAW = lambda: rng.rand()",
}
SEEDED = {
    "random": "import random\nrandom.seed(42)\nDRAW = random.random",
    "a generator": "import random\nrng = random.Random(42)\nDRAW = rng.random",
    "numpy": "import numpy\nnumpy.random.seed(42)\nDRAW = lambda: numpy.random.rand()",
    "a generator of numpy's": "import numpy\nrng = numpy.random.default_rng(42)\nDRAW = lambda: rng.random()",
}


@pytest.fixture(scope="module")
def numpy_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with numpy alone, for the function's interpreter."""
    spec = importlib.util.find_spec("numpy")
    assert spec is not None
    assert spec.origin
    package, folder = Path(spec.origin).parent, tmp_path_factory.mktemp("packages")
    (folder / "numpy").symlink_to(package)
    (folder / "numpy.libs").symlink_to(package.with_name("numpy.libs"))
    return str(folder)


class Pod:
    """Workers of one function, in a pod of its own or in a pool pod."""

    def __init__(self, bootstrap: Bootstrap, first: Worker, template: Worker | None) -> None:
        self.bootstrap = bootstrap
        self._first: Worker | None = first
        self.template = template

    def worker(self) -> Worker:
        """One more."""
        first, self._first = self._first, None
        return first or self.bootstrap.fork(self.template, prepare=False)


@contextmanager
def run_pod(task: Path, code: str, *, pooled: bool, sharing: int = 0, **variables: str) -> Iterator[Pod]:
    (task / "app.py").write_text(code)
    environment = environment_of(configure(task, "app.handler")) | {"OPENBLAS_NUM_THREADS": "1"} | variables
    if pooled:
        with run_generic_bootstrap(task, OPENBLAS_NUM_THREADS="1", **variables) as bootstrap:
            first, apart = bootstrap.become(environment, flags=sharing)
            alive = apart.next_frame()
            yield Pod(bootstrap, first, apart if alive else None)
    else:
        with run_bootstrap(task, "app.handler", environment) as bootstrap:
            first, ready = bootstrap.initialise(sharing)
            template = first if ready["template"] else None
            yield Pod(bootstrap, bootstrap.fork(first, prepare=False) if template else first, template)


def draw(pod: Pod, workers: int = 3) -> list[Any]:
    """What that many workers answer."""
    answers = [pod.worker().invoke(b"{}") for _ in range(workers)]
    assert [answer.kind for answer in answers] == ["result"] * workers, answers
    return [json.loads(answer.payload) for answer in answers]


@pytest.mark.parametrize("pooled", [False, True], ids=["own pod", "pool pod"])
@pytest.mark.parametrize("slow", ["", SLOW], ids=["quick", "slow"])
@pytest.mark.parametrize("what", DRAWN)
def test_each_worker_has_its_own(tmp_path: Path, what: str, slow: str, *, pooled: bool) -> None:
    with run_pod(tmp_path, slow + DRAWN[what] + HANDLER, pooled=pooled) as pod:
        drawn = draw(pod)
        assert len({str(each) for each in drawn}) == len(drawn)


@pytest.mark.parametrize("pooled", [False, True], ids=["own pod", "pool pod"])
@pytest.mark.parametrize("what", NUMPY_DRAWN)
def test_each_worker_has_its_own_of_numpys(tmp_path: Path, numpy_folder: str, what: str, *, pooled: bool) -> None:
    with run_pod(tmp_path, NUMPY_DRAWN[what] + HANDLER, pooled=pooled, PYTHONPATH=numpy_folder) as pod:
        assert len(set(draw(pod))) == 3


@pytest.mark.parametrize("pooled", [False, True], ids=["own pod", "pool pod"])
@pytest.mark.parametrize("what", SEEDED)
def test_what_the_code_seeds_is_the_same_in_each_worker(tmp_path: Path, numpy_folder: str, what: str, *, pooled: bool) -> None:
    with run_pod(tmp_path, SLOW + SEEDED[what] + HANDLER, pooled=pooled, PYTHONPATH=numpy_folder) as pod:
        assert len(set(draw(pod))) == 1


@pytest.mark.parametrize("pooled", [False, True], ids=["own pod", "pool pod"])
def test_a_plain_import_that_takes_its_time_is_shared(tmp_path: Path, numpy_folder: str, *, pooled: bool) -> None:
    plain = (
        "import decimal, multiprocessing, numpy, os, random, tempfile, uuid\ntempfile.gettempdir()\nDRAW = lambda: PID\nPID = os.getpid()\n"
    )
    with run_pod(tmp_path, SLOW + plain + HANDLER, pooled=pooled, PYTHONPATH=numpy_folder) as pod:
        assert len(set(draw(pod))) == 1


@pytest.mark.parametrize("pooled", [False, True], ids=["own pod", "pool pod"])
@pytest.mark.parametrize("code", [DRAWN["a generator"], *NUMPY_DRAWN.values()])
def test_where_all_is_to_be_shared_every_generator_begins_anew(tmp_path: Path, numpy_folder: str, code: str, *, pooled: bool) -> None:
    own = "N = numpy" in code
    with run_pod(tmp_path, SLOW + code + HANDLER, pooled=pooled, sharing=frames.ALWAYS_SHARE, PYTHONPATH=numpy_folder) as pod:
        assert pod.template is not None
        assert len(set(draw(pod))) == (1 if own else 3)


@pytest.mark.parametrize("pooled", [False, True], ids=["own pod", "pool pod"])
def test_where_nothing_is_to_be_shared_each_worker_imports_for_itself(tmp_path: Path, *, pooled: bool) -> None:
    code = SLOW + "import os\nPID = os.getpid()\nDRAW = lambda: PID"
    with run_pod(tmp_path, code + HANDLER, pooled=pooled, sharing=frames.NEVER_SHARE) as pod:
        assert len(set(draw(pod))) == 3


def test_what_the_import_has_called_is_as_it_was_once_it_has_run(tmp_path: Path) -> None:
    code = "import os, random, uuid\nDRAW = lambda: [repr(os.urandom), random.Random.seed.__module__, repr(random._urandom)]"
    with run_pod(tmp_path, code + HANDLER, pooled=False) as pod:
        [(builtin, seed, shared)] = draw(pod, 1)
        assert builtin == shared == "<built-in function urandom>"
        assert seed == "random"


def test_generators_of_modules_that_were_imported_ahead_begin_anew_in_each_worker(tmp_path: Path) -> None:
    (tmp_path / "extra").mkdir()
    (tmp_path / "extra" / "ahead_of_all.py").write_text("import random\nrng = random.Random()\n")
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "app.py").write_text(f"import ahead_of_all\nDRAW = ahead_of_all.rng.random\n{HANDLER}")
    environment = environment_of(configure(tmp_path / "task", "app.handler"))
    with run_generic_bootstrap(tmp_path / "task", "ahead_of_all", PYTHONPATH=str(tmp_path / "extra")) as bootstrap:
        first, _ = bootstrap.become(environment)
        workers = [first, bootstrap.fork(prepare=False), bootstrap.fork(prepare=False)]
        assert len({worker.invoke(b"{}").payload for worker in workers}) == 3
