"""Every example that needs no cluster answers as its events/calls.yaml says, served by `make dev`: a real activator and real shims."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.examples import EXAMPLES, Example, load_examples, perform
from tests.support.http_client import HttpClient
from tests.support.waiting import wait_for

NEED_A_CLUSTER = {"port-check"}  # looks at the cluster's own API server
SERVED = [example for example in load_examples() if example.name not in NEED_A_CLUSTER]


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpClient]:
    """`make dev` on examples/."""
    output = tmp_path_factory.mktemp("dev") / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "lambent", "dev", str(EXAMPLES), "--port", "0"],
            env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent / "operator")},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        serving = re.compile(r"serving \d+ functions at (http://\S+)")
        found = wait_for(lambda: serving.search(output.read_text(encoding="utf-8")), "the functions to be served")
        yield HttpClient(found[1])
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("example", SERVED, ids=[example.name for example in SERVED])
def test_the_example_answers_as_it_says(http: HttpClient, example: Example) -> None:
    problems = [problem for call in example.calls for problem in call.problems(perform(http, "default", example, call))]

    assert problems == []
