"""The root logger as the handler finds it: formats, levels, request ids, extra fields."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lambent_shim.workers import frames
from tests.support.bootstrap_driver import configure, environment_of, run_bootstrap, run_generic_bootstrap
from tests.support.runtime_api import run_oracle

CODE = """
import logging

logger = logging.getLogger("mine")
logging.getLogger().info("at import")
logging.getLogger().error("error at import")


def handler(event, context):
    root = logging.getLogger()
    if event.get("level"):
        root.setLevel(event["level"])
    root.debug("debug %s", 1)
    root.info("info")
    root.warning("warning with ünïcödé and\\nsecond line")
    logger.error("error", extra={"order": 7, "tags": ["a"], "odd": object})
    logger.warning({"a": "dictionary", "n": 1})
    logger.log(35, "between levels")
    try:
        1 / 0
    except ZeroDivisionError:
        logger.exception("caught")
    context.log("by the context\\n")
    context.log(42)
    print([type(h).__name__ for h in root.handlers], root.level)
    if event.get("fail"):
        raise ValueError("in the end")
"""


def normalise(text: str) -> str:
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", "TIME", text)
    return re.sub(r"LambdaLoggerHandlerWithFrameType", "LambdaLoggerHandler", text)


@pytest.mark.parametrize("fail", [False, True])
@pytest.mark.parametrize("level", ["", "DEBUG"])
@pytest.mark.parametrize(
    "logging",
    [
        {"format": "Text"},
        {"format": "JSON"},
        {"format": "JSON", "applicationLevel": "WARN"},
        {"format": "JSON", "applicationLevel": "TRACE"},
        {"format": "JSON", "applicationLevel": "FATAL"},
        {"format": "Text", "applicationLevel": "INFO"},
    ],
    ids=lambda logging: "-".join(logging.values()),
)
def test_log_lines_are_the_same(tmp_path: Path, logging: dict[str, Any], level: str, *, fail: bool) -> None:
    (tmp_path / "app.py").write_text(CODE)
    environment = environment_of(configure(tmp_path, "app.handler", logging=logging))
    event = json.dumps({"level": level, "fail": fail}).encode()
    with run_oracle(tmp_path, "app.handler", environment, telemetry=True) as oracle:
        oracle.invoke(event)
        theirs = [normalise(line) for record in oracle.read_records() for line in record.rstrip("\n").split("\n")]
    with run_bootstrap(tmp_path, "app.handler", environment) as bootstrap:
        template, _ = bootstrap.initialise(frames.ALWAYS_SHARE)
        worker = bootstrap.fork(template, prepare=False)
        worker.invoke(event)
        said = [template.output + worker.output]
    with run_generic_bootstrap(tmp_path) as bootstrap:
        worker, _ = bootstrap.become(environment)
        worker.invoke(event)
        said.append(worker.output)
    for output in said:
        ours = [normalise(line) for line in output.decode().split("\n") if line]
        assert [line for line in ours if line.startswith("['")] != []
        assert [line for line in ours if not line.startswith("['")] == [line for line in theirs if line]
