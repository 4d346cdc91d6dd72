"""An activator takes requests once it knows what there is: after a restart, a 404 of a function that is there would be a lie."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path

from lambent.activator.app import run
from lambent.settings.activator import ActivatorSettings
from tests.support.kube_world import KubeWorld

CONFIG = """
{{apiVersion: v1, kind: Config, current-context: c, contexts: [{{name: c, context: {{cluster: c, user: u}}}}],
 clusters: [{{name: c, cluster: {{server: '{url}'}}}}], users: [{{name: u, user: {{}}}}]}}
"""
FUNCTION = {
    "apiVersion": "lambent.dev/v1alpha1",
    "kind": "Function",
    "metadata": {"namespace": "default", "name": "hello", "generation": 1},
    "spec": {"runtime": "python3.11", "code": {"inline": {"app.py": ""}}},
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def read(port: int, request: str) -> str:
    """The first line of an answer; empty where nobody listens."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return ""
    writer.write(f"{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    line = (await reader.readline()).decode()
    writer.close()
    return line


async def wait_for_answer(port: int, request: str) -> str:
    async with asyncio.timeout(20):
        while not (line := await read(port, request)):  # noqa: ASYNC110 - what is waited for happens in a task that knows of no tests
            await asyncio.sleep(0.02)
    return line


def test_it_takes_no_request_before_it_knows_the_functions(tmp_path: Path) -> None:
    http_port, status_port = free_port(), free_port()
    url = "GET /2015-03-31/functions/nobody/invocations"

    async def scenario() -> None:
        async with KubeWorld() as world:
            world.put("Function", FUNCTION)
            world.down = True
            (tmp_path / "config").write_text(CONFIG.format(url=world.url))
            settings = ActivatorSettings(
                kubeconfig=str(tmp_path / "config"),
                http_port=http_port,
                link_port=0,
                status_port=status_port,
                autoscaler="",
                settle_seconds=0,
                drain_seconds=0,
            )
            running = asyncio.create_task(run(settings))
            try:
                assert " 503 " in await wait_for_answer(status_port, "GET /readyz")
                assert await read(http_port, url) == ""

                world.down = False

                assert await wait_for_answer(http_port, url)
                assert " 200 " in await read(status_port, "GET /readyz")
            finally:
                running.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await running

    asyncio.run(scenario())
