"""A generic pod of the real shim, and activators that tell it what to become."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lambent.api import link as wire
from tests.support.bootstrap_driver import PYTHON, RUNTIME_DIR
from tests.support.patience import FUNCTION_TIMEOUT_SECONDS
from tests.support.scripted_activator import ScriptedActivator, ScriptedLink, Shim, run_shim_process

HELLO = 'def handler(event, context):\n    return {"hello": event.get("name", "world")}\n'


def become(
    code: Mapping[str, str | bytes] | str = HELLO,
    *,
    function: str = "probe",
    revision: str = "0123456789",
    env: list[list[Any]] | None = None,
    **fields: Any,
) -> bytes:
    """A BECOME frame; `code` alone is `app.py`."""
    files = {"app.py": code} if isinstance(code, str) else code
    shim = {
        "namespace": "default",
        "function": function,
        "revision": revision,
        "runtime": "python3.11",
        "handler": "app.handler",
        "version": "$LATEST",
        "timeoutSeconds": FUNCTION_TIMEOUT_SECONDS,
        "memoryMiB": 128,
        "concurrency": 1,
        "region": "us-east-1",
        "arn": f"arn:aws:lambda:us-east-1:default:function:{function}",
        "logging": {"format": "Text"},
    }
    head = {"shim": shim | fields, "env": env or []}
    return wire.encode_become(head, {path: text.encode() if isinstance(text, str) else text for path, text in files.items()})


async def became(link: ScriptedLink) -> dict[str, Any]:
    """The next frame, a BECAME."""
    return wire.decode_control(await link.expect(wire.BECAME))


@asynccontextmanager
async def run_pool_pod(
    folder: Path, *activators: ScriptedActivator, environment: Mapping[str, str] | None = None, **fields: Any
) -> AsyncIterator[Shim]:
    """A generic pod with `task` and `tmp` below a folder, made where they are not there."""
    for name in ("task", "tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    configuration = {
        "pool": True,
        "namespace": "default",
        "runtime": "python3.11",
        "activators": [activator.address for activator in activators],
        "taskRoot": str(folder / "task"),
        "scratchDir": str(folder / "tmp"),
        "statusPort": 0,
        "runtimeDir": str(RUNTIME_DIR),
        "python": PYTHON,
        "pod": "pool-1",
        "parentPid": os.getpid(),
    }
    async with run_shim_process(configuration | fields, environment or {}) as shim:
        yield shim


@asynccontextmanager
async def linked_pool_pod(folder: Path, *, links: int = 1, **fields: Any) -> AsyncIterator[tuple[list[ScriptedLink], Shim]]:
    """A generic pod that so many activators have welcomed."""
    activators = [ScriptedActivator() for _ in range(links)]
    for activator in activators:
        await activator.listen()
    try:
        async with run_pool_pod(folder, *activators, **fields) as shim:
            opened = []
            for number, activator in enumerate(activators, 1):
                link = await activator.accept()
                link.welcome(name=f"activator-{number}")
                opened.append(link)
            yield opened, shim
    finally:
        for activator in activators:
            activator.close()
