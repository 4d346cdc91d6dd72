"""Health, readiness and metrics, as a kubelet and a Prometheus ask for them."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter

from lambent.telemetry.status_server import StatusServer


async def ask(port: int, path: str, accept: str = "*/*") -> tuple[int, str, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}", headers={"Accept": accept}) as response:
        return response.status, await response.text(), response.headers["Content-Type"]


def test_each_check_says_for_itself_why_it_is_not_ready() -> None:
    async def run() -> None:
        reasons: dict[str, str | None] = {"watches": "not listed yet", "lease": None}
        checks = {name: (lambda name=name: reasons[name]) for name in reasons}
        async with StatusServer(0, CollectorRegistry(), ready=checks, host="127.0.0.1") as server:
            assert (await ask(server.port, "/readyz"))[:2] == (503, "watches: not listed yet\n")
            assert (await ask(server.port, "/healthz"))[:2] == (200, "ok\n")
            reasons["watches"] = None
            assert (await ask(server.port, "/readyz"))[:2] == (200, "ok\n")

    asyncio.run(run())


def test_a_process_that_is_not_healthy_says_so() -> None:
    async def run() -> None:
        async with StatusServer(0, CollectorRegistry(), healthy={"loop": lambda: "stuck"}, host="127.0.0.1") as server:
            assert (await ask(server.port, "/healthz"))[:2] == (503, "loop: stuck\n")
            assert (await ask(server.port, "/readyz"))[0] == 200

    asyncio.run(run())


@pytest.mark.parametrize(
    ("accept", "content_type"), [("*/*", "text/plain"), ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text")]
)
def test_metrics_are_those_of_the_registry_in_the_format_that_was_asked_for(accept: str, content_type: str) -> None:
    async def run() -> None:
        registry = CollectorRegistry()
        Counter("things", "Things.", registry=registry).inc(3)
        async with StatusServer(0, registry, host="127.0.0.1") as server:
            status, text, found = await ask(server.port, "/metrics", accept)
            assert status == 200
            assert found.startswith(content_type)
            assert "things_total 3.0" in text

    asyncio.run(run())


def test_a_port_that_is_taken_is_an_error_and_a_closed_server_frees_its_own() -> None:
    async def run() -> None:
        async with StatusServer(0, CollectorRegistry(), host="127.0.0.1") as first:
            with pytest.raises(OSError, match="address already in use"):
                await StatusServer(first.port, CollectorRegistry(), host="127.0.0.1").start()
        async with StatusServer(first.port, CollectorRegistry(), host="127.0.0.1") as second:
            assert (await ask(second.port, "/healthz"))[0] == 200

    asyncio.run(run())
