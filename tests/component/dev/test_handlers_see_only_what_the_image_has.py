"""A handler under `dev` can import what it could in a cluster, and nothing else that happens to be installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest

from tests.support.dev_process import Dev, write

CODE = """
import importlib, json, os, subprocess, sys
def handler(event, context):
    if event.get("run"):
        return subprocess.run(["python3", "-c", f"import {event['import']}"], capture_output=True).returncode
    try:
        return importlib.import_module(event["import"]).__file__
    except ImportError as error:
        return {"error": str(error), "path": sys.path}
"""


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    folder = tmp_path_factory.mktemp("functions")
    write(folder, CODE)
    dev = Dev(folder)
    yield dev
    dev.end()


@pytest.mark.parametrize("module", ["aiohttp", "lambent", "lambent_shim", "uvloop", "picows", "kopf", "yaml", "pytest", "pip", "tests"])
def test_nothing_of_the_tools_can_be_imported(dev: Dev, module: str) -> None:
    status, answer = dev.invoke({"import": module})

    assert (status, answer["error"]) == (200, f"No module named '{module}'")
    assert [entry for entry in answer["path"] if ".venv" in entry or "operator" in entry] == []


def test_the_modules_that_cannot_be_imported_are_there_for_the_tools() -> None:
    assert all(importlib.util.find_spec(module) for module in ("aiohttp", "lambent", "uvloop", "yaml", "pytest"))


@pytest.mark.parametrize("module", ["json", "ssl", "boto3", "botocore.session", "dateutil.parser", "six", "urllib3", "simplejson"])
def test_the_standard_library_and_the_images_packages_can(dev: Dev, module: str) -> None:
    _, answer = dev.invoke({"import": module})

    assert str(answer).endswith(".py")


def test_a_python_that_a_handler_starts_is_the_same_one(dev: Dev) -> None:
    assert dev.invoke({"import": "json", "run": True})[1] == 0
    assert dev.invoke({"import": "aiohttp", "run": True})[1] == 1
    assert dev.invoke({"import": "boto3", "run": True})[1] == 0
